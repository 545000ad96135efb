"""Whether a command finished a search, so that the same command has nothing to do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from autoai4eo.errors import DamagedError, MissingError
from autoai4eo.runs import chosen
from autoai4eo.runs.folder import Run
from autoai4eo.runs.soundness import findings
from autoai4eo.runs.study import open_study
from autoai4eo.runs.trials import trials_of, was_trained

#: Attribute of a study: the arguments of the command that finished the search.
_COMPLETED = "completed"


def keep_completed(study: optuna.Study, asked: Mapping[str, Any]) -> None:
    """Records that a command finished a search.

    Args:
        study: of the search.
        asked: the arguments of the command, see `plain`.
    """
    study.set_user_attr(_COMPLETED, dict(asked))


def trained_if_completed(
    run: Path, asked: Mapping[str, Any], storage: str | None = None
) -> int | None:
    """Returns the number of trainings of a search that the same command finished.

    None if it did not, or if something is left to do: a file of the run is damaged,
    its finalist is gone or not scored, trials are queued, or another command is working
    in the folder. Reads neither the data nor TensorFlow.

    Args:
        run: the folder.
        asked: the arguments of the command, see `plain`.
        storage: URL of the database of the search, if it is not in the folder.
    """
    if not Run(run).exists:
        return None
    try:
        study = open_study(run, storage=storage)
        if study.user_attrs.get(_COMPLETED) != asked:
            return None
        unfinished = (TrialState.RUNNING, TrialState.WAITING)
        if study.get_trials(deepcopy=False, states=unfinished) or findings(run):
            return None
        if Run(run).is_at_work() or _lacks_finalist(run, study):
            return None
    except (DamagedError, MissingError):
        return None  # the search mends it, or tells what is wrong
    return sum(map(was_trained, trials_of(study)))


def _lacks_finalist(run: Path, study: optuna.Study) -> bool:
    """Whether the finalist is not there or not scored, in a run that is to have one."""
    has_one = Run(run).read()["arguments"].get("finalists") != 0
    return has_one and chosen.left_to_do(run, study) is not None


def plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments of a command so that they can be recorded and compared.

    Each path is recorded with the number, bytes and time of its files: data that were
    changed are other data.
    """
    found = {name: _plain(value) for name, value in arguments.items()}
    return dict(json.loads(json.dumps(found)))


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        stats = [*_stats(value)]
        bytes_, times = zip(*stats, strict=True) if stats else ((), ())
        path = os.path.realpath(value.expanduser())
        return [path, len(stats), sum(bytes_), max(times, default=0)]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _stats(path: Path) -> Iterator[tuple[int, int]]:
    """Yields bytes and time of a file, or of all files in a folder."""
    try:
        if path.is_dir():
            for entry in os.scandir(path):
                yield from _stats(Path(entry.path))
        elif path.is_file():
            known = path.stat()
            yield known.st_size, known.st_mtime_ns
    except OSError:
        return  # a broken link, say: opening the data tells
