"""The files that a search makes in its run's folder: only these are deleted.

Links in the folder are never followed; the folder itself may be a link.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from autoai4eo.devices import reference
from autoai4eo.errors import UserError
from autoai4eo.files import check_not_input
from autoai4eo.runs.paths import (
    BEST,
    COMPACT,
    COMPACT_CHECKPOINT,
    DEVICE,
    ENSEMBLE,
    ENSEMBLES,
    EVALUATION,
    EVALUATIONS,
    MAPS,
    MISTAKES,
    NETWORKS,
    REFERENCE_NETWORK,
    REFERENCES,
    REPEATS,
    REPORT,
    RUN,
    SAMPLES,
    SELECTION,
    STATISTICS,
    STUDY,
    TEST,
    TILES,
    TREES,
    TRIALS,
    WORKERS,
)
from autoai4eo.runs.trial_folder import (
    COST,
    ERROR,
    EVENTS,
    HISTORY,
    NETWORK,
    STATE,
)

_ASIDE = r"(\.damaged(-\d+)?)?"


def _any_of(*names: str) -> str:
    return "|".join(map(re.escape, names))


_NAMES = {
    "": _any_of(
        *(RUN, STATISTICS, REPORT, TRIALS, ENSEMBLES, BEST, WORKERS, MAPS, DEVICE)
    )
    + f"|{_any_of(REFERENCES, TREES, REPEATS, SELECTION, COMPACT, COMPACT_CHECKPOINT)}"
    + f"|{_any_of(NETWORKS, EVALUATIONS, SAMPLES, REFERENCE_NETWORK)}"
    + rf"|{re.escape(STUDY)}(-journal|-wal|-shm)?|graph",
    TRIALS: r"\d+",
    "trial": _any_of(NETWORK, COST, HISTORY, STATE, ERROR, EVENTS),
    ENSEMBLES: r"\d+",
    "ensemble": _any_of(NETWORK, ENSEMBLE),
    EVALUATIONS: r"[0-9a-f]{16}\.json",
    REPEATS: r"\d+-\d+-\d+-[0-9a-f]{8}\.json",
    BEST: _any_of(NETWORK, HISTORY, EVALUATION, MISTAKES, TILES, TEST),
    WORKERS: r"\d+\.log",
    MAPS: r".+\.png",
    DEVICE: _any_of(reference.RECORD, reference.NETWORK, reference.LOCK),
}
_FOLDERS = (TRIALS, ENSEMBLES, EVALUATIONS, REPEATS, BEST, WORKERS, MAPS)
_FILES = (SAMPLES, STATISTICS, REFERENCES, TREES, REFERENCE_NETWORK, SELECTION, COMPACT)
#: Folders of numbered folders, and what a numbered folder is.
_NUMBERED = {TRIALS: "trial", ENSEMBLES: "ensemble"}
_TEMPORARY = re.compile(r"^\.(writing|old)-[0-9a-f]{16}-")


def made(run: Path) -> list[Path]:
    """Lists what a search made in a folder: files, then the folders that hold them.

    Recognises them by name. Lists links, but does not follow them. The order is that in
    which they can be deleted.
    """
    files: list[Path] = []
    folders: list[Path] = []

    def look(folder: Path, kind: str) -> None:
        try:
            found = sorted(folder.iterdir())
        except FileNotFoundError:
            return  # a running search has just begun this trial anew
        for path in found:
            name = _TEMPORARY.sub("", path.name)
            if not re.fullmatch(f"({_NAMES[kind]}){_ASIDE}", name):
                continue
            inner = _NUMBERED.get(kind, name.partition(".")[0])
            if kind in ("", *_NUMBERED) and inner in _NAMES and _is_folder(path):
                look(path, inner)
                folders.append(path)
            elif not _is_folder(path):
                files.append(path)

    if run.is_dir():
        look(run, "")
    # The record first, run.json last: after an interrupted deletion, nothing resumes
    # half of a run, and the rest can still be deleted.
    last = [path for path in files if path == run / RUN]
    files.sort(key=lambda path: path != run / STUDY)
    return [*(path for path in files if path not in last), *folders, *last]


def misplaced(run: Path) -> dict[Path, str]:
    """Finds files that lie where a run has a folder, and folders where it has a file.

    Returns:
        The problem with each, one line.
    """
    found = {}
    for path in made(run):
        if path.parent != run or path.is_symlink():
            continue
        if path.name in _FOLDERS and not path.is_dir():
            found[path] = f"{path}: expected a folder of the run, found a file"
    for name in _FILES:
        if _is_folder(run / name):
            found[run / name] = f"{run / name}: expected a file, found a folder"
    return found


def check_no_links(run: Path) -> None:
    """Checks that no file or folder of a search is a link.

    Raises:
        UserError: a link has the name of such a file or folder.
    """
    for path in made(run):
        if path.is_symlink():
            raise link(path)


def link(path: Path) -> UserError:
    """Returns the error for a link in place of a file or folder of a run."""
    kind = "a link" if path.is_symlink() else "something else"
    return UserError(
        f"{path}: expected a file or folder of the run, found {kind}, which is not "
        "followed; remove it, or choose another run folder"
    )


def check_no_inputs(run: Path, inputs: Iterable[Path]) -> None:
    """Checks that no input is the run's folder or a file that a search makes in it.

    Raises:
        UserError: an input is one of them, maybe by another name.
    """
    known = list(inputs)
    for path in (run, *made(run)):
        check_not_input(path, known)


def clear(run: Path) -> None:
    """Deletes what a search made, and keeps everything else in the folder.

    The caller must hold the folder's lock.

    Raises:
        UserError: something cannot be deleted, or is a link; then nothing is deleted.
    """
    check_no_links(run)
    kept = (run / STATISTICS,)  # it names its data, and serves no others
    old = [path for path in made(run) if path not in kept]
    for folder in {path.parent for path in old}:
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(
                f"{folder}: expected a writable folder of the run, found one without "
                "write permission; change its permissions, or choose another folder"
            )
    for path in old:
        if not _is_folder(path):
            path.unlink(missing_ok=True)
        elif not any(path.iterdir()):
            path.rmdir()


def own_folder(path: Path) -> Path:
    """Makes a folder of a run if it is missing; its parent must exist.

    Raises:
        UserError: a link or something else has its name.
    """
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError:
        raise link(path) from None
    if path.is_symlink():
        raise link(path)
    return path


def removed(run: Path) -> UserError:
    """Returns the error for a folder that was removed during a search."""
    return UserError(
        f"{run}: expected the folder of this search to stay, found that it was removed "
        "or renamed meanwhile; begin the search again, or resume it in the new place"
    )


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
