"""Whether a file of a run is the one that was left there.

The study records the digests of what each trial left, ``best/evaluation.json`` that of
the network it is about. Runs of earlier versions have none: their files are taken as
they are.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from optuna.trial import FrozenTrial

from autoai4eo.errors import DamagedError, MissingError
from autoai4eo.runs.folder import Run
from autoai4eo.runs.trial_folder import LEFT

#: Attribute of a trial: the digest of each file that it left, by name.
FILES = "files"


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """The digests of what a trial left in its folder."""
    return {name: digest(folder / name) for name in LEFT if (folder / name).is_file()}


def file_of(run: Path, trial: FrozenTrial, name: str) -> Path:
    """A file that an ended trial left, checked against the study.

    Raises:
        MissingError: it is not there.
        DamagedError: it is damaged, or another trial's.
    """
    path = Run(run).trial(trial.number).path / name
    _check(
        path,
        trial.user_attrs.get(FILES, {}).get(name),
        f"what trial {trial.number} left",
        "restore it from a copy",
    )
    return path


def finalist_file(run: Path) -> Path:
    """The finalist's network, checked against its evaluation.

    Raises:
        MissingError: one of the two is not there.
        DamagedError: one of them is damaged, or they do not belong together.
    """
    path = Run(run).network
    _check(
        path,
        Run(run).read_evaluation().get("network"),
        "the finalist's network",
        "`autoai4eo fit` with the same arguments makes it again",
    )
    return path


def trained_finalist(run: Path) -> int | None:
    """The number of the trial whose network lies whole in ``RUN/best``, if any."""
    try:
        known = Run(run).read_evaluation()
        finalist_file(run)
    except (MissingError, DamagedError):
        return None  # `soundness` says what is wrong with it
    return int(known["trial"]) if known else None


def _check(path: Path, known: str | None, expected: str, cure: str) -> None:
    if not path.is_file():
        raise MissingError(f"{path}: expected {expected}, found no file; {cure}")
    if not path.stat().st_size:
        found = "an empty file"
    elif known is not None and digest(path) != known:
        found = "another file, or a damaged one"
    else:
        return
    raise DamagedError(f"{path}: expected {expected}, found {found}; {cure}")
