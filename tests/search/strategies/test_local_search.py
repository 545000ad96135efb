"""Pareto local search: on tables that are known whole, and on a toy search."""

import itertools

import keras_tuner
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from toy_search import BOTH, at_once, objective_of, sampler_of

from autoai4eo.nasbench import read_table, replay
from autoai4eo.runs.pareto import minimised, on_front
from autoai4eo.search.space.graph_space import COUNTED, GraphCandidates


def write(path, rows, names):
    path.write_text(
        "\n".join([",".join(names), *(",".join(map(str, r)) for r in rows)])
    )
    return path


def one_max(tmp_path, bits=6):
    rows = [(*b, 1 + sum(b)) for b in itertools.product((0, 1), repeat=bits)]
    names = [f"b{i}" for i in range(bits)]
    path = write(tmp_path / "one_max.csv", rows, [*names, "ones"])
    return read_table(path, maximize=["ones"], minimize=[], choices=names)


def rugged(tmp_path, seed):
    """All combinations of four choices with two objectives without any structure."""
    rng = np.random.default_rng(seed)
    rows = [
        (*c, rng.uniform(), rng.uniform())
        for c in itertools.product(range(3), repeat=4)
    ]
    path = write(tmp_path / "rugged.csv", rows, [*"abcd", "acc", "cost"])
    return read_table(path, maximize=["acc"], minimize=["cost"], choices=[*"abcd"])


@pytest.mark.parametrize("seed", range(4))
def test_it_climbs_one_max_by_whole_neighbourhoods(tmp_path, seed):
    table = one_max(tmp_path)
    trained = replay(table, "local-search", seed, len(table))
    ones = table.figures[trained, 0]
    missing = int(7 - ones[0])
    # of each network on the way all six neighbours, some of which it knows
    assert int(ones.argmax()) <= 6 * missing
    # the first six are the neighbours of the first
    first = np.array([list(table.values[i].values()) for i in trained[:7]])
    assert (np.abs(first[1:] - first[0]).sum(axis=1) == 1).all()
    # all of them in the end: it begins anew, and trains nothing twice
    assert sorted(trained) == list(range(len(table)))


def local_fronts(table, trained):
    """The networks of no trained network's neighbourhood that dominates them."""
    points = minimised(table.figures, table.objectives)
    found = set()
    for i in trained:
        near = [table.identity(v) for v in table.neighbours(table.values[i])]
        if on_front(points[[i, *near]])[0]:
            found.add(int(i))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_where_the_queue_ends_all_that_is_left_is_locally_optimal(tmp_path, seed):
    """Simulated again, plainly: the archive of the first search, and its trainings."""
    table = rugged(tmp_path, seed)
    points = minimised(table.figures, table.objectives)
    trained = replay(table, "local-search", seed, len(table)).tolist()
    archive, explored, met = {trained[0]}, set(), {trained[0]}
    while left := [i for i in trained if i in archive and i not in explored]:
        near = {table.identity(v) for v in table.neighbours(table.values[left[0]])}
        explored.add(left[0])
        met |= near
        # the next ones that were trained are just these
        assert set(trained[: len(met)]) == met
        every = sorted(archive | near)
        archive = {every[k] for k in np.flatnonzero(on_front(points[every]))}
    assert archive <= local_fronts(table, trained)
    # and a search to the end has the front of the table
    assert set(np.flatnonzero(on_front(points))) <= set(trained)


def test_the_archive_of_a_smooth_table_is_its_front_before_all_is_trained(tmp_path):
    rows = [
        (a, b, c, a + b + c / 10, 1.0 + a + b + c)
        for a, b, c in itertools.product(range(8), range(8), range(8))
    ]
    path = write(tmp_path / "smooth.csv", rows, [*"abc", "acc", "cost"])
    table = read_table(path, maximize=["acc"], minimize=["cost"], choices=[*"abc"])
    trained = replay(table, "local-search", 0, 300)
    points = minimised(table.figures, table.objectives)
    values = {tuple(p) for p in points[on_front(points)]}
    assert values <= {tuple(p) for p in points[trained]} and len(trained) < len(table)


def study_of(sampler, objectives=1):
    return optuna.create_study(sampler=sampler, directions=["minimize"] * objectives)


def test_a_proposal_is_one_change_of_its_parent():
    sampler = sampler_of("local-search", 0, BOTH)
    study = study_of(sampler, 2)
    study.optimize(objective_of(sampler, BOTH), n_trials=30)
    fingerprints = [t.user_attrs["fingerprint"] for t in study.trials]
    assert len(set(fingerprints)) == len(fingerprints)
    parents = [t.user_attrs["proposed"]["parent"] for t in study.trials]
    assert parents[0] is None and sum(p is not None for p in parents) > 20
    for trial, parent in zip(study.trials, parents, strict=True):
        if parent is not None:
            one, other = trial.params, study.trials[parent].params
            changed = [n for n in one.keys() & other.keys() if one[n] != other[n]]
            assert len(changed) == 1
            assert changed == ["more"] or one.keys() == other.keys()


def test_running_trials_are_not_proposed_again():
    sampler = sampler_of("local-search", 3)
    study = study_of(sampler)
    study.optimize(objective_of(sampler), n_trials=1)
    asked = []
    for _ in range(4):
        study.ask()
        asked.append(str(sampler.proposed))
    assert len(set(asked)) == 4


def test_given_candidates_are_where_it_begins():
    sampler = sampler_of("local-search", 0)
    study = study_of(sampler)
    for x in (0.9, 0.2):
        values = {"x": x, "more": False}
        study.enqueue_trial(values, user_attrs={"proposed": {"values": values}})
    study.optimize(objective_of(sampler), n_trials=3)
    # 0.9 is dominated by 0.2, whose neighbours come
    assert study.trials[2].user_attrs["proposed"]["parent"] == 1


def test_it_goes_around_failed_trials():
    sampler = sampler_of("local-search", 1)
    study = study_of(sampler)
    objective = objective_of(sampler)

    def failing(trial):
        found = objective(trial)
        if trial.number and trial.number % 2:
            raise optuna.TrialPruned
        return found

    study.optimize(failing, n_trials=24)
    states = [t.state for t in study.trials]
    assert states.count(TrialState.COMPLETE) == 12
    for trial in study.trials:
        parent = trial.user_attrs["proposed"]["parent"]
        assert parent is None or study.trials[parent].state == TrialState.COMPLETE


def test_with_one_objective_it_finds_the_best():
    found = at_once("local-search", 60)
    assert min(loss for _, loss in found) < 0.01


def test_neighbours_of_a_graph_differ_in_one_hyperparameter():
    def built(values):
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        hp.Choice("width", [8, 16, 32])
        hp.Float("rate", 1e-4, 1e-1, sampling="log")
        hp.Int("depth", 1, 3)
        hp.Fixed("classes", 10)
        if hp.Boolean("deep"):
            hp.Choice("deep/kernel", [3, 5])
        return hp, "", dict.fromkeys(COUNTED, 1.0)

    candidates = GraphCandidates(built, built({"deep": True})[0], ["macs"], bool)
    first = {"width": 8, "rate": 1e-4, "depth": 2, "classes": 10, "deep": False}
    near = candidates.neighbours(first)
    changes = sorted(
        (name, one[name])
        for one in near
        for name in one.keys() & first.keys()
        if one[name] != first[name]
    )
    assert [(n, v) for n, v in changes if n != "rate"] == [
        ("deep", True),
        ("depth", 1),
        ("depth", 3),
        ("width", 16),
        ("width", 32),
    ]
    ((_, rate),) = [c for c in changes if c[0] == "rate"]  # it is the least already
    assert rate == pytest.approx(2e-4, rel=0.01)  # a tenth of three decades
    deep = next(one for one in near if one["deep"])
    assert deep["deep/kernel"] == 3 and len(near) == len(changes)
