"""Tells whether a run's network learned from the data that it is scored on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import warn
from autoai4eo.runs import ensembles
from autoai4eo.runs.data_record import located, scenes_of
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import TRAINING, Which, network_id


def warn_if_learned(
    run: Path, dataset: Dataset, fitted: Mapping[str, Any], trial: Which
) -> list[str]:
    """Warns if a network of a run is scored on data that it was trained on.

    These are the same samples, more samples of the same file, or scenes of masks that
    it learned from, wherever they lie.

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
    files, scenes = _files(dataset.path), set(scenes_of(dataset))
    asked = Run(run).read()
    for role, known in asked["data"].items():
        if role not in trained_on:
            continue
        there = _files((located(asked, role) or {}).get("path", ""))
        inside = bool(files) and there == files and known["samples"] < len(dataset)
        inside |= bool(scenes & set(known.get("scenes", ())))
        equal = known["fingerprint"] == mark
        if inside or equal:
            learned.append(role)
            includes |= not equal
    if learned:
        warn(
            f"{dataset.path}: {'they include' if includes else 'these are the'} "
            f"{' and '.join(learned)} data of {run}, which the {network or 'finalist'} "
            "learned from: its scores on them say nothing about other data; evaluate "
            "it on data that it has not seen"
        )
    return learned


def _files(text: str) -> set[str]:
    """Returns the files that a path names that are there, without links.

    Args:
        text: a path, or several with commas between them.
    """
    paths = [text] if os.path.exists(text) else text.split(",")
    return {os.path.realpath(path) for path in paths if path and os.path.exists(path)}
