"""One search on a table: the strategy proposes, the table answers."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, cast

import keras_tuner
import numpy as np
import optuna
from optuna.study import StudyDirection
from threadpoolctl import threadpool_limits

from autoai4eo.errors import UserError
from autoai4eo.search.objectives import Objective
from autoai4eo.search.simulation.table import Table
from autoai4eo.search.strategies import STRATEGIES, Setting, strategy
from autoai4eo.search.suggestions import SuggestedHyperParameters

#: Proposals of trained networks in a row, after which a random one is trained.
STUCK = 50


def replay(table: Table, name: str, seed: int, budget: int) -> np.ndarray:
    """The networks that a strategy trains, in order.

    A proposal that was trained before costs nothing and is answered again; one that is
    not in the table is answered by the nearest that is. After 50 proposals in a row of
    networks that were trained, a random one that was not is trained.

    Args:
        table: the recorded networks.
        name: of the strategy.
        seed: of the search.
        budget: distinct trainings; all networks of the table at most.

    Returns:
        Places in the table, int (trainings,).

    Raises:
        UserError: a strategy that is unknown or does not take these objectives.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng((seed, 1))
    space = keras_tuner.HyperParameters()
    _choose(space, table)
    sampler = strategy(
        name, Setting(table.objectives, space, max(1, budget), seed, table, {})
    )
    study = optuna.create_study(
        sampler=sampler,
        directions=[
            StudyDirection.MAXIMIZE if o.direction == "max" else StudyDirection.MINIMIZE
            for o in table.objectives
        ],
    )
    trained: list[int] = []
    repeated = 0
    while len(trained) < min(budget, len(table)):
        if repeated >= STUCK:
            left = np.setdiff1d(np.arange(len(table)), trained)
            study.enqueue_trial(table.values[rng.choice(left)])
        trial = study.ask()
        if getattr(sampler, "exhausted", False):
            break
        hp = SuggestedHyperParameters(trial, getattr(sampler, "proposed", None))
        _choose(hp, table)
        place = table.nearest(hp.values, rng)
        trial.set_user_attr("hyperparameters", table.values[place])
        trial.set_user_attr("best_epoch", 0)
        study.tell(trial, table.figures[place].tolist())
        repeated = repeated + 1 if place in trained else 0
        if not repeated:
            trained.append(place)
    return np.array(trained, int)


def _choose(hp: Any, table: Table) -> None:
    for name, levels in table.levels.items():
        hp.Choice(name, levels)


def check_strategies(
    names: Sequence[str] | None, objectives: tuple[Objective, ...]
) -> list[str]:
    """The names themselves, or those of all strategies that take these objectives.

    ``hyperband`` is left out by default, since a table has no epochs; so are those
    whose extra is missing.

    Raises:
        UserError: a strategy that is unknown or does not take these objectives.
    """
    space = keras_tuner.HyperParameters()
    setting = Setting(objectives, space, 1, 0, cast(Any, None), {})
    if names is not None:
        for name in names:
            strategy(name, setting)
        return list(dict.fromkeys(names))
    able = []
    for name in STRATEGIES:
        try:
            strategy(name, setting)
        except UserError:
            continue
        if name != "hyperband":
            able.append(name)
    return able


def replay_all(
    table: Table, names: Sequence[str], seeds: int, budget: int, workers: int | None
) -> dict[str, list[np.ndarray]]:
    """`replay` of every strategy with the seeds 0, 1, …, in parallel.

    Args:
        table: the recorded networks.
        names: of the strategies.
        seeds: how many searches for each.
        budget: distinct trainings.
        workers: processes; None: one per core.
    """
    tasks = [(name, seed) for name in names for seed in range(seeds)]
    count = min(workers or os.cpu_count() or 1, len(tasks))
    with ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(table,),
    ) as pool:
        found = list(
            pool.map(_one, *zip(*((*task, budget) for task in tasks), strict=True))
        )
    return {
        name: [run for task, run in zip(tasks, found, strict=True) if task[0] == name]
        for name in names
    }


_table: Table


def _begin(table: Table) -> None:
    global _table
    _table = table
    threadpool_limits(1)  # the processes share the cores already


def _one(name: str, seed: int, budget: int) -> np.ndarray:
    return replay(_table, name, seed, budget)
