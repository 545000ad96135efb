"""What the report says of the finalist, and of the evaluations of the networks."""

from __future__ import annotations

from typing import Any

from autoai4eo.learning.figures import FIGURES, METRICS, find
from autoai4eo.learning.intervals import is_too_narrow
from autoai4eo.runs import phases
from autoai4eo.runs.chosen import CURE
from autoai4eo.runs.evaluations import Evaluation
from autoai4eo.runs.network_id import TRAINING
from autoai4eo.runs.reading import Snapshot


def story(run: Snapshot) -> str:
    """Returns why the finalist has two figures, its training, and what is missing."""
    told = [run.two_figures]
    if run.finalist is not None and "epochs" in run.evaluation:
        is_ensemble = run.finalist.id.is_ensemble
        epochs = phases.told_epochs(run.evaluation["epochs"], run.phases, is_ensemble)
        told.append(f"The finalist's weights went through {epochs}.")
    if run.left_to_do is not None and run.state != "running":
        told.append(f"Something was interrupted: {run.left_to_do}; {CURE}.")
    return " ".join(filter(None, told))


def after_training(run: Snapshot, metric: str) -> float | None:
    """Returns the metric of the finalist after its own training.

    None if it is that of its trial, if it is an ensemble, or if validation data cannot
    judge it, as it was trained on them.
    """
    trial = run.finalist
    after = run.evaluation.get("metrics", {}).get(metric)
    if trial is None or trial.id.is_ensemble or after is None:
        return None
    before = trial.figures.get(metric)
    if run.evaluation.get("trained_on") != TRAINING or before is None:
        return None
    exact = find(metric).exact
    return float(after) if exact(after) != exact(before) else None


def evaluations(run: Snapshot) -> dict[str, Any]:
    """Returns a table of the evaluations on labelled data, the latest first."""
    found = run.evaluations[::-1]
    names = [n for n in METRICS if any(n in one.scores for one in found)]
    finalist = run.evaluation.get("network")
    return {
        "columns": [FIGURES[name].short for name in names],
        "rows": [
            {
                "data": one.told_data,
                "samples": one.data["samples"],
                "fingerprint": one.data["fingerprint"],
                "date": one.date,
                "network": one.told_of(finalist),
                "kind": "finalist" if _is_of_finalist(run, one) else "",
                "figures": [_figure(one.scores, name) for name in names],
            }
            for one in found
        ],
    }


def parts(run: Snapshot) -> list[tuple[str, dict[str, Any]]]:
    """Returns titles and scores of the finalist: validation, test, evaluations."""
    known = [("Validation", run.evaluation), ("Test", run.test)]
    for one in _of_finalist(run):
        known.append((f"Evaluation on {one.told_data}, {one.date}", {**one.scores}))
    return [
        (title, scores)
        for title, scores in known
        if {"confusion_matrix", "resampled_by"} & scores.keys()
    ]


def judged(run: Snapshot) -> list[tuple[str, dict[str, Any]]]:
    """Returns data, and scores of the finalist beside the references on them.

    Those on data that it has not seen come first, the latest before others, and those
    on the validation data, by which it was chosen, last.
    """
    known = [(one.name, {**one.scores}) for one in _of_finalist(run) if one.is_unseen]
    known += [("test", run.test), ("validation", run.evaluation)]
    return [(data, scores) for data, scores in known if "references" in scores]


def _of_finalist(run: Snapshot) -> list[Evaluation]:
    """The evaluations of the finalist except that of ``test.json``, latest first."""
    tested = {name: run.test[name] for name in run.test if name in METRICS}
    return [
        one
        for one in run.evaluations[::-1]
        if _is_of_finalist(run, one)
        and {n: value for n, value in one.scores.items() if n in METRICS} != tested
    ]


def _is_of_finalist(run: Snapshot, one: Evaluation) -> bool:
    return one.was_finalist and one.network == run.evaluation.get("network")


def _figure(scores: Any, name: str) -> tuple[float | None, str]:
    """Returns a score, and its text with the interval."""
    if name not in scores:
        return None, ""
    figure = FIGURES[name]
    text = figure.text(scores[name])
    if (ends := scores.get("intervals", {}).get(name)) is not None:
        few = ", too narrow" if is_too_narrow(scores.get("resampled_groups")) else ""
        text += f" ({' to '.join(map(figure.text, ends))}{few})"
    return scores[name], text
