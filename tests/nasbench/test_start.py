"""The networks that searches train first, and what of them is part of the budget."""

import itertools
import json

import numpy as np
import optuna
import pandas as pd
import pytest
from toy_search import BOTH, objective_of, sampler_of

from autoai4eo.errors import UserError
from autoai4eo.nasbench import read_table, replay, start
from autoai4eo.nasbench.sample import walks_of, write_sample
from autoai4eo.nasbench.start import Start, by_surrogate, expected_front, read_start
from autoai4eo.runs.pareto import minimised, on_front

NAMES = ["a", "b", "c", "d"]


@pytest.fixture(autouse=True)
def ridge(monkeypatch):
    """XGBoost is an extra."""
    monkeypatch.setattr(start, "MODEL", "ridge")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = [
        (*c, sum(c) / 9 + c[0] * 0.1 + rng.normal(0, 0.01), 1.0 + c[1] + 3 * c[0])
        for c in itertools.product(range(3), repeat=4)
    ]
    file = tmp_path_factory.mktemp("table") / "table.csv"
    pd.DataFrame(rows, columns=[*NAMES, "acc", "macs"]).to_csv(file, index=False)
    return file


def read(path, **other):
    given = {"maximize": ["acc"], "minimize": ["macs"], "choices": NAMES}
    return read_table(path, **{**given, "known": ["macs"], **other})


@pytest.fixture(scope="module")
def table(path):
    return read(path)


def test_charged_networks_are_part_of_the_budget(table):
    for seed in range(3):
        whole = by_surrogate(table, 10, None)
        assert (whole.fitted_on, whole.charge) == (10, 10)
        first = whole.first(table, seed)
        drawn = first[:10]
        front = set(expected_front(table, np.array(drawn), seed).tolist())
        assert set(first[10:]) == front - set(drawn)

        # fewer are charged: the same surrogate, the others are not trained here
        some = by_surrogate(table, 10, 4).first(table, seed)
        assert some[:4] == drawn[:4] and set(some[4:]) == front - set(drawn[:4])
        assert set(by_surrogate(table, 10, 0).first(table, seed)) == front

        trained = replay(table, "random", seed, 30, whole).tolist()
        assert len(trained) == 30 and trained[: len(first)] == first
        short = replay(table, "random", seed, 7, whole).tolist()
        assert short == drawn[:7]  # the budget ends before the drawn ones do


def test_a_surrogate_expects_the_front_of_a_table_that_it_understands(table):
    points = minimised(table.figures, table.objectives)
    shares = []
    for seed in range(5):
        expected = by_surrogate(table, 30, 0).first(table, seed)
        on = on_front(np.vstack([points[expected]]))
        shares.append(points[expected][on][:, 0].min())
    # the best accuracy that it expects is the best there is, or next to it
    assert max(shares) < np.sort(points[:, 0])[3]


def test_objectives_that_are_known_are_not_predicted(path):
    known = read(path, known=["acc", "macs"])
    points = minimised(known.figures, known.objectives)
    found = expected_front(known, np.array([0, 1]), 0)
    assert found.tolist() == np.flatnonzero(on_front(points)).tolist()


def test_seeds_draw_other_networks(table):
    one = by_surrogate(table, 10, None)
    assert one.first(table, 0) == one.first(table, 0) != one.first(table, 1)


@pytest.mark.parametrize(
    ("fitted_on", "charge", "words"),
    [
        (82, None, "fitted_on: expected at most 81"),
        (10, 11, "charge: expected at most 10"),
    ],
)
def test_what_cannot_be_charged_is_refused(table, fitted_on, charge, words):
    with pytest.raises(UserError, match=words):
        by_surrogate(table, fitted_on, charge)


TWO = ["random", "tpe", "nsga2", "local-search", "policy"]
TWO += ["cost-sorted", "cost-aware"]


@pytest.mark.parametrize("name", [*TWO, "greedy", "bayesian"])
def test_every_strategy_begins_with_given_networks(path, name):
    table = read(path, minimize=["macs"] if name in TWO else [])
    begin = Start("given", (5, 70, 33))
    trained = replay(table, name, 0, 12, begin).tolist()
    assert trained[:3] == [5, 70, 33] and len(set(trained)) == 12


def given(sampler, objectives, several):
    study = optuna.create_study(
        sampler=sampler, directions=["minimize"] * len(objectives)
    )
    for values in several:
        study.enqueue_trial(values, {"proposed": {"values": values}})
    study.optimize(objective_of(sampler, objectives), n_trials=len(several))
    return study


def test_a_genetic_algorithm_counts_them_as_a_generation():
    sampler = sampler_of("nsga2", 0, BOTH)
    several = [{"x": x, "more": False} for x in np.linspace(-1, 1, 20).tolist()]
    study = given(sampler, BOTH, several)
    study.optimize(objective_of(sampler, BOTH), n_trials=1)
    generations = [t.system_attrs["NSGAIISampler:generation"] for t in study.trials]
    assert generations == [0] * 20 + [1]


def test_an_oracle_learns_of_them():
    sampler = sampler_of("greedy", 0)
    best = {"x": 0.0, "more": False}
    study = given(sampler, sampler.context.objectives, [best])
    (told,) = json.loads(study.user_attrs["oracle"])["trials"]
    assert told["status"] == "COMPLETED" and told["score"] == 0
    assert told["hyperparameters"]["values"] == best


def test_a_file_of_choices_is_read_in_its_order(table, tmp_path):
    rows = [table.values[i] for i in (9, 3, 9, 80)]
    pd.DataFrame(rows).to_csv(tmp_path / "given.csv", index=False)
    assert read_start(tmp_path / "given.csv", table).given == (9, 3, 80)
    rows[1]["a"] = 7
    pd.DataFrame(rows).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(UserError, match=r"1 of 4 that are not in it.* number 2"):
        read_start(tmp_path / "other.csv", table)
    (tmp_path / "empty.csv").write_text("a,b,c,d\n")
    with pytest.raises(UserError, match="one network or more, found none"):
        read_start(tmp_path / "empty.csv", table)


def test_a_sample_of_cells_is_a_start(tmp_path):
    walks = walks_of(2, 3, np.random.default_rng(0))
    every = [cell for walk in walks for cell in walk]
    rows = [
        (json.dumps(c.record()["matrix"]), json.dumps(c.operations), i)
        for i, c in enumerate(every)
    ]
    frame = pd.DataFrame(rows, columns=["m", "o", "acc"])
    frame.iloc[::-1].to_csv(tmp_path / "t.csv", index=False)
    table = read_table(
        tmp_path / "t.csv", maximize=["acc"], minimize=[], adjacency=["m", "o"]
    )
    write_sample(tmp_path / "sample.json", [walks[1], walks[0][:1]])
    assert read_start(tmp_path / "sample.json", table).given == (2, 1, 0, 5)
    write_sample(tmp_path / "other.json", walks_of(1, 2, np.random.default_rng(1)))
    with pytest.raises(UserError, match="2 of 2 that are not in it"):
        read_start(tmp_path / "other.json", table)
    (tmp_path / "none.json").write_text('{"walks": 3}')
    with pytest.raises(UserError, match=r"none.json: .*nasbench sample"):
        read_start(tmp_path / "none.json", table)
