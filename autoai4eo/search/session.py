"""Checks a run's folder, and begins or resumes a search in it.

`Session.opened` locks the folder and begins or resumes the search;
`autoai4eo.search.workers.pool.search` then searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import BandStatistics, keep_statistics
from autoai4eo.devices.remote import RemoteDevice
from autoai4eo.errors import UserError, warn
from autoai4eo.files import set_aside, written
from autoai4eo.learning.figures import rounded
from autoai4eo.runs.data_record import check_same, check_step
from autoai4eo.runs.folder import Run, alone, locked
from autoai4eo.runs.layout import (
    check_no_inputs,
    check_no_links,
    clear,
    made,
    removed,
)
from autoai4eo.runs.soundness import mend
from autoai4eo.runs.storage import open_storage
from autoai4eo.runs.study import claim, forget, mark_of
from autoai4eo.runtimes import runtime_of
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.strategies.prior import Prior
from autoai4eo.search.trials.instruments import predicted_device, record_instrument
from autoai4eo.search.trials.retries import fail_and_retry_all
from autoai4eo.search.tuner import Tuner

#: Arguments of `fit` that a training depends on.
_OF_TRAININGS = ("epochs", "batch_size", "loss")


@dataclass(frozen=True)
class Session:
    """A search and its folder.

    Attributes:
        run: the folder.
        settings: the options of the search.
        data: the data sets by role, ``training`` and ``validation``.
        inputs: files that the search reads, and must not write to.
        overwrite: whether to delete an earlier search in the folder.
        tell: takes a line about each event.
    """

    run: Path
    settings: SearchSettings
    data: Mapping[str, Dataset]
    inputs: Sequence[Path]
    overwrite: bool
    tell: Callable[[str], None]

    def check(self) -> None:
        """Checks that the search may begin or resume in the folder; writes nothing.

        Raises:
            UserError: the folder holds something else, a search of other data, or an
                input; or the storage, the device or its profile cannot be used.
        """
        self._check_folder()
        self._tell_changes()
        settings = self.settings
        if settings.storage is not None:
            open_storage(settings.storage)
        if settings.device is not None:
            RemoteDevice(
                settings.device, settings.runtime, settings.precision, settings.threads
            ).about(patience=0)
        if settings.device_profile is not None:
            shapes = [spec.shape for spec in self.data["training"].inputs]
            device = predicted_device(settings)
            device.check(shapes, settings.latency_batch_size)
            if doubt := device.profile.doubt():
                self.tell(f"warning: {doubt}")
            if settings.judge_quantized or settings.fine_tune_quantized:
                about = device.about()  # what converts here, at the end
                runtime_of(about["runtime"], about["precision"])

    @contextmanager
    def opened(
        self,
        graph: Graph,
        statistics: Mapping[str, BandStatistics],
        arguments: Mapping[str, Any],
        task: Mapping[str, Any],
        priors: Sequence[Prior] = (),
    ) -> Iterator[Tuner]:
        """Begins the search, or resumes it if the folder holds it already.

        Locks the folder against other commands until the end of the ``with``; if
        several machines may work on the search, only until it has begun.

        Args:
            graph: of blocks, with the shapes of the data.
            statistics: of the bands of the training data.
            arguments: further ones of `fit`, for run.json.
            task: what trains a network again, for run.json.
            priors: earlier searches.

        Raises:
            UserError: as `check`; or another fit is working in the folder.
        """
        run = self.run
        with written(run):
            run.mkdir(parents=True, exist_ok=True)
        with _reports_removal(run), ExitStack() as held:
            shared = self.settings.is_shared
            held.enter_context(locked(run, "beginning") if shared else alone(run))
            # again: the former holder of the lock may have begun a search
            self._check_folder()
            if self.overwrite:
                self._clear()
            elif error := Run(run).damage():
                aside = set_aside(Run(run).json)
                self.tell(f"{error}; set aside as {aside.name}")
            tuner = Tuner(graph, self.settings, run)
            tuner.priors = priors
            tuner.connect()
            self._tell_trainings(arguments)
            about = tuner.instrument(say=self.tell).about()
            record_instrument(tuner.study, run, self.settings, graph, about, self.tell)
            begun_with = {
                **{role: part.fingerprint() for role, part in self.data.items()},
                "map_step": self.settings.map_step,
            }
            mark = mark_of(tuner.study, run, shared, begun_with)
            with locked(run, "finalist"):
                mend(run, tuner.study, self.tell, shared=shared)
            if not shared:
                fail_and_retry_all(tuner.study, run)
            keep_statistics(self.data["training"], statistics, Run(run).statistics)
            recorded = {**self.settings.record(), **arguments}
            Run(run).write(recorded, self.data, about, mark, task)
            claim(tuner.study, mark, begun_with)
            if shared:
                held.close()  # other machines may join
            yield tuner

    def _check_folder(self) -> None:
        if self.overwrite:
            _check_is_a_run(self.run)
        check_no_links(self.run)
        check_no_inputs(self.run, self.inputs)
        run = Run(self.run)
        if not self.overwrite and run.damage() is None and run.exists:
            known = run.read()
            check_same(self.run, known["data"], self.data)
            step = known["arguments"].get("map_step")
            check_step(self.run, step, self.settings.map_step)
            self._check_kind(known["arguments"])

    def _tell_changes(self) -> None:
        """Warns of other constraints than those of the last start."""
        run = Run(self.run)
        if self.overwrite or run.damage() is not None or not run.exists:
            return
        asked = run.read()["arguments"]
        before = asked.get("constraints") or {}
        now = dict(self.settings.constraints)
        objectives = [objective.name for objective in self.settings.objectives]
        if before != now and asked.get("objective") == objectives:  # others are refused
            warn(
                f"{self.run}: the search had {_told_limits(before)}, and goes on with "
                f"{_told_limits(now)}: earlier trials stay as they were judged"
            )

    def _tell_trainings(self, arguments: Mapping[str, Any]) -> None:
        """Warns of other options of the trainings than those of the last start."""
        if not Run(self.run).exists:
            return
        known = Run(self.run).read()["arguments"]
        shared = [name for name in _OF_TRAININGS if name in known and name in arguments]
        changed = [name for name in shared if known[name] != arguments[name]]
        if changed:
            before, now = (
                ", ".join(f"{n} {of[n] or 'of the task'}" for n in changed)
                for of in (known, arguments)
            )
            warn(
                f"{self.run}: the search had {before}, and goes on with {now}: "
                "networks that are trained stay as they are"
            )

    def _check_kind(self, known: Mapping[str, Any]) -> None:
        """Checks that the folder's search ends as this one; tells of other priors.

        Raises:
            UserError: one has a finalist, and the other ends with its trials.
        """
        names = {True: "one that ends with its trials", False: "one with a finalist"}
        there, here = known.get("finalists") == 0, self.settings.finalists == 0
        if there != here:
            raise UserError(
                f"{self.run}: expected {names[here]}, found {names[there]} "
                f"({'nasbench train' if there else 'fit'}) in this folder; choose "
                "another --out"
            )
        before, now = known.get("prior") or [], [*map(str, self.settings.prior)]
        if before != now:
            self.tell(
                f"warning: the search began with {_told_priors(before)}, and goes on "
                f"with {_told_priors(now)}"
            )

    def _clear(self) -> None:
        if self.settings.storage is not None and Run(self.run).json.is_file():
            forget(self.run, self.settings.storage)
        clear(self.run)


def _told_limits(limits: Mapping[str, float]) -> str:
    told = ", ".join(f"{name} {rounded(limit)}" for name, limit in limits.items())
    return f"the constraints {told}" if told else "no constraints"


def _told_priors(paths: Sequence[str]) -> str:
    return f"--prior {', '.join(paths)}" if paths else "no --prior"


def _check_is_a_run(run: Path) -> None:
    """Checks that a folder to be overwritten is empty or holds a run.

    Raises:
        UserError: it holds something else.
    """
    # run.json may be damaged by a power cut; then study.db proves that it is a run
    known = Run(run).exists and (Run(run).damage() is None or Run(run).study.is_file())
    strange = set(run.glob("[!.]*")) - set(made(run))
    if not known and strange:
        raise UserError(
            f"{run}: expected a run's folder to overwrite, found one without "
            "run.json; choose another folder, or empty it yourself"
        )


@contextmanager
def _reports_removal(run: Path) -> Iterator[None]:
    """Reports that a run's folder was removed, instead of the error this causes."""
    try:
        yield
    except Exception as error:
        if run.is_dir():
            raise
        raise removed(run) from error
