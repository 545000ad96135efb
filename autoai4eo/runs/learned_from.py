"""Tells whether a run's finalist learned from the data that it is scored on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import warn
from autoai4eo.runs.folder import Run


def warn_if_learned(run: Path, dataset: Dataset, evaluation: Mapping[str, Any]) -> None:
    """Warns if a finalist is scored on data that it was trained on.

    Args:
        run: the folder.
        dataset: that it is scored on.
        evaluation: the content of ``best/evaluation.json``; {} for another network.
    """
    if "trained_on" not in evaluation or not Run(run).exists:
        return
    mark = dataset.fingerprint()
    for role, known in Run(run).read()["data"].items():
        if role not in evaluation["trained_on"]:
            continue
        same_file = known["path"] == dataset.path and Path(dataset.path).exists()
        inside = same_file and known["samples"] < len(dataset)
        if inside or known["fingerprint"] == mark:
            what = "they include" if inside else "these are"
            warn(
                f"{dataset.path}: {what} the {role} data of {run}, which the "
                "finalist learned from: its scores on them say nothing about other "
                "data; evaluate it on data that it has not seen"
            )
