"""Explains in a sentence why a finalist has two figures on the validation data.

The figure of its trial is that of the best epoch; tables and charts of trials show it.
Then the finalist is trained further, or anew, and gets its own figure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from autoai4eo.learning.figures import find
from autoai4eo.learning.objectives import DEFAULTS, Objective
from autoai4eo.runs import phases
from autoai4eo.runs.ensembles import CAVEAT
from autoai4eo.runs.network_id import TRAINING, finalist_in
from autoai4eo.text import counted


def shown_metric(objectives: Sequence[Objective], known: Collection[str]) -> str:
    """Returns the main metric of a search.

    Args:
        objectives: of the search; the first that is no cost is the main metric.
        known: names of metrics of its trials. If all objectives are costs, the main
            metric is the default objective that is among them.
    """
    defaults = [o for o in DEFAULTS.values() if o.name in known]
    metrics = [o.name for o in (*objectives, *defaults) if not o.is_cost]
    return metrics[0] if metrics else DEFAULTS["class"].name


def two_figures(
    evaluation: Mapping[str, Any],
    of_trial: Mapping[str, Any],
    objectives: Sequence[Objective],
) -> str:
    """Explains the figures of the finalist and of its trial, and why they differ.

    Args:
        evaluation: the content of ``RUN/best/evaluation.json``.
        of_trial: the metrics of the finalist's trial or ensemble.
        objectives: of the search.

    Returns:
        A sentence; empty without a finalist, or without the metric.
    """
    name = shown_metric(objectives, of_trial)
    before = of_trial.get(name)
    finalist = finalist_in(evaluation)
    if finalist is None or before is None:
        return ""
    label, exact = find(name).label, find(name).exact
    begin = f"{label[:1].upper()}{label[1:]} on the validation data: "
    if finalist.is_ensemble:
        when = ""
        if evaluation.get("trained_on", TRAINING) != TRAINING:
            when = " before its networks were trained on all the data"
        return f"{begin}{exact(before)} is that of {finalist}{when}; {CAVEAT}."
    trial = f"{finalist}"
    in_search = f"{exact(before)} is that of {trial} in the search"
    if evaluation["trained_on"] != TRAINING:
        return (
            f"{begin}{in_search}; the finalist has the same architecture, trained anew "
            "on training and validation data together: validation data cannot judge it."
        )
    after = evaluation["metrics"].get(name, before)
    story = f"trained further from {trial}'s best epoch"
    again = "further training"
    if (epochs := evaluation.get("final_epochs")) is not None:
        again = f"training anew for {counted(epochs, 'epoch')}"
        story = f"trained anew for {counted(epochs, 'epoch')}"
    if evaluation.get("quantized", {}).get("epoch"):
        story += ", in the end with the rounding of int8"
    if exact(after) == exact(before):
        if len(phases.read(evaluation)) == 1:
            return f"{begin}{in_search} and of the finalist, whose network it is."
        reached = [p.best for p in phases.read(evaluation) if not p.kept and p.best]
        at_most = f", which reached {exact(reached[0])}," if reached else ""
        return (
            f"{begin}{in_search} and of the finalist: it is the network of this "
            f"trial's best epoch, as {again}{at_most} did not improve it."
        )
    return (
        f"{begin}{exact(after)} is that of the finalist, {in_search}; the finalist "
        f"was {story}. Tables of trials show the figure in the search, charts both."
    )
