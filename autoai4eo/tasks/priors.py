"""Reads earlier searches for a new one: runs, databases and tables of networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
import pandas as pd
from keras_tuner.engine import hyperparameters as hp_types

from autoai4eo.blocks.cells.nasbench_block import choices_of
from autoai4eo.errors import UserError, warn
from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench.database import Database
from autoai4eo.nasbench.database_file import is_database
from autoai4eo.nasbench.frame import read_frame
from autoai4eo.networks.cell import Cell
from autoai4eo.runs.study import open_study
from autoai4eo.runs.trials import largest_group
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.strategies.prior import Prior

Network = tuple[Values, Mapping[str, Any]]


def priors_of(graph: Graph, settings: SearchSettings) -> list[Prior]:
    """Returns the earlier searches of a search's settings, see `read_priors`."""
    if not settings.prior:
        return []
    space = keras_tuner.HyperParameters()
    graph.build(space)
    names = [hp.name for hp in space.space]
    found = read_priors(settings.prior, settings.objectives, names)
    for prior in found:
        _check_numbers(prior, space.space)
    return found


def _check_numbers(prior: Prior, hyperparameters: Sequence[Any]) -> None:
    """Checks that numbers are where this search has numbers.

    Raises:
        UserError: they are not.
    """
    for hp in hyperparameters:
        if not isinstance(hp, hp_types.Int | hp_types.Float):
            continue
        least = 0 if hp.sampling == "log" else -math.inf
        for value in (v[hp.name] for v in prior.values if hp.name in v):
            if not isinstance(value, int | float) or not least < value < math.inf:
                more = " above 0" if least == 0 else ""
                raise UserError(
                    f"{prior.name}: expected numbers{more} in {hp.name}, found "
                    f"{value!r}; correct it, or leave the column out"
                )


def read_priors(
    paths: Sequence[str | Path], objectives: Sequence[Objective], names: Sequence[str]
) -> list[Prior]:
    """Reads what networks of earlier searches reached.

    A name without ``/``, such as ``width``, is that of the only hyperparameter that
    ends so.

    Args:
        paths: folders of runs; databases, see `autoai4eo.nasbench.database`; CSV files
            whose columns are hyperparameters and metrics.
        objectives: of the new search; those that are costs are not read.
        names: of its hyperparameters.

    Raises:
        UserError: a path is none of these, has none of the hyperparameters, or no
            network with the metrics of the new search.
    """
    metrics = [o for o in objectives if not o.is_cost]
    return [_prior(Path(path), metrics, names) for path in paths]


def _prior(path: Path, metrics: Sequence[Objective], names: Sequence[str]) -> Prior:
    found = [(_named(values, names), figures) for values, figures in _networks(path)]
    good = [one for one in found if all(_is_known(one[1], m.name) for m in metrics)]
    if not good:
        raise UserError(
            f"{path}: expected networks with numbers in "
            f"{' and '.join(m.name for m in metrics)}, found none; name a run, a "
            "database or a CSV file that has them"
        )
    of_networks = dict.fromkeys(name for values, _ in good for name in values)
    if not of_networks.keys() & set(names):
        raise UserError(
            f"{path}: expected networks with hyperparameters of this search "
            f"({_few(names)}), found {_few(list(of_networks))}; name a search of the "
            "same blocks"
        )
    missing = [name for name in names if name not in of_networks]
    if 2 * len(missing) > len(names):
        warn(
            f"{path}: its networks have no {_few(missing)}: it tells little of this "
            "search"
        )
    figures = {
        m.name: np.array([float(f[m.name]) for _, f in good])
        * (-1 if m.direction == "max" else 1)
        for m in metrics
    }
    return Prior(str(path), [values for values, _ in good], figures)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _networks(path: Path) -> Iterator[Network]:
    if not path.exists():
        raise UserError(
            f"{path}: expected a run, a database of networks or a CSV file, found "
            "none; check the path of --prior"
        )
    if path.is_dir():
        for trial in largest_group(open_study(path)):
            kept = trial.user_attrs
            yield kept["hyperparameters"], kept["metrics"]
    elif is_database(path):
        with Database(path) as database:
            for one in database.architectures():
                values = choices_of(one) if isinstance(one, Cell) else dict(one)
                yield values, database.query(one)
    else:
        frame = read_frame(path, [], [])
        for row in frame.to_dict("records"):
            values = {str(n): v for n, v in row.items() if not pd.isna(v)}
            yield values, values


def _named(values: Values, names: Sequence[str]) -> Values:
    """Returns the values by the names of this search."""
    found = {}
    for name, value in values.items():
        same = [known for known in names if known.endswith(f"/{name}")]
        found[same[0] if name not in names and len(same) == 1 else name] = value
    return found


def _is_known(figures: Mapping[str, Any], name: str) -> bool:
    value = figures.get(name)
    return isinstance(value, int | float) and bool(np.isfinite(value))
