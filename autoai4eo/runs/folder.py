"""A run's folder: what ``RUN/run.json`` says of it, and who is at work in it."""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo import locks
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import FORM
from autoai4eo.errors import UserError
from autoai4eo.files import ANY, check_regular, read_json, read_npz, write_json

LOCK = ".lock"
#: Of what run.json, evaluation.json and test.json say, and how.
SCHEMA = 1
_NUMBER = int | float | None
_DATA = {
    "path": str,
    "samples": int,
    "fingerprint": str,
    "classes": [str],
    "inputs": [
        {
            "name": str,
            "sensor": str,
            "bands": [str],
            "shape": [int],
            "level?": str | None,
        }
    ],
}
_RUN = {
    "schema?": int,
    "id?": str | None,
    "arguments": {
        "objective?": [str],
        "constraints?": {ANY: int | float},
        "map_step?": int | None,
        "storage?": str | None,
    },
    "data": {"training": _DATA, ANY: _DATA},
    "versions": {ANY: str},
    "device": str,
    "started?": str,
}
_SCORES = {
    "accuracy?": int | float,
    "average_accuracy?": int | float,
    "cohen_kappa?": int | float,
    "macro_f1?": int | float,
    "intervals?": {ANY: [int | float]},
    "absent_classes?": [str],
    "per_class?": {ANY: {ANY: _NUMBER}},
    "reliability?": [{ANY: _NUMBER}],
    "temperature?": int | float,
    "calibrated_expected_calibration_error?": int | float,
    "expected_calibration_error?": _NUMBER,
    "confusion_matrix?": [[int]],
}
_EVALUATION = {
    **_SCORES,
    "trial": int,
    "trained_on": str,
    "metrics": {ANY: _NUMBER},
    "epochs": int,
}
_RUN_CURE = (
    "restore it from a copy; `autoai4eo fit` with the same arguments and data makes it "
    "again"
)
_PACKAGES = ("autoai4eo", "autokeras", "keras", "keras-tuner", "optuna", "numpy")


def describe(dataset: Dataset) -> dict[str, Any]:
    """A data set as run.json holds it."""
    return {
        "path": dataset.path,
        "samples": len(dataset),
        "fingerprint": dataset.fingerprint(),
        "target": dataset.target.kind,
        "classes": list(dataset.class_names),
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


def read_run(run: Path) -> dict[str, Any]:
    """The content of ``RUN/run.json``.

    Raises:
        UserError: the folder holds no run, or it is damaged.
    """
    path = run / "run.json"
    check_regular(run)
    if not os.path.lexists(path) and os.access(run if run.is_dir() else ".", os.X_OK):
        raise UserError(
            f"{run}: expected a run folder with run.json in it, found none; "
            "`autoai4eo fit … --out` makes one"
        )
    known = read_json(path, _RUN_CURE, _RUN)
    if known.get("schema", SCHEMA) > SCHEMA:
        raise UserError(
            f"{path}: expected a run of this version of autoai4eo or an earlier one, "
            "found one of a later version; `pip install -U autoai4eo`"
        )
    return known


def damage(run: Path) -> UserError | None:
    """What is wrong with ``RUN/run.json``, if it is there and cannot be read."""
    if os.path.lexists(run / "run.json"):
        try:
            read_json(run / "run.json", _RUN_CURE, _RUN)
        except UserError as error:
            return error
    return None


def read_evaluation(run: Path) -> dict[str, Any]:
    """The content of ``RUN/best/evaluation.json``, {} before there is a finalist.

    Raises:
        UserError: it is damaged, or that of another run.
    """
    path = run / "best" / "evaluation.json"
    if not path.is_file():
        return {}
    cure = (
        "restore it from a copy, or give `autoai4eo fit` the same arguments: it sets "
        "it aside and makes it again"
    )
    known = read_json(path, cure, _EVALUATION)
    _check_own(run, path, known, cure)
    return known


def read_test(run: Path) -> dict[str, Any]:
    """The content of ``RUN/best/test.json``, {} where it is missing.

    Raises:
        UserError: it is damaged, or of another network than the run's finalist.
    """
    path = run / "best" / "test.json"
    if not path.is_file():
        return {}
    cure = "restore it from a copy, or remove it: the page is written without it"
    known = read_json(path, cure, {**_SCORES, "confusion_matrix": [[int]]})
    _check_own(run, path, known, cure)
    network = read_evaluation(run).get("network")
    if known.get("network", network) != network:
        raise UserError(
            f"{path}: expected scores of this run's finalist, found those of another "
            f"network; {cure}"
        )
    return known


def read_statistics(run: Path) -> dict[str, Any]:
    """By input, what ``RUN/statistics.json`` says of the bands; {} where it is missing.

    Raises:
        UserError: it is damaged.
    """
    path = run / "statistics.json"
    if not path.is_file():
        return {}
    cure = "remove it: `autoai4eo fit` with the same arguments makes it anew"
    inputs: dict[str, Any] = read_json(path, cure, FORM)["inputs"]
    for spec in read_run(run)["data"]["training"]["inputs"]:
        known = inputs.get(spec["name"], {"": ()}).values()
        if any(len(values) != len(spec["bands"]) for values in known):
            raise UserError(
                f"{path}: expected the bands of this run's data, found others; {cure}"
            )
    return inputs


def read_mistakes(run: Path) -> dict[str, np.ndarray]:
    """The arrays in ``RUN/best/mistakes.npz``; {} where it is missing.

    Raises:
        UserError: it is damaged, or of another network than the run's finalist.
    """
    path = run / "best" / "mistakes.npz"
    if not path.is_file():
        return {}
    cure = "restore it from a copy, or remove it: the page is written without it"
    kept = read_npz(path, cure, ("truth", "prediction", "confidence"))
    network = read_evaluation(run).get("network")
    if str(kept.pop("network", network)) != str(network):
        raise UserError(
            f"{path}: expected mistakes of this run's finalist, found those of another "
            f"network; {cure}"
        )
    return kept


def _check_own(run: Path, path: Path, known: Mapping[str, Any], cure: str) -> None:
    own = id_of(run)
    if own is not None and known.get("run", own) != own:
        raise UserError(
            f"{path}: expected a file of this run, found that of another run; {cure}"
        )
    matrix = known.get("confusion_matrix")
    if matrix is None or not (run / "run.json").is_file():
        return
    classes = len(read_run(run)["data"]["training"]["classes"])
    complete = {"absent_classes", "per_class"} <= known.keys()
    pairs = all(len(pair) == 2 for pair in known.get("intervals", {}).values())
    if not (complete and pairs) or {len(matrix), *map(len, matrix)} != {classes}:
        raise UserError(
            f"{path}: expected scores of this run's {classes} classes with intervals, "
            f"found others; {cure}"
        )


def check_same_data(run: Path, data: Mapping[str, Dataset]) -> None:
    """Refuses to go on with a search on other data.

    Raises:
        UserError: the folder holds a run on data with another fingerprint.
    """
    if not (run / "run.json").is_file():
        return
    known = read_run(run)["data"]
    for role, dataset in data.items():
        if known[role]["fingerprint"] != dataset.fingerprint():
            raise UserError(
                f"{run}: expected the {role} data that this run was begun with "
                f"({known[role]['path']}, {known[role]['samples']} samples), found "
                f"other data ({dataset.path}, {len(dataset)} samples); choose another "
                "folder, or overwrite this one"
            )


def check_same_map_step(run: Path, map_step: int | None) -> None:
    """Refuses to go on with a search among other networks.

    Raises:
        UserError: the folder holds a run for another map step, or for none.
    """
    if not (run / "run.json").is_file():
        return
    known = read_run(run)["arguments"].get("map_step")
    if known != map_step:
        raise UserError(
            f"{run}: expected the map step that this run was begun with ({known}), "
            f"found {map_step}; choose another folder, or overwrite this one"
        )


def id_of(run: Path) -> str | None:
    """The mark of a run's folder; None where it holds no run yet, or an old one."""
    return read_run(run).get("id") if (run / "run.json").is_file() else None


def write_run(
    run: Path,
    arguments: Mapping[str, Any],
    data: Mapping[str, Dataset],
    device: str,
    mark: str,
) -> None:
    """Writes ``RUN/run.json``; what a resumed search asks anew replaces the old."""
    write_json(
        run / "run.json",
        {
            "schema": SCHEMA,
            "id": mark,
            "arguments": dict(arguments),
            "data": {role: describe(dataset) for role, dataset in data.items()},
            "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
            "device": device,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


@contextmanager
def alone(run: Path, command: str = "fit") -> Iterator[None]:
    """Keeps a second command out of the folder; the lock ends with the process.

    Args:
        run: the folder.
        command: as messages call it.

    Raises:
        UserError: another one is at work in it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locks.locked(run / LOCK))
        except BlockingIOError:
            raise UserError(
                f"{run}: expected a folder that is not in use, found another {command} "
                f"at work in it ({locks.holder(run / LOCK)}); wait for it or choose "
                "another folder"
            ) from None
        yield


def at_work(run: Path) -> bool | None:
    """Whether a fit is at work in the folder.

    None where that is not known: only the run's storage tells, or the lock is that of
    another user.
    """
    if read_run(run)["arguments"].get("storage") is not None:
        return None
    try:
        return locks.is_held(run / LOCK)
    except PermissionError:
        return None


@contextmanager
def locked(
    run: Path, name: str, tell: Callable[[str], None] = warnings.warn
) -> Iterator[None]:
    """Waits for what one worker of a run does at a time.

    Args:
        run: the folder.
        name: of what is done.
        tell: is told in a line who is waited for.
    """
    with locks.locked(run / f".{name}.lock", wait=True, tell=tell):
        yield
