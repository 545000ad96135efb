"""Replays searches on a table: the strategy proposes, the table has the figures."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import IO, Any, cast

import keras_tuner
import numpy as np
import optuna
from optuna.study import StudyDirection
from threadpoolctl import threadpool_limits

from autoai4eo.errors import SearchError, UnsuitableStrategyError, UserError
from autoai4eo.learning.objectives import Objective
from autoai4eo.log import EVERY_S
from autoai4eo.nasbench.recorded import Table
from autoai4eo.nasbench.start import RANDOM, Start
from autoai4eo.nasbench.summary import Searches
from autoai4eo.search.space.suggestions import SuggestedHyperParameters
from autoai4eo.search.strategies import (
    STRATEGIES,
    CandidateSampler,
    SearchContext,
    strategy,
)
from autoai4eo.text import line

#: After this many repeated proposals in a row, a random new network is trained.
STUCK = 50
_START = re.compile(r"[IWE]\d{4} |WARNING: All log messages")


def replay(
    table: Table,
    tuner: str | type[CandidateSampler],
    seed: int,
    budget: int,
    start: Start = RANDOM,
) -> np.ndarray:
    """Returns the networks that a strategy trains, in order.

    Proposing a trained network again costs nothing. A proposal that is not in the table
    is replaced by the nearest network of the table. After 50 proposals in a row of
    trained networks, a random untrained one is trained.

    Args:
        table: the recorded networks.
        tuner: the name of a strategy, or its class.
        seed: of the search.
        budget: distinct trainings, at most the networks of the table.
        start: which networks are trained first; the strategy learns of them as if it
            had proposed them.

    Returns:
        Indices in the table, int (trainings,).

    Raises:
        UserError: the strategy is unknown, or does not take these objectives.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng((seed, 1))
    space = keras_tuner.HyperParameters()
    _choose(space, table)
    context = SearchContext(
        *(table.objectives, space, max(1, budget), seed, table, {}),
        priors=table.priors,
    )
    sampler = strategy(tuner, context)
    study = optuna.create_study(
        sampler=sampler,
        directions=[
            StudyDirection.MAXIMIZE if o.direction == "max" else StudyDirection.MINIMIZE
            for o in table.objectives
        ],
    )
    trained: list[int] = []
    repeated = 0
    given = deque(start.first(table, seed))
    while len(trained) < min(budget, len(table)):
        if given:
            values = table.values[given.popleft()]
            study.enqueue_trial(values, {"proposed": {"values": values}})
        elif repeated >= STUCK:
            left = np.setdiff1d(np.arange(len(table)), trained)
            study.enqueue_trial(table.values[rng.choice(left)])
        trial = study.ask()
        if sampler.exhausted:
            break
        hp = SuggestedHyperParameters(trial, sampler.proposed)
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
    """Checks names of strategies; None: all strategies that take these objectives.

    By default ``hyperband`` is left out, since a table has no epochs; so are strategies
    whose extra is missing.

    Raises:
        UserError: `names` is empty, or a strategy is unknown or does not take these
            objectives.
    """
    space = keras_tuner.HyperParameters()
    context = SearchContext(objectives, space, 1, 0, cast(Any, None), {})
    if names is not None:
        if not names:
            raise UserError(
                f"strategies: expected one or more of {', '.join(STRATEGIES)}, got none"
            )
        for name in names:
            strategy(name, context)
        return list(dict.fromkeys(names))
    able = []
    for name in STRATEGIES:
        try:
            strategy(name, context)
        except UnsuitableStrategyError:
            continue
        if name != "hyperband":
            able.append(name)
    return able


def replay_all(
    table: Table,
    names: Sequence[str],
    seeds: int,
    budget: int,
    workers: int | None,
    *,
    start: Start = RANDOM,
    searches: Searches | None = None,
    keep: Callable[[Searches], None] = lambda searches: None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, list[np.ndarray]]:
    """Runs `replay` of every strategy with the seeds 0, 1, …, in parallel.

    Args:
        table: the recorded networks.
        names: of the strategies.
        seeds: searches per strategy.
        budget: distinct trainings.
        workers: processes; None: one per core. They end with this process, however it
            ends.
        start: see `replay`.
        searches: finished ones, which are not repeated.
        keep: is called with all finished searches after each finished one.
        tell: is called with a line after each finished search, and once a minute.

    Raises:
        SearchError: a process died.
    """
    found = dict(searches or {})
    tasks = [(name, seed) for name in names for seed in range(seeds)]
    missing = [task for task in tasks if task not in found]
    count = min(workers or os.cpu_count() or 1, len(missing))
    done = len(tasks) - len(missing)
    tell(f"{done} of {len(tasks)} searches finished")
    with _running(table, missing, budget, start, count) as running:
        while running:
            ended, _ = wait(running, EVERY_S, return_when=FIRST_COMPLETED)
            for future in ended:
                task = running.pop(future)
                found[task] = future.result()
                keep(found)
                done += 1
                tell(
                    f"{task[0]}, seed {task[1]}   {len(found[task])} trainings   "
                    f"{done} of {len(tasks)} searches finished"
                )
            if not ended:
                tell(f"{done} of {len(tasks)} searches finished, {count} running")
    return {name: [found[name, seed] for seed in range(seeds)] for name in names}


@contextlib.contextmanager
def _running(
    table: Table,
    tasks: Sequence[tuple[str, int]],
    budget: int,
    start: Start,
    count: int,
) -> Iterator[dict[Future[np.ndarray], tuple[str, int]]]:
    """Runs the tasks in `count` processes; kills these if an exception is raised."""
    others = multiprocessing.active_children()
    with tempfile.TemporaryFile() as output:
        # hides what TensorFlow prints when it is imported
        with _stderr_to(output.fileno()), _safe_path():
            pool = ProcessPoolExecutor(
                max(1, count),
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(table,),
            )
            # workers inherit the blocked signals, so only this process ends them
            ends = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1
            with _blocked(*ends):
                running = {
                    pool.submit(_one, *task, budget, start): task for task in tasks
                }
        try:
            yield running
        except BrokenProcessPool as error:
            raise SearchError(
                f"a process of the simulation died: {_reason(output)}; rerun to "
                "resume, with fewer --workers if memory was short"
            ) from error
        except BaseException:
            for process in multiprocessing.active_children():
                if process not in others:
                    process.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _stderr_to(file: int) -> Iterator[None]:
    """Redirects standard error of this process to a file."""
    kept = os.dup(2)
    os.dup2(file, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """Makes new Python processes import no modules from the current folder."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextlib.contextmanager
def _blocked(*signals: signal.Signals) -> Iterator[None]:
    """Blocks signals."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _reason(output: IO[bytes]) -> str:
    """The last line that is not from TensorFlow's start."""
    output.seek(0)
    lines = output.read().decode(errors="replace").splitlines()
    errors = [text for text in lines if text.strip() and not _START.match(text)]
    return line(errors[-1]) if errors else "no reason given"


_table: Table


def _begin(table: Table) -> None:
    global _table
    _table = table
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threadpool_limits(1)  # there is a process per core already


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _one(name: str, seed: int, budget: int, start: Start) -> np.ndarray:
    return replay(_table, name, seed, budget, start)
