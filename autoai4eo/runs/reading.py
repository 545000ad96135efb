"""Reads a run's folder, whether it is finished, running, interrupted or just begun."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.trial import FrozenTrial

from autoai4eo.errors import UserError
from autoai4eo.learning import history
from autoai4eo.learning.figures import find
from autoai4eo.learning.objectives import DEFAULTS, Objective
from autoai4eo.runs import front, phases
from autoai4eo.runs.belonging import FILES, file_of, trained_finalist
from autoai4eo.runs.chosen import left_to_do
from autoai4eo.runs.comparable import (
    MeasuredWith,
    measured_with,
    told_alike,
    told_apart,
)
from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.ensembles import ensembles_of
from autoai4eo.runs.evaluations import Evaluation, evaluations_of
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import check_no_links, misplaced
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.study import (
    objectives_of,
    open_study,
    trials_of,
    trials_table,
)
from autoai4eo.runs.trials import last_end
from autoai4eo.runs.two_figures import two_figures

T = TypeVar("T")


@dataclass(frozen=True)
class Trial:
    """A trial of a run.

    Attributes:
        number: of the trial.
        status: see `autoai4eo.runs.trials.status`; ``"interrupted"`` for a running
            trial without a worker.
        message: why it did not complete.
        figures: its known metrics and costs, by name.
        choices: its hyperparameters.
        curve: metrics after each epoch, with ``epoch``.
        on_front: whether it is Pareto-optimal.
        is_finalist: whether its network is in ``RUN/best``.
        measured: what measured its latency; None: it has none.
        training: whether a cheaper training judged it, see
            `autoai4eo.runs.trials.trainings`; empty without such trainings.
    """

    number: int
    status: str
    message: str
    figures: dict[str, float]
    choices: dict[str, Any]
    curve: list[dict[str, float]]
    on_front: bool
    is_finalist: bool
    measured: MeasuredWith | None = None
    training: str = ""

    @property
    def id(self) -> NetworkId:
        """The name among the networks of the run."""
        return NetworkId(TRIAL, self.number)


@dataclass(frozen=True)
class ShownEnsemble:
    """An ensemble of a run, with the attributes of a trial that it has, too.

    Attributes:
        id: its name among the networks of the run.
        members: its trials with their weights, in words.
        figures: its metrics on the validation data, and its costs as a whole.
        summed: the sums of its members' costs, by name.
        on_front: whether it is Pareto-optimal among the trials and ensembles.
        is_finalist: whether its network is in ``RUN/best``.
        measured: what measured its latency; None: it has none.
    """

    id: NetworkId
    members: str
    figures: dict[str, float]
    summed: dict[str, float]
    on_front: bool
    is_finalist: bool
    measured: MeasuredWith | None = None


@dataclass(frozen=True)
class Snapshot:
    """The content of a run's folder.

    Attributes:
        path: the folder.
        state: ``"running"``, ``"finished"`` or ``"interrupted"``.
        asked: the content of run.json.
        objectives: in order.
        trials: oldest first, may be empty.
        evaluation, test: the content of these files in ``RUN/best``; {} without one.
        references: the scores of each on the validation data, as a trial has them.
        notes: one line about each damaged file, whose content is left out.
        ensembles: oldest first, may be empty.
        last_curve: metrics after each epoch of the finalist's own training, with
            ``epoch``; [] if it is a trial or an ensemble as the search left it.
        evaluations: of its networks on other data, oldest first.
        left_to_do: what was interrupted of the finalist, see `chosen.left_to_do`.
    """

    path: Path
    state: str
    asked: dict[str, Any]
    objectives: tuple[Objective, ...]
    trials: list[Trial]
    evaluation: dict[str, Any]
    test: dict[str, Any]
    references: dict[str, dict[str, float]]
    notes: list[str] = field(default_factory=list)
    ensembles: list[ShownEnsemble] = field(default_factory=list)
    last_curve: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    left_to_do: str | None = None

    def part(self, read: Callable[[], T], nothing: T) -> T:
        """Calls `read`; if a file is damaged, adds a note and returns `nothing`."""
        return _part(self.notes, read, nothing)

    @property
    def limits(self) -> dict[str, float]:
        """The constraints of the search, by cost."""
        return dict(self.asked["arguments"].get("constraints") or {})

    @property
    def kind(self) -> str:
        """The kind of the target, see `autoai4eo.data.target.Target`."""
        return target_kind(self.asked)

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return list(self.asked["data"]["training"]["classes"])

    @property
    def complete(self) -> list[Trial]:
        """The complete trials, sorted by the first objective, best first."""
        (first, *_) = self.objectives
        sign = -1 if first.direction == "max" else 1
        found = [t for t in self.trials if t.status == "complete"]
        return sorted(found, key=lambda t: sign * t.figures.get(first.name, math.inf))

    @property
    def finalist(self) -> Trial | ShownEnsemble | None:
        """The trial or ensemble whose network is in ``RUN/best``."""
        shown: list[Trial | ShownEnsemble] = [*self.trials, *self.ensembles]
        return next((one for one in shown if one.is_finalist), None)

    @property
    def phases(self) -> list[phases.Phase]:
        """The trainings of the finalist, see `autoai4eo.runs.phases`."""
        return phases.read(self.evaluation)

    @property
    def told_apart(self) -> str:
        """A sentence if latencies cannot be compared, see `comparable.told_apart`."""
        return told_apart(self._measured)

    @property
    def told_alike(self) -> str:
        """What measured the latencies, see `comparable.told_alike`."""
        return told_alike(self._measured)

    @property
    def _measured(self) -> dict[NetworkId, MeasuredWith | None]:
        of_trials = {t.id: t.measured for t in self.trials}
        return of_trials | {e.id: e.measured for e in self.ensembles}

    @property
    def two_figures(self) -> str:
        """A sentence about the figures of the finalist and of its trial."""
        of_trial = self.finalist.figures if self.finalist else {}
        return two_figures(self.evaluation, of_trial, self.objectives)

    def count(self, status: str) -> int:
        """Returns the number of trials of a status."""
        return sum(t.status == status for t in self.trials)


def read(path: Path, curves: bool = True) -> Snapshot:
    """Reads a run, also while a search is running in it.

    Args:
        path: the folder.
        curves: whether to read the trials' histories.

    Raises:
        UserError: the folder holds no run, or run.json or the record of the search is
            damaged.
    """
    check_no_links(path)
    folder = Run(path)
    asked = folder.read()
    notes = [f"{one}; move it elsewhere" for one in misplaced(path).values()]
    if not asked["arguments"].get("storage") and not folder.study.is_file():
        state = _state(path, asked, None, None, [])
        if trained_finalist(path) is not None:  # no search that is yet to begin
            lost = "expected the record of the trials, found no file"
            notes.append(f"{folder.study}: {lost}; restore it from a copy")
        return Snapshot(path, state, asked, _objectives(asked), [], {}, {}, {}, notes)
    study = open_study(path)
    working = folder.is_at_work()
    table = trials_table(study, working)
    best = {t.number for t in front.front(study)}
    chosen = trained_finalist(path)
    names = list(table.columns)
    after = names.index("message") + 1
    kept = {t.number: t for t in trials_of(study)}
    trials = []
    for row in table.to_dict("records"):
        number, status = int(row["trial"]), row["status"]
        figures = {n: row[n] for n in names[2 : after - 1] if _is_number(row[n])}
        curve: list[dict[str, float]] = []
        if curves:
            curve = _part(notes, partial(_curve, path, kept[number]), [])
        trials.append(
            Trial(
                number,
                status,
                row["message"] or "",
                figures,
                {n: row[n] for n in names[after:] if not _is_nothing(row[n])},
                curve,
                number in best,
                NetworkId(TRIAL, number) == chosen,
                measured_with(row),
                row.get("training", ""),
            )
        )
    ensembles: list[ShownEnsemble] = _part(
        notes, partial(_ensembles, path, study, chosen), []
    )
    last_curve: list[dict[str, float]] = []
    if curves and chosen is not None and not chosen.is_ensemble:
        read_last = partial(history.read, folder.history, chosen.number)
        last_curve = _part(notes, read_last, [])
    evaluations: list[Evaluation] = _part(notes, partial(evaluations_of, path), [])
    left: str | None = None
    if chosen is not None:
        left = _part(notes, partial(left_to_do, path, study), None)
    ended = last_end(study)
    return Snapshot(
        path,
        _state(path, asked, ended, working, trials),
        asked,
        objectives_of(study),
        trials,
        _part(notes, folder.read_evaluation, {}),
        _part(notes, folder.read_test, {}),
        _part(notes, lambda: folder.read_references().get("scores", {}), {}),
        list(dict.fromkeys(notes)),
        ensembles,
        last_curve,
        evaluations,
        left,
    )


def _ensembles(
    run: Path, study: optuna.Study, chosen: NetworkId | None
) -> list[ShownEnsemble]:
    found = ensembles_of(run, study)
    best = front.optimal(study, found)
    return [
        ShownEnsemble(
            one.id,
            one.told,
            {n: v for n, v in (one.metrics | one.cost).items() if _is_number(v)},
            one.summed,
            one.id in best,
            one.id == chosen,
            measured_with(one.cost),
        )
        for one in found
    ]


def _state(
    path: Path,
    asked: dict[str, Any],
    ended: int | None,
    working: bool | None,
    trials: list[Trial],
) -> str:
    if working or (working is None and any(t.status == "running" for t in trials)):
        return "running"
    arguments = asked["arguments"]
    most = arguments.get("max_trials")
    if trained_finalist(path) is None:
        over = arguments.get("finalists") == 0 and ended == most
    else:
        over = ended in (None, most)  # earlier versions did not record it
    return "finished" if over else "interrupted"


def _objectives(asked: dict[str, Any]) -> tuple[Objective, ...]:
    """Returns the objectives of a run without a study; user metrics are maximised."""
    default = DEFAULTS[target_kind(asked)].name
    names = asked["arguments"].get("objective") or [default]
    return tuple(Objective(name, find(name).direction or "max") for name in names)


def _curve(path: Path, trial: FrozenTrial) -> list[dict[str, float]]:
    curve = Run(path).trial(trial.number).history
    if curve.name in trial.user_attrs.get(FILES, {}):
        file_of(path, trial, curve.name)
    return history.read(curve, trial.number)


def _part(notes: list[str], read: Callable[[], T], nothing: T) -> T:
    try:
        return read()
    except UserError as error:
        notes.append(str(error))
        return nothing


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
