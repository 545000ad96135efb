"""Recorded networks as what a surrogate learns from: features, values, walks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from autoai4eo.errors import UserError, warn
from autoai4eo.nasbench.database import NASBENCH101, Architecture, Database, Entry
from autoai4eo.nasbench.surrogates.costs import Shape
from autoai4eo.nasbench.surrogates.encoding import (
    CellEncoding,
    ChoiceEncoding,
    Encoding,
)

_LEAST = 10


@dataclass(frozen=True)
class Records:
    """Networks with a figure that is to be predicted.

    Attributes:
        target: name of the figure.
        epoch: after which it was reached.
        entries: n different networks, with all that is known of them.
        encoding: of the networks.
        known: names of the figures known before training that are features, too.
        features: (n, d); the known figures are the last ones.
        values: of the figure, (n,).
        groups: the walk of each network, int (n,); a network on no walk has its own.
        macs: multiply-adds of each network, (n,); None where they are not known.
    """

    target: str
    epoch: int
    entries: Sequence[Entry]
    encoding: Encoding
    known: tuple[str, ...]
    features: np.ndarray
    values: np.ndarray
    groups: np.ndarray
    macs: np.ndarray | None

    def __len__(self) -> int:
        return len(self.values)

    def part(self, rows: np.ndarray) -> Self:
        """Returns some of the networks."""
        return replace(
            self,
            entries=[self.entries[i] for i in rows],
            features=self.features[rows],
            values=self.values[rows],
            groups=self.groups[rows],
            macs=None if self.macs is None else self.macs[rows],
        )


def read_records(
    database: Database,
    target: str,
    epoch: int | None = None,
    known: Sequence[str] = (),
) -> Records:
    """Reads the networks of a database that have a figure.

    Args:
        database: of trained networks.
        target: name of the figure.
        epoch: after which it was reached; None: the last one.
        known: names of figures known before training that are features, too.

    Raises:
        UserError: there are no such figures, or fewer than ten networks have them.

    Warns:
        AutoAI4EOWarning: networks without one of the figures are left out.
    """
    after = max(database.epochs, default=0) if epoch is None else epoch
    if after not in database.epochs:
        raise UserError(
            f"--epoch: expected one of the epochs of {database.path} "
            f"({', '.join(map(str, database.epochs)) or 'none'}), got {after}"
        )
    every = list(database.entries())
    before = {name for one in every for name in one.figures.get(0, {})}
    reached = {name for one in every for name in one.figures.get(after, {})}
    _check(database, "--target", [target], before | reached)
    _check(database, "--known", known, before - {target})
    entries = [
        one
        for one in every
        if {target, *known} <= {*one.figures.get(0, {}), *one.figures.get(after, {})}
    ]
    if missing := len(every) - len(entries):
        warn(
            f"{database.path}: {missing:,} of {len(every):,} networks have no "
            f"{' or no '.join([target, *known])} after epoch {after} and are left out"
        )
    if len(entries) < _LEAST:
        raise UserError(
            f"{database.path}: expected {_LEAST} networks with {target} or more, found "
            f"{len(entries)}; train more of them"
        )
    networks: list[Architecture] = [one.architecture for one in entries]
    encoding: Encoding
    if database.space == NASBENCH101:
        encoding = CellEncoding(Shape.of(database.about))
    else:
        encoding = ChoiceEncoding.of(networks)
    macs = None
    if target != "macs" and all(
        one.figures.get(0, {}).get("macs", 0) > 0 for one in entries
    ):
        macs = known_of(entries, ["macs"])[:, 0]
    elif isinstance(encoding, CellEncoding):
        macs = encoding.costs(networks)[0].astype(float)
    values = [
        {**one.figures.get(0, {}), **one.figures.get(after, {})}[target]
        for one in entries
    ]
    return Records(
        target,
        after,
        entries,
        encoding,
        tuple(known),
        np.hstack([encoding.features(networks), known_of(entries, known)]),
        np.array(values),
        _groups(entries),
        macs,
    )


def known_of(entries: Iterable[Entry], names: Sequence[str]) -> np.ndarray:
    """Returns figures that are known before training, (n, names).

    Raises:
        UserError: a network lacks one.
    """
    try:
        rows = [[one.figures.get(0, {})[name] for name in names] for one in entries]
    except KeyError as error:
        raise UserError(
            f"surrogate: expected {error.args[0]} of each network before training, "
            "found one without; make a surrogate without --known"
        ) from None
    return np.array(rows, float).reshape(len(rows), len(names))


def _groups(entries: Sequence[Entry]) -> np.ndarray:
    named = [
        -1 - place if one.walk is None else one.walk
        for place, one in enumerate(entries)
    ]
    return np.unique(named, return_inverse=True)[1]


def _check(
    database: Database, option: str, names: Sequence[str], figures: set[str]
) -> None:
    for name in names:
        if name not in figures:
            raise UserError(
                f"{option}: expected a figure of {database.path} "
                f"({', '.join(sorted(figures)) or 'there is none'}), got {name!r}"
            )
