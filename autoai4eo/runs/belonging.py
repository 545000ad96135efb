"""Checks that the files of a run belong to it, by their digests.

The study records the digests of each trial's files, ``best/evaluation.json`` that of
the finalist's network. Runs of earlier versions have no digests and are not checked.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from optuna.trial import FrozenTrial

from autoai4eo.errors import DamagedError, MissingError
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import NetworkId, finalist_in
from autoai4eo.runs.trial_folder import LEFT

#: Attribute of a trial: the digest of each of its files, by name.
FILES = "files"


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """Returns the digests of the files in a trial's folder, by name."""
    return {name: digest(folder / name) for name in LEFT if (folder / name).is_file()}


def file_of(run: Path, trial: FrozenTrial, name: str) -> Path:
    """Returns the path of an ended trial's file, checked against the study.

    Raises:
        MissingError: the file does not exist.
        DamagedError: it is damaged, or of another trial.
    """
    path = Run(run).trial(trial.number).path / name
    check_file(
        path,
        trial.user_attrs.get(FILES, {}).get(name),
        f"the file of trial {trial.number}",
        "restore it from a copy",
    )
    return path


def finalist_file(run: Path) -> Path:
    """Returns the path of the finalist's network, checked against its evaluation.

    Raises:
        MissingError: the network does not exist.
        DamagedError: network or evaluation is damaged, or they do not belong together.
    """
    path = Run(run).network
    check_file(
        path,
        Run(run).read_evaluation().get("network"),
        "the finalist's network",
        "`autoai4eo fit` with the same arguments makes it again",
    )
    return path


def trained_finalist(run: Path) -> NetworkId | None:
    """Returns the finalist, if its network in ``RUN/best`` is sound."""
    try:
        known = Run(run).read_evaluation()
        finalist_file(run)
    except (MissingError, DamagedError):
        return None  # `soundness` reports why
    return finalist_in(known)


def check_file(path: Path, known: str | None, expected: str, cure: str) -> None:
    """Checks that a file exists and has a digest, if that is known.

    Args:
        path: of the file.
        known: its digest; None: not known.
        expected: what it should be, for the message.
        cure: what to do if it is not, for the message.

    Raises:
        MissingError: it does not exist.
        DamagedError: it is empty, or has another digest.
    """
    if not path.is_file():
        raise MissingError(f"{path}: expected {expected}, found no file; {cure}")
    if not path.stat().st_size:
        found = "an empty file"
    elif known is not None and digest(path) != known:
        found = "another file, or a damaged one"
    else:
        return
    raise DamagedError(f"{path}: expected {expected}, found {found}; {cure}")
