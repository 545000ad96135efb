"""Recorded networks as what a surrogate learns from: features, values, walks."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.nasbench.database import NASBENCH101, Architecture, Database
from autoai4eo.nasbench.surrogates.costs import Shape
from autoai4eo.nasbench.surrogates.encoding import (
    CellEncoding,
    ChoiceEncoding,
    Encoding,
)

_LEAST = 10
_PLACES = ("id", "walk", "step")


@dataclass(frozen=True)
class Records:
    """Networks with a figure that is to be predicted.

    Attributes:
        target: name of the figure.
        epoch: after which it was reached.
        networks: n different ones.
        encoding: of the networks.
        known: names of the figures known before training that are features, too.
        features: (n, d); the known figures are the last ones.
        values: of the figure, (n,).
        groups: the walk of each network, int (n,); a network on no walk has its own.
        macs: multiply-adds of each network, (n,); None where they are not known.
        frame: see `Database.frame`, n rows.
    """

    target: str
    epoch: int
    networks: Sequence[Architecture]
    encoding: Encoding
    known: tuple[str, ...]
    features: np.ndarray
    values: np.ndarray
    groups: np.ndarray
    macs: np.ndarray | None
    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.values)

    @property
    def on_walks(self) -> bool:
        """Whether networks were met on walks."""
        return len(np.unique(self.groups)) < len(self)

    def part(self, rows: np.ndarray) -> Self:
        """Returns some of the networks."""
        return replace(
            self,
            networks=[self.networks[i] for i in rows],
            features=self.features[rows],
            values=self.values[rows],
            groups=self.groups[rows],
            macs=None if self.macs is None else self.macs[rows],
            frame=self.frame.iloc[rows],
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
    frame = database.frame(after)
    by_id = {database.id_of(one): one for one in database.architectures()}
    networks = [by_id[number] for number in frame["id"]]
    choices = set() if database.space == NASBENCH101 else set(networks[0])
    figures = frame.select_dtypes("number").columns.difference([*choices, *_PLACES])
    before = set().union(*(database.figures_after(one, 0) for one in networks))
    _check(database, "--target", [target], set(figures))
    _check(database, "--known", known, before - {target})
    complete = frame[[target, *known]].notna().all(axis=1).to_numpy()
    if not complete.all():
        warnings.warn(
            f"{database.path}: {int((~complete).sum()):,} of {len(frame):,} networks "
            f"have no {' or no '.join([target, *known])} and are left out",
            AutoAI4EOWarning,
            stacklevel=2,
        )
    rows = np.flatnonzero(complete)
    if len(rows) < _LEAST:
        raise UserError(
            f"{database.path}: expected {_LEAST} networks with {target} or more, found "
            f"{len(rows)}; train more of them"
        )
    encoding: Encoding
    if database.space == NASBENCH101:
        encoding = CellEncoding(Shape.of(database.about))
    else:
        encoding = ChoiceEncoding.of(networks)
    macs = None
    if "macs" in before and target != "macs" and frame["macs"].gt(0).all():
        macs = frame["macs"].to_numpy(float)
    elif isinstance(encoding, CellEncoding):
        macs = encoding.costs(networks)[0].astype(float)
    return Records(
        target,
        after,
        networks,
        encoding,
        tuple(known),
        np.hstack([encoding.features(networks), frame[list(known)].to_numpy(float)]),
        frame[target].to_numpy(float),
        _groups(frame["walk"]),
        macs,
        frame,
    ).part(rows)


def _groups(walks: pd.Series) -> np.ndarray:
    own = -1.0 - np.arange(len(walks))
    named = np.where(walks.isna(), own, walks.to_numpy(float))
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
