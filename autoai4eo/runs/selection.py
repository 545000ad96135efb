"""How the finalist was selected, with the noise of the scores: ``selection.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import DamagedError
from autoai4eo.files import read_json, write_json
from autoai4eo.learning.figures import find, rounded
from autoai4eo.runs import cures, schemas
from autoai4eo.runs.folder import Run

ONE_SE = "one-se"


@dataclass(frozen=True)
class Candidate:
    """A trial that could become the finalist.

    Attributes:
        trial: its number.
        mean: of its figures.
        standard_error: of the mean.
        figures: of each fold or seed; empty if samples were resampled.
        behind: how much worse than the best its mean is, 0 or more.
        behind_error: the standard error of that, from paired differences.
        cost: of its network; None: not known.
    """

    trial: int
    mean: float
    standard_error: float
    figures: list[float]
    behind: float
    behind_error: float
    cost: float | None

    @property
    def is_tied(self) -> bool:
        """Whether it is within one standard error of the best."""
        return self.behind <= self.behind_error


@dataclass(frozen=True)
class Selection:
    """The selection of the finalist.

    Attributes:
        metric: that the trials are compared by.
        over: what gives the noise, in words, such as ``5 folds by parent``.
        rule: ``"one-se"``, or None for the best mean.
        cost: that decides among tied trials.
        candidates: the best first.
        chosen: the number of the selected trial.
    """

    metric: str
    over: str
    rule: str | None
    cost: str
    candidates: list[Candidate]
    chosen: int

    @property
    def tied(self) -> list[int]:
        """The trials within one standard error of the best, which is the first."""
        return [c.trial for c in self.candidates if c.is_tied]

    @property
    def told(self) -> str:
        """The selection in a sentence or two."""
        figure = find(self.metric)
        (mine,) = (c for c in self.candidates if c.trial == self.chosen)
        head = (
            f"Trial {self.chosen} was selected: {figure.label} "
            f"{figure.text(mine.mean)} ± {figure.text(mine.standard_error)} "
            f"(standard error; {self.over})."
        )
        if len(self.candidates) == 1:
            return head
        others = [trial for trial in self.tied if trial != self.chosen]
        if not others:
            which = "The other is" if len(self.candidates) == 2 else "The others are"
            return f"{head} {which} worse by more than one standard error."
        words = "trial" if len(others) == 1 else "trials"
        tie = f"{words} {', '.join(map(str, others))}"
        if self.rule != ONE_SE or mine.cost is None:
            return f"{head} Within one standard error of the best: {tie}, too."
        return (
            f"{head} Within one standard error of the best: {tie}, too; trial "
            f"{self.chosen} costs least of them ({find(self.cost).label} "
            f"{rounded(mine.cost)})."
        )


def select(
    metric: str,
    over: str,
    figures: np.ndarray,
    trials: list[int],
    costs: list[float | None],
    cost: str,
    rule: str | None,
) -> Selection:
    """Selects a trial by repeated measurements of a metric.

    With ``rule="one-se"`` the cheapest of the trials whose mean is behind the best by
    no more than one standard error (Breiman et al. 1984, *Classification and Regression
    Trees*, section 3.4.3); otherwise the best mean. The error is that of the paired
    differences: what all trials have in common, such as a difficult fold, is no noise.

    Args:
        metric, over, cost, rule: see `Selection`.
        figures: of the trials on each fold or seed, (trials, n), n of 2 or more.
        trials: their numbers.
        costs: of their networks.
    """
    sign = 1 if find(metric).direction == "max" else -1
    means = figures.mean(axis=1)
    best = int(np.argmax(sign * means))
    gaps = sign * (figures[best] - figures)
    errors = [_standard_error(row) for row in gaps]
    found = [
        Candidate(
            trial,
            float(means[i]),
            _standard_error(figures[i]),
            [float(value) for value in figures[i]],
            float(gaps[i].mean()),
            errors[i],
            costs[i],
        )
        for i, trial in enumerate(trials)
    ]
    return _selected(metric, over, rule, cost, found)


def select_resampled(
    metric: str,
    over: str,
    values: np.ndarray,
    draws: np.ndarray,
    trials: list[int],
    costs: list[float | None],
    cost: str,
    rule: str | None,
) -> Selection:
    """Selects as `select`, by resamples of the samples that all trials are scored on.

    Args:
        metric, over, trials, costs, cost, rule: as for `select`.
        values: of the metric on all samples, (trials,).
        draws: of the metric on the same resamples, (trials, draws).
    """
    sign = 1 if find(metric).direction == "max" else -1
    best = int(np.argmax(sign * values))
    found = [
        Candidate(
            trial,
            float(values[i]),
            float(np.nanstd(draws[i])),
            [],
            float(sign * (values[best] - values[i])),
            float(np.nanstd(draws[best] - draws[i])),
            costs[i],
        )
        for i, trial in enumerate(trials)
    ]
    return _selected(metric, over, rule, cost, found)


def keep(run: Path, selection: Selection) -> None:
    """Writes ``selection.json``."""
    about = {"schema": schemas.VERSION, "run": Run(run).mark()}
    write_json(Run(run).selection, {**about, **asdict(selection)})


def read_selection(run: Path) -> Selection | None:
    """Returns the selection of the finalist; None if the run has none.

    Raises:
        DamagedError: its file is damaged.
    """
    path = Run(run).selection
    if not path.is_file():
        return None
    known: dict[str, Any] = read_json(path, cures.SELECTION, schemas.SELECTION)
    own = Run(run).mark()
    if own is not None and known.get("run", own) != own:
        raise DamagedError(
            f"{path}: expected the selection of this run, found that of another; "
            f"{cures.SELECTION}"
        )
    fields = {name: known[name] for name in Selection.__dataclass_fields__}
    fields["candidates"] = [
        Candidate(**{name: one[name] for name in Candidate.__dataclass_fields__})
        for one in known["candidates"]
    ]
    found = Selection(**fields)
    if found.chosen not in [one.trial for one in found.candidates]:
        raise DamagedError(
            f"{path}: expected the selected trial among those compared, found "
            f"{found.chosen}; {cures.SELECTION}"
        )
    return found


def _selected(
    metric: str, over: str, rule: str | None, cost: str, found: list[Candidate]
) -> Selection:
    found = sorted(found, key=lambda one: (one.behind, one.trial))
    among = [one for one in found if one.is_tied] if rule == ONE_SE else found[:1]
    chosen = min(among, key=lambda one: np.inf if one.cost is None else one.cost)
    return Selection(metric, over, rule, cost, found, chosen.trial)


def _standard_error(figures: np.ndarray) -> float:
    return float(figures.std(ddof=1) / np.sqrt(len(figures)))
