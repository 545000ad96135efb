"""Fills a database with the networks of a run that trained a sample of cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from autoai4eo.blocks.cells.nasbench_block import choices_of
from autoai4eo.errors import UserError
from autoai4eo.learning import history
from autoai4eo.learning.epoch_scores import SECONDS
from autoai4eo.learning.figures import COSTS
from autoai4eo.learning.zero_cost import SCORES
from autoai4eo.nasbench.database import NASBENCH101, Database, Entry
from autoai4eo.nasbench.filling import filled
from autoai4eo.nasbench.sample import Walks
from autoai4eo.networks.cell import Cell
from autoai4eo.runs.folder import Run, locked
from autoai4eo.runs.study import open_study, trials_of
from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.given import candidate_key

_PARTS = ("train_", "val_", "test_")


def number_of_others(
    run: Path, cells: list[Cell], block: str, storage: str | None
) -> int:
    """Returns how many networks outside of a sample a run has trained.

    Args:
        run: the folder, which may not exist.
        cells: the sample.
        block, storage: see `record_sample`.
    """
    if not Run(run).exists:
        return 0
    own = {candidate_key(values) for values in proposals_of(cells, block)}
    trials = trials_of(open_study(run, storage=storage))
    proposed = (t.user_attrs.get("proposed", {}).get("values") for t in trials)
    return len({candidate_key(v) for v in proposed if v is not None} - own)


def proposals_of(cells: list[Cell], block: str) -> list[Values]:
    """Returns the hyperparameters of the networks of cells.

    Args:
        cells: of the sample.
        block: the name of the block of cells in the graph.
    """
    return [
        {f"{block}/{name}": value for name, value in choices_of(cell).items()}
        for cell in cells
    ]


def record_sample(
    run: Path,
    walks: Walks,
    block: str,
    every: int,
    about: Mapping[str, Any],
    storage: str | None = None,
) -> Database:
    """Writes the database of a run's sample, and opens it.

    A network whose training failed has the figures before training only; one that was
    not tried yet is left out.

    Args:
        run: the folder.
        walks: the sample.
        block: see `proposals_of`.
        every: the figures of every so many epochs, and of the last, are kept.
        about: what the networks have in common.
        storage: of the run, see `SearchSettings`.

    Raises:
        UserError: no cell of the sample was tried, or a file of a trial is damaged.
    """
    entries = list(_entries(run, walks, block, every, storage))
    if not entries:
        raise UserError(
            f"{run}: expected trained cells of this sample, found none; train it in "
            "another --out"
        )
    with locked(run, "networks"):
        return filled(Run(run).networks, NASBENCH101, about, entries)


def _entries(
    run: Path, walks: Walks, block: str, every: int, storage: str | None
) -> Iterator[Entry]:
    tried: dict[frozenset[Any], FrozenTrial] = {}
    for trial in trials_of(open_study(run, storage=storage)):
        if trial.state.is_finished() and "cost" in trial.user_attrs:
            values = trial.user_attrs.get("proposed", {}).get("values", {})
            # a repeated trial stands after the one that was interrupted
            tried[candidate_key(values)] = trial
    for number, cells in enumerate(walks):
        of_walk = number if len(cells) > 1 else None
        for step, (cell, values) in enumerate(
            zip(cells, proposals_of(cells, block), strict=True)
        ):
            if (found := tried.get(candidate_key(values))) is not None:
                at = None if of_walk is None else step
                yield Entry(cell, _figures(run, found, every), of_walk, at)


def _figures(run: Path, trial: FrozenTrial, every: int) -> dict[int, dict[str, float]]:
    cost = trial.user_attrs["cost"]
    names = (*COSTS, "latency_spread_ms")
    found = {0: _finite({name: cost.get(name) for name in names})}
    if trial.state != TrialState.COMPLETE:
        return found
    path = Run(run).trial(trial.number).history
    rows = history.read(path, trial.number)
    if not rows:
        raise UserError(
            f"{path}: expected the learning curve of trial {trial.number}, found none; "
            "restore it from a copy, or train the sample in another --out"
        )
    found[0] |= _finite({name: rows[0].get(name) for name in SCORES})
    scoring = 0.0
    for row in rows:
        scoring += row.get(SECONDS, 0.0)
        epoch = int(row["epoch"])
        if epoch % every == 0 or row is rows[-1]:
            figures = {n: v for n, v in row.items() if n.startswith(_PARTS)}
            figures["train_seconds"] = row["seconds"] - scoring
            found[epoch] = _finite(figures)
    return found


def _finite(figures: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in figures.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
