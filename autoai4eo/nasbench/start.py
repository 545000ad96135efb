"""The networks that a replayed search trains first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.nasbench.frame import read_frame
from autoai4eo.nasbench.recorded import Table
from autoai4eo.nasbench.sample import read_sample
from autoai4eo.nasbench.surrogates.models import make
from autoai4eo.runs.pareto import minimised, on_front
from autoai4eo.text import counted

#: The model of a start by surrogate.
MODEL = "xgboost"
FITTED_ON = 20


@dataclass(frozen=True)
class Start:
    """How searches begin.

    ``random``
        as the strategy does.
    ``given``
        with given networks, in their order.
    ``surrogate``
        with those that a surrogate expects to be on the front (Demir, Traoré and Camero
        2024). Networks are drawn at random; a model of each objective that is not known
        before training is fitted on them; of all networks of the table those are
        trained, in random order, that no other dominates by these predictions and by
        the objectives that are known. The drawn networks that are charged are trained
        before, as part of the budget, and the search learns of them. Those that are
        not charged count as trained elsewhere: the search knows nothing of them but
        the predictions.

    Attributes:
        kind: of the start.
        given: indices of the given networks in the table.
        fitted_on: how many networks the surrogate is fitted on.
        charge: how many of them are part of the budget.
    """

    kind: Literal["random", "given", "surrogate"] = "random"
    given: tuple[int, ...] = ()
    fitted_on: int = 0
    charge: int = 0

    def first(self, table: Table, seed: int) -> list[int]:
        """Returns the indices of the networks that a search trains first, in order."""
        if self.kind != "surrogate":
            return list(self.given)
        rng = np.random.default_rng((seed, 2))
        drawn = rng.choice(len(table), self.fitted_on, replace=False)
        charged = drawn[: self.charge]
        expected = rng.permutation(expected_front(table, drawn, seed))
        return [*charged.tolist(), *(i for i in expected.tolist() if i not in charged)]

    @property
    def sentence(self) -> str:
        """How the searches began, for people."""
        if self.kind == "random":
            return "Every search begins as its strategy does."
        if self.kind == "given":
            return f"Every search begins with {counted(len(self.given), 'network')}."
        return (
            "Every search begins with the networks that a surrogate, fitted on "
            f"{self.fitted_on} random networks, expects to be on the front; "
            f"{self.charge} of these {self.fitted_on} are part of the budget."
        )


RANDOM = Start()


def by_surrogate(table: Table, fitted_on: int | None, charge: int | None) -> Start:
    """Returns the start with the front that a surrogate expects.

    Args:
        table: the recorded networks.
        fitted_on: how many random networks the surrogate is fitted on; None: 20, or all
            of a smaller table.
        charge: how many of them are part of the budget; None: all.

    Raises:
        UserError: the table has fewer networks, more are charged than are drawn, or
            the package of the models is not installed.
    """
    number = min(FITTED_ON, len(table)) if fitted_on is None else fitted_on
    charged = number if charge is None else charge
    if number > len(table):
        raise UserError(
            f"--fitted-on: expected at most {len(table):,}, all networks of the table, "
            f"got {number:,}"
        )
    if charged > number:
        raise UserError(
            f"--charge: expected at most {number:,}, as many as the surrogate is "
            f"fitted on, got {charged:,}; raise --fitted-on"
        )
    make(MODEL, 0)  # its package is there
    return Start("surrogate", fitted_on=number, charge=charged)


def expected_front(table: Table, drawn: np.ndarray, seed: int) -> np.ndarray:
    """Returns the networks that a surrogate expects to be on the front of the table.

    Args:
        table: the recorded networks.
        drawn: indices of those whose objectives the surrogate may use.
        seed: of the models.

    Returns:
        Indices in the table, int (n,), ascending.

    Raises:
        UserError: the package of the models is not installed, or `drawn` are fewer
            than two.
    """
    features = np.hstack([table.described, np.log(table.known), table.trained])
    figures = minimised(table.figures, table.objectives)
    for i, objective in enumerate(table.objectives):
        if objective.name in table.costs:
            continue
        logs = objective.name in table.logarithmic
        values = np.log(table.figures[:, i]) if logs else table.figures[:, i]
        model = make(MODEL, seed).fit(features[drawn], values[drawn])
        mean, _ = model.predict(features)
        figures[:, i] = -mean if objective.direction == "max" else mean
    return np.flatnonzero(on_front(figures))


def read_start(path: Path, table: Table) -> Start:
    """Reads the networks that searches begin with.

    Args:
        path: a CSV file with the choices of a network in each row; for a table of cells
            a sample that ``nasbench sample`` wrote.
        table: that has them.

    Raises:
        UserError: it is no such file, or has a network that is not in the table.
    """
    if table.cells is not None:
        cells = [cell for walk in read_sample(path) for cell in walk]
        found = [table.place_of_cell(cell) for cell in cells]
    else:
        names = list(table.levels)
        rows = read_frame(path, names)[names].astype(object).to_dict("records")
        found = [table.place_of({str(n): v for n, v in row.items()}) for row in rows]
    places = [i for i in found if i is not None]
    if missing := len(found) - len(places):
        first = found.index(None) + 1
        raise UserError(
            f"{path}: expected networks of the table, found {missing} of "
            f"{len(found)} that are not in it, the first is number {first}; leave them "
            "out"
        )
    if not places:
        raise UserError(f"{path}: expected one network or more, found none")
    return Start("given", tuple(dict.fromkeys(places)))
