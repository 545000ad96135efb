"""The record of a search's data in run.json, and checks against it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from autoai4eo.callers import in_shell
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.raster_files import is_remote
from autoai4eo.errors import UserError
from autoai4eo.runs import starts
from autoai4eo.text import counted

#: What must be said of the scores of a run on generated data.
SYNTHETIC = "Synthetic data: the scores say nothing about the world."
#: Of more scenes no checksums are kept.
MOST_SCENES = 10_000


def describe(dataset: Dataset) -> dict[str, Any]:
    """Describes a data set for run.json."""
    return {
        "path": dataset.path,
        "samples": len(dataset),
        "fingerprint": dataset.fingerprint(),
        "target": dataset.target.kind,
        "classes": list(dataset.class_names),
        **({"named": True} if dataset.target.named else {}),
        **({"synthetic": True} if dataset.is_synthetic else {}),
        **({"opened": dataset.opened} if dataset.opened else {}),
        **({"scenes": found} if (found := scenes_of(dataset)) else {}),
        "inputs": [
            {
                "name": spec.name,
                "sensor": spec.sensor,
                "bands": [band.name for band in spec.bands],
                "shape": list(spec.shape),
                "level": spec.level,
            }
            for spec in dataset.inputs
        ],
    }


def scenes_of(dataset: Dataset) -> list[str]:
    """Returns a checksum of each scene of masks: of its name, places and classes.

    A scene with the same checksum in two data sets is in both, wherever its file lies:
    its tiles have the same centres and as many pixels of each class. Of scenes without
    coordinates, and of more than `MOST_SCENES`, [] is returned.
    """
    names = dataset.groups.get("scene")
    if names is None or dataset.target.kind != "mask":
        return []
    places = dataset.coordinates()  # of many images this takes long
    if places is None:
        return []
    each, member, count = np.unique(names, return_inverse=True, return_counts=True)
    if len(each) > MOST_SCENES:
        return []
    known = np.hstack([np.round(places, 6), dataset.class_pixels])
    rows = np.split(np.argsort(member, kind="stable"), np.cumsum(count)[:-1])
    return [
        hashlib.sha256(f"{name}".encode() + known[some].tobytes()).hexdigest()[:16]
        for name, some in zip(each.tolist(), rows, strict=True)
    ]


def located(asked: Mapping[str, Any], role: str) -> dict[str, Any] | None:
    """Returns the record of a run's data with paths that lead to them from here.

    Recorded paths may be relative to the folder in which the search was started.

    Args:
        asked: the content of run.json.
        role: ``"training"`` or ``"validation"``.

    Returns:
        The result of `describe`; None if the data, or their masks, are not there.
    """
    known = asked["data"][role]
    opened = known.get("opened") or {}
    masks = opened.get("masks")
    folders = [one.get("folder") or "" for one in starts.earlier(asked)]
    for folder in dict.fromkeys([*folders, ""]):
        path = _from_here(folder, known["path"])
        masks_there = None if masks is None else _from_here(folder, masks)
        if path is not None and (masks is None) == (masks_there is None):
            there = {"opened": {**opened, "masks": masks_there}} if opened else {}
            return {**known, "path": path, **there}
    return None


def _from_here(folder: str, text: str) -> str | None:
    """Returns paths as they are named from here; None if one is not there.

    Args:
        folder: that they may be relative to; "": the current one.
        text: a path, or several with commas between them.
    """
    whole = os.path.join(folder, text)
    parts = [text] if os.path.exists(whole) else text.split(",")
    found = []
    for part in parts:
        here = os.path.join(folder, part)
        if is_remote(Path(part)):
            here = part
        elif not os.path.exists(here):
            return None
        elif here != part and os.path.samefile(folder, os.curdir):
            here = part
        found.append(here)
    return ",".join(found)


def is_synthetic(asked: Mapping[str, Any]) -> bool:
    """Returns whether a part of a run's data was generated, as its files say.

    Args:
        asked: the content of run.json.
    """
    return any(known.get("synthetic", False) for known in asked["data"].values())


def is_validation(asked: Mapping[str, Any], dataset: Dataset) -> bool:
    """Returns whether data are the validation data of a run.

    Args:
        asked: the content of run.json.
        dataset: the data.
    """
    known = asked["data"].get("validation", {})
    return bool(known.get("fingerprint") == dataset.fingerprint())


def target_kind(asked: Mapping[str, Any]) -> str:
    """Returns the kind of a run's target; earlier versions knew only ``"class"``.

    Args:
        asked: the content of run.json.
    """
    return str(asked["data"]["training"].get("target", "class"))


def check_validation_given(run: Path, known: Mapping[str, Any], train: str) -> None:
    """Refuses to continue a search without the validation data that it was begun with.

    Args:
        run: the folder, for the message.
        known: the data in its run.json, by role.
        train: the training data of the call, which names no validation data.

    Raises:
        UserError: the search was begun with these training data, and with others to
            validate.
    """
    beside = known.get("validation", {}).get("path", train)
    if known["training"]["path"] == train != beside:
        raise UserError(
            f"{run}: expected the validation data that this run was begun with, found "
            f"none; give --val {beside} as before, choose another folder, or overwrite "
            "this one (--overwrite)"
        )


def check_same(
    run: Path, known: Mapping[str, Any], data: Mapping[str, Dataset]
) -> None:
    """Refuses to continue a search with other data.

    Args:
        run: the folder, for the message.
        known: the data in its run.json, by role.
        data: to continue the search with, by role.

    Raises:
        UserError: the fingerprint of a data set differs.
    """
    beside = known.get("validation", {}).get("path")
    for role, dataset in data.items():
        if known[role]["fingerprint"] != dataset.fingerprint():
            cure = ""
            if role == "training" and dataset.path == known[role]["path"]:
                if beside not in (None, dataset.path):
                    cure = f"give --val {beside} as before, "
                elif in_shell():
                    cure = (
                        "give --subset, --split and --group as before "
                        f"(`autoai4eo rerun {quote(str(run))}` prints them), "
                    )
            raise UserError(
                f"{run}: expected the {role} data that this run was begun with "
                f"({known[role]['path']}, "
                f"{counted(known[role]['samples'], 'sample')}), found other data "
                f"({dataset.path}, {counted(len(dataset), 'sample')}); {cure}choose "
                "another folder, or overwrite this one (--overwrite)"
            )


def check_step(run: Path, known: int | None, map_step: int | None) -> None:
    """Refuses to continue a search with another map step.

    Args:
        run: the folder, for the message.
        known: the map step in its run.json, if any.
        map_step: to continue the search with, if any.

    Raises:
        UserError: they differ.
    """
    if known != map_step:
        raise UserError(
            f"{run}: expected the map step that this run was begun with ({known}), "
            f"found {map_step}; choose another folder, or overwrite this one "
            "(--overwrite)"
        )
