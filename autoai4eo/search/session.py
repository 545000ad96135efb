"""A search in a run's folder: whether it may begin there, and its beginning.

`opened` begins a search or goes on with it, whichever the folder calls for, and keeps
others away meanwhile; `autoai4eo.search.workers.pool.search` then searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import BandStatistics, keep_statistics
from autoai4eo.errors import UserError
from autoai4eo.files import set_aside, written
from autoai4eo.runs import front
from autoai4eo.runs.folder import (
    Run,
    alone,
    check_same_data,
    check_same_map_step,
    locked,
)
from autoai4eo.runs.layout import (
    RUN,
    STATISTICS,
    check_no_inputs,
    check_no_links,
    clear,
    made,
    removed,
)
from autoai4eo.runs.soundness import mend
from autoai4eo.runs.storage import open_storage
from autoai4eo.runs.study import claim, forget, mark_of
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.trials import finalist
from autoai4eo.search.trials.retries import fail_and_retry_all
from autoai4eo.search.tuner import Tuner


@dataclass(frozen=True)
class Session:
    """A search, and the folder that it is to be in.

    Attributes:
        run: the folder.
        settings: the options of the search.
        data: what candidates are trained and judged on: ``training``, ``validation``.
        inputs: files that the search reads, and must not write to.
        overwrite: whether what the folder holds is forgotten.
        tell: takes a line for each event.
    """

    run: Path
    settings: SearchSettings
    data: Mapping[str, Dataset]
    inputs: Sequence[Path]
    overwrite: bool
    tell: Callable[[str], None]

    def check(self) -> None:
        """Whether the search may begin or go on in the folder; nothing is written.

        Raises:
            UserError: the folder holds something else, a search of other data, or an
                input; or the storage cannot be used.
        """
        self._check_folder()
        if self.settings.storage is not None:
            open_storage(self.settings.storage)

    @contextmanager
    def opened(
        self,
        graph: Graph,
        statistics: Mapping[str, BandStatistics],
        arguments: Mapping[str, Any],
    ) -> Iterator[Tuner]:
        """Begins the search, or goes on with it where the folder holds it already.

        Other commands are kept out of the folder until the end of the ``with``; where
        several machines may work on the search, until it has begun.

        Args:
            graph: of blocks, with the shapes of the data.
            statistics: of the bands of the training data.
            arguments: further ones of `fit`, for run.json.

        Raises:
            UserError: as `check`; or another fit is at work in the folder.
        """
        run = self.run
        with written(run):
            run.mkdir(parents=True, exist_ok=True)
        with _told_if_removed(run), ExitStack() as held:
            shared = self.settings.is_shared
            held.enter_context(locked(run, "beginning") if shared else alone(run))
            # once more: whoever held the lock may have begun a search
            self._check_folder()
            if self.overwrite:
                self._clear()
            elif error := Run(run).damage():
                aside = set_aside(run / RUN)
                self.tell(f"{error}; set aside as {aside.name}")
            tuner = Tuner(graph, self.settings, run)
            tuner.connect()
            begun_with = {
                **{role: part.fingerprint() for role, part in self.data.items()},
                "map_step": self.settings.map_step,
            }
            mark = mark_of(tuner.study, run, shared, begun_with)
            with locked(run, "finalist"):
                mend(run, tuner.study, self.tell, shared=shared)
            if not shared:
                fail_and_retry_all(tuner.study, run)
            keep_statistics(self.data["training"], statistics, run / STATISTICS)
            recorded = {**self.settings.record(), **arguments}
            about = tuner.instrument().about()
            Run(run).write(recorded, self.data, about, mark)
            claim(tuner.study, mark, begun_with)
            if shared:
                held.close()  # other machines may join
            yield tuner

    def _check_folder(self) -> None:
        if self.overwrite:
            _check_is_a_run(self.run)
        check_no_links(self.run)
        check_no_inputs(self.run, self.inputs)
        if not self.overwrite and Run(self.run).damage() is None:
            check_same_data(self.run, self.data)
            check_same_map_step(self.run, self.settings.map_step)

    def _clear(self) -> None:
        if self.settings.storage is not None and (self.run / RUN).is_file():
            forget(self.run, self.settings.storage)
        clear(self.run)


@contextmanager
def chosen(
    tuner: Tuner, rule: str | None, limits: Mapping[str, float]
) -> Iterator[FrozenTrial]:
    """Makes a trial of the front the finalist; others are kept away meanwhile.

    Args:
        tuner: of a search that is over.
        rule: see `autoai4eo.runs.front.choose`.
        limits: of costs, by ``max_COST``.

    Raises:
        UserError: a limit is not known, or no trial of the front is within the limits.
    """
    for name in limits:
        if not name.startswith("max_"):
            raise UserError(f"select: expected max_COST=LIMIT, got {name}")
    within = {name.removeprefix("max_"): limit for name, limit in limits.items()}
    trial = front.choose(tuner.study, rule, within)
    check_no_links(tuner.run)
    shared = tuner.settings.is_shared
    with locked(tuner.run, "finalist") if shared else alone(tuner.run):
        finalist.set_to(tuner.study, trial)
        yield trial


def _check_is_a_run(run: Path) -> None:
    """Whether a folder that is to be overwritten is a run's, or empty.

    Raises:
        UserError: it holds something else.
    """
    # a power cut may have damaged run.json, not made a run of a folder of others
    known = Run(run).exists and (Run(run).damage() is None or Run(run).study.is_file())
    strange = set(run.glob("[!.]*")) - set(made(run))
    if not known and strange:
        raise UserError(
            f"{run}: expected a run's folder to overwrite, found one without its "
            "run.json; choose another folder, or empty it yourself"
        )


@contextmanager
def _told_if_removed(run: Path) -> Iterator[None]:
    """Reports in one line that a run's folder is gone, whatever error it caused."""
    try:
        yield
    except Exception as error:
        if run.is_dir():
            raise
        raise removed(run) from error
