"""Scores by city, scene or another group: an average can hide a place that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.groups import members
from autoai4eo.learning.evaluation import scored
from autoai4eo.learning.figures import VALIDATION
from autoai4eo.learning.lazy_outputs import Outputs
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.worst_group import LEAST

_KAPPA = "cohen_kappa"


def by_group(
    dataset: Dataset,
    output: Outputs,
    group: str,
    fitted: Mapping[str, Any] | None = None,
    block_km: float | None = None,
) -> dict[str, Any]:
    """Returns the scores of each group of samples, for JSON.

    Args:
        dataset: N samples with known targets.
        output: of the network for these samples, (N, …).
        group: name of the groups, see `autoai4eo.data.groups.members`.
        fitted: the result of `Task.fit`.
        block_km: side of the squares of the group ``"spatial_block"`` in kilometres.

    Returns:
        ``group`` and ``block_km``; ``metric``, the score of the task's default
        objective; ``groups``, by name the number of ``samples`` and the scores that a
        training reports, where kappa is None if the group has one class only; groups of
        masks without a known pixel are left out; ``worst`` and ``median`` of the
        metric, with the ``worst_group``, over the groups of ``least`` samples or more;
        None if there is none.

    Raises:
        UserError: no such groups.
    """
    task = task_of(dataset.target)
    metric = task.objective.name.removeprefix(VALIDATION)
    names, member = np.unique(members(dataset, group, block_km), return_inverse=True)
    least = 1 if dataset.target.kind == "mask" else LEAST  # a mask has many pixels
    groups: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(names):
        rows = np.flatnonzero(member == i)
        found = scored(dataset, output, None, fitted, rows).result()
        figures = {name: found[name] for name in (metric, *task.metrics)}
        present = dataset.num_classes - len(found.get("absent_classes", ()))
        if dataset.target.kind == "mask" and not present:
            continue
        if present == 1 and _KAPPA in figures:
            figures[_KAPPA] = None  # agreement beyond chance is not defined
        groups[str(name)] = {"samples": len(rows), **figures}
    large = {
        name: figures[metric]
        for name, figures in groups.items()
        if figures["samples"] >= least and figures[metric] is not None
    }
    pick = max if task.objective.direction == "min" else min
    worst = pick(large, key=lambda name: large[name]) if large else None
    return {
        "group": group,
        "block_km": block_km,
        "metric": metric,
        "least": least,
        "worst_group": worst,
        "worst": None if worst is None else large[worst],
        "median": float(np.median(list(large.values()))) if large else None,
        "groups": groups,
    }
