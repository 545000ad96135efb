"""Tells whether a run's network learned from the data that it is scored on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import warn
from autoai4eo.runs import ensembles
from autoai4eo.runs.data_record import located
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import TRAINING, Which, network_id


def warn_if_learned(
    run: Path, dataset: Dataset, fitted: Mapping[str, Any], trial: Which
) -> list[str]:
    """Warns if a network of a run is scored on data that it was trained on.

    Returns:
        Which data these are or include: ``"training"``, ``"validation"``; [] none.

    Args:
        run: the folder.
        dataset: that it is scored on.
        fitted: the content of ``best/evaluation.json``; {} for another network.
        trial: the network's name; None: it is the finalist.
    """
    learned: list[str] = []
    if not Run(run).exists:
        return learned
    network = None if trial is None else network_id(trial)
    if network is None:
        trained_on = fitted.get("trained_on", "")
    elif network.is_ensemble:
        trained_on = ensembles.read(run, network.number).trained_on
    else:
        trained_on = TRAINING
    mark, includes = dataset.fingerprint(), False
    asked = Run(run).read()
    for role, known in asked["data"].items():
        if role not in trained_on:
            continue
        there = (located(asked, role) or {}).get("path", "")
        both = os.path.exists(there) and os.path.exists(dataset.path)
        same_file = both and os.path.samefile(there, dataset.path)
        inside = same_file and known["samples"] < len(dataset)
        if inside or known["fingerprint"] == mark:
            learned.append(role)
            includes |= inside
    if learned:
        warn(
            f"{dataset.path}: {'they include' if includes else 'these are'} the "
            f"{' and '.join(learned)} data of {run}, which the {network or 'finalist'} "
            "learned from: its scores on them say nothing about other data; evaluate "
            "it on data that it has not seen"
        )
    return learned
