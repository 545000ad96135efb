"""A run's folder: what ``RUN/run.json`` says of it, and who is at work in it."""

from __future__ import annotations

import importlib.metadata
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autoai4eo import locks
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError
from autoai4eo.files import read_json, write_json

LOCK = ".lock"
_PACKAGES = ("autoai4eo", "autokeras", "keras", "keras-tuner", "optuna", "numpy")


def describe(dataset: Dataset) -> dict[str, Any]:
    """A data set as run.json holds it."""
    return {
        "path": dataset.path,
        "samples": len(dataset),
        "fingerprint": dataset.fingerprint(),
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
    if not os.path.lexists(path) and os.access(run if run.is_dir() else ".", os.X_OK):
        raise UserError(
            f"{run}: expected a run folder with run.json in it, found none; "
            "`autoai4eo fit … --out` makes one"
        )
    cure = "restore it from a copy; without it the folder is no run"
    return read_json(path, cure, ("arguments", "data", "versions", "device"))


def read_evaluation(run: Path) -> dict[str, Any]:
    """The content of ``RUN/best/evaluation.json``, {} before there is a finalist.

    Raises:
        UserError: it is damaged.
    """
    path = run / "best" / "evaluation.json"
    if not path.is_file():
        return {}
    cure = (
        f"restore it from a copy, or remove the folder {path.parent}: `autoai4eo fit` "
        "with the same arguments makes it anew"
    )
    return read_json(path, cure, ("trial", "trained_on", "metrics", "epochs"))


def read_statistics(run: Path) -> dict[str, Any]:
    """By input, what ``RUN/statistics.json`` says of the bands; {} where it is missing.

    Raises:
        UserError: it is damaged.
    """
    path = run / "statistics.json"
    if not path.is_file():
        return {}
    cure = "remove it: `autoai4eo fit` with the same arguments makes it anew"
    inputs: dict[str, Any] = read_json(path, cure, ("inputs",))["inputs"]
    return inputs


def trained_finalist(run: Path) -> int | None:
    """The number of the trial whose network lies in ``RUN/best``, if there is one."""
    known = read_evaluation(run)
    return int(known["trial"]) if known else None


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


def owner_of(run: Path) -> str:
    """The mark of a run's folder; a new one where it holds no run yet."""
    path = run / "run.json"
    known = read_run(run).get("id") if path.is_file() else None
    return known or uuid.uuid4().hex


def write_run(
    run: Path,
    arguments: Mapping[str, Any],
    data: Mapping[str, Dataset],
    device: str,
    owner: str,
) -> None:
    """Writes ``RUN/run.json``; what a resumed search asks anew replaces the old."""
    write_json(
        run / "run.json",
        {
            "id": owner,
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
    """Whether a fit is at work in the folder; None where only its storage knows."""
    if read_run(run)["arguments"].get("storage") is not None:
        return None
    return locks.is_held(run / LOCK)


@contextmanager
def locked(run: Path, name: str) -> Iterator[None]:
    """Waits for what one worker of a run does at a time.

    Args:
        run: the folder.
        name: of what is done.
    """
    with locks.locked(run / f".{name}.lock", wait=True):
        yield
