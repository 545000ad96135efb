"""Makes another trial of a run the finalist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

import optuna

from autoai4eo.data.readers.joined import joined
from autoai4eo.errors import UserError
from autoai4eo.learning.training import Training
from autoai4eo.runs import chosen, front
from autoai4eo.runs.belonging import trained_finalist
from autoai4eo.runs.folder import Run, alone, locked
from autoai4eo.runs.layout import check_no_links
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.selection import ONE_SE
from autoai4eo.runs.storage import database_of
from autoai4eo.runs.study import objectives_of, open_study, status, trials_of
from autoai4eo.search.trials import finalist, fine_tuning
from autoai4eo.search.trials.selecting import select_cheapest
from autoai4eo.search.tuner import Tuner
from autoai4eo.search.workers import pool
from autoai4eo.tasks.unet_reference import UNets, keep_unet
from autoai4eo.tasks.validating import validate

#: Returns what trains the finalist: the tuner of the search, and data and options.
Searched = Callable[[], tuple[Tuner, Training]]


@dataclass(frozen=True)
class Choice:
    """What is to be the finalist; nothing given takes an earlier choice back.

    Attributes:
        rule: ``"knee"`` or ``"one-se"``, see `AutoModel.select`.
        trial: the number of a trial.
        limits: upper limits of costs, by ``max_COST``.

    Raises:
        UserError: a limit has another name, or a trial is given with something else.
    """

    rule: str | None = None
    trial: int | None = None
    limits: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, limit in self.limits.items():
            if not name.startswith("max_"):
                raise UserError(f"select: expected max_COST=LIMIT, got {name}")
            if not limit > 0:
                raise UserError(f"select: expected {name} above 0, got {limit:g}")
        if self.trial is not None and (self.rule is not None or self.limits):
            raise UserError(
                "select: expected a trial, or a rule and limits, got both; leave one "
                "of them out"
            )

    @property
    def within(self) -> dict[str, float]:
        """The limits by the names of the costs."""
        return {name.removeprefix("max_"): v for name, v in self.limits.items()}

    @property
    def is_none(self) -> bool:
        """Whether an earlier choice is taken back."""
        return self.rule is None and self.trial is None and not self.limits


def select_trial(
    run: Path,
    choice: Choice,
    searched: Searched,
    *,
    refit: bool | None = None,
    verbose: int = 1,
    tell: Callable[[str], None],
) -> NetworkId:
    """Makes a trial the finalist, trained in full; nothing if it is that already.

    Where it was interrupted after the training, that is kept, and only scored.

    Where the run has references, that of masks which depends on the finalist is trained
    anew, see `keep_unet`; all are scored beside it.

    Args:
        run: the folder.
        choice: the trial, or the rule that selects it.
        searched: is called if the trial must be trained, or trials are compared on the
            validation data.
        refit: whether it is trained on training and validation data together; None: if
            the search did so with its finalist.
        verbose: 0 shows nothing of the training.
        tell: takes a line about what was selected.

    Returns:
        The trial that is the finalist.

    Raises:
        UserError: no trial fits, or what trains it cannot be had. Nothing is changed.
    """
    check_no_links(run)
    known = Run(run).read()
    recorded = known["arguments"].get("storage")
    of_everything = finalist.is_of_everything(run)
    if refit is None:  # runs of earlier versions do not tell it
        refit = bool(known.get("task", {}).get("refit", of_everything))
    number = _number(run, open_study(run), choice, searched)
    with _held(run, shared=recorded is not None):
        # a study that can be written
        objectives = objectives_of(open_study(run))
        storage = None if recorded is None else database_of(run, str(recorded))
        study = open_study(run, objectives, storage=storage)
        asked = None if number is None else NetworkId(TRIAL, number)
        wanted = asked or chosen.by_default(study)
        is_trained = trained_finalist(run) == wanted and of_everything == refit
        if is_trained and chosen.is_scored(run):
            chosen.set_to(study, asked)
            tell(f"{wanted} is the finalist already; nothing was changed")
            return wanted
        tuner, training = searched()
        validation = training.validation
        assert validation is not None, "a search has validation data"
        chosen.set_to(study, asked)
        if not is_trained or not fine_tuning.is_done(run, tuner.settings):
            pool.search(
                tuner,
                replace(training, end=inf),
                joined(training.train, validation) if refit else None,
                verbose=verbose,
                task="finalist",
            )
        if Run(run).read_references():
            keep_unet(run, tuner.study, UNets.of(tuner, training), tell)
        validate(run, validation, training.batch_size)
    tell(f"{wanted} is the finalist now")
    return wanted


def _number(
    run: Path, study: optuna.Study, choice: Choice, searched: Searched
) -> int | None:
    """Returns the trial of a choice; None if an earlier choice is taken back."""
    if choice.is_none:
        return None
    if choice.trial is not None:
        return _complete(run, study, choice.trial)
    if choice.rule != ONE_SE:
        return front.choose(study, choice.rule, choice.within).number
    tuner, training = searched()
    if tuner.settings.judge_quantized:
        raise UserError(
            f"select: {ONE_SE} expected a search that scores in float32, found one "
            "with judge_quantized; select by limits or knee"
        )
    assert training.validation is not None, "a search has validation data"
    by = (tuner.settings, training.validation, training.batch_size, choice.within)
    return select_cheapest(run, study, *by).chosen


def _complete(run: Path, study: optuna.Study, number: int) -> int:
    """Returns the number of a trial that is complete.

    Raises:
        UserError: there is no such trial, or it is not complete.
    """
    known = {trial.number: status(trial) for trial in trials_of(study)}
    if known.get(number) != "complete":
        raise UserError(
            f"{run}: expected a complete trial, found trial {number} to be "
            f"{known.get(number, 'missing')}; `autoai4eo trials RUN` lists them"
        )
    return number


@contextmanager
def _held(run: Path, shared: bool) -> Iterator[None]:
    with locked(run, "finalist") if shared else alone(run):
        yield
