import itertools
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import comb

from autoai4eo.errors import UserError
from autoai4eo.nasbench import check_strategies, read_table, replay, results
from autoai4eo.nasbench.cells import (
    cell_features,
    parse_adjacency,
    parse_operations,
)
from autoai4eo.nasbench.measures import Measures
from autoai4eo.nasbench.summary import holm


def frame():
    """243 networks of three widths and two kinds, and what is wrong with some."""
    rng = np.random.default_rng(0)
    rows = []
    for a, b, c, d, e in itertools.product([8, 16, 32], "xyz", "xyz", "xyz", [0, 1, 2]):
        macs = a * (1 + sum(k == "x" for k in (b, c, d))) * (1 + e)
        accuracy = 1 - 1 / macs**0.5 - 0.02 * e + rng.normal(0, 0.003)
        rows.append((a, b, c, d, e, accuracy, macs * rng.uniform(1, 1.2), macs, 3 * a))
    names = ["width", "b", "c", "d", "e", "accuracy", "latency", "macs", "params"]
    return pd.DataFrame(rows, columns=names)


def read(path, **other):
    given = {
        "maximize": ["accuracy"],
        "minimize": ["latency"],
        "choices": ["width", "b", "c", "d", "e"],
        "known": ["latency", "macs", "params"],
    }
    return read_table(path, **{**given, **other})


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp("table") / "table.csv"
    frame().to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def table(path):
    return read(path)


def test_the_table_is_a_search_space_with_known_costs(table):
    assert len(table) == 243
    assert table.levels["width"] == [8, 16, 32] and table.levels["b"] == [*"xyz"]
    assert table.logarithmic == ("latency",)
    costs = table.estimate(table.values[:2])
    assert costs.tolist() == frame()[list(table.costs)].to_numpy()[:2].tolist()
    near = table.vary(table.values[:1], 100, np.random.default_rng(0))
    assert len(near) == 10  # two other levels of five choices
    assert len({table.identity(v) for v in near}) == 10


NAMES = ["random", "tpe", "nsga2", "local-search", "policy"]
NAMES += ["cost-sorted", "cost-aware"]


@pytest.mark.parametrize("name", NAMES)
def test_every_training_is_another_network(table, name):
    trained = replay(table, name, 0, 40)
    assert len(set(trained.tolist())) == len(trained) == 40
    assert replay(table, name, 0, 12).tolist() == trained[:12].tolist()
    assert replay(table, name, 1, 12).tolist() != trained[:12].tolist()


def test_a_search_ends_when_all_are_trained(path):
    with pytest.warns(UserWarning, match="234 rows repeat"):
        few = read(path, choices=["width", "e"])
    for name in ("random", "cost-aware"):
        assert sorted(replay(few, name, 0, 100)) == list(range(len(few)))


def test_autokeras_strategies_take_one_objective(path):
    one = read(path, minimize=[])
    assert len(replay(one, "greedy", 0, 15)) == 15
    both = read(path)
    assert check_strategies(None, one.objectives)[:2] == ["greedy", "bayesian"]
    assert "greedy" not in check_strategies(None, both.objectives)
    assert {"cost-sorted", "cost-aware"} <= set(check_strategies(None, both.objectives))
    with pytest.raises(UserError, match="takes one objective"):
        check_strategies(["greedy"], both.objectives)


def test_cost_aware_needs_far_fewer_trainings_than_the_others(table):
    names = ("random", "cost-sorted", "cost-aware")
    queries = {n: [replay(table, n, seed, 60) for seed in range(3)] for n in names}
    found = results(table, queries, 60)
    to_95 = found["summary"].set_index("strategy")["to_95"].fillna(np.inf)
    assert to_95["cost-aware"] < to_95[["random", "cost-sorted"]].min()
    columns = ["strategy", "seeds", "budget", "to_90", "to_95", "to_99"]
    columns += ["hv_at_50", "hv_at_100", "hv", "igd_plus", "pareto_distance"]
    assert list(found["summary"]) == [*columns, "best_accuracy", "best_latency"]
    assert found["summary"]["hv_at_100"].isna().all()  # the budget is 60
    rows = found["queries"]
    assert list(rows) == ["strategy", "seed", "n", "row"] and len(rows) == 540
    assert rows["n"].tolist()[:3] == [1, 2, 3]
    assert len(found["curves"]) == 180
    assert (found["differences"]["p_holm"] >= found["differences"]["p"]).all()


def random_best(figures, budget):
    """The best of n without replacement, expected and exact, for n from 1."""
    ordered = np.sort(figures)
    places = np.arange(1, len(ordered) + 1)
    found = []
    for n in range(1, budget + 1):
        at_most = comb(places, n) / comb(len(ordered), n)
        found.append((np.diff(at_most, prepend=0) * ordered).sum())
    return np.array(found)


@pytest.mark.parametrize("grid", ["eurosat", "so2sat"])
def test_cost_aware_is_as_good_as_random_from_the_first_training_on(grid):
    table = read(
        Path(__file__).parents[2] / "benchmarks" / f"{grid}_grid.csv",
        maximize=["kappa"],
        minimize=[],
        choices=["first_map", "width", "stages", "blocks", "unit", "kernel"],
        known=["latency_ms", "macs", "params"],
    )
    kappa = table.figures[:, 0]
    runs = [replay(table, "cost-aware", seed, 20) for seed in range(9)]
    best = np.array([np.maximum.accumulate(kappa[run]) for run in runs])
    random = random_best(kappa, 20)
    margin = 0.1 * np.ptp(kappa)  # the error of a mean of nine in the first draws
    assert (best.mean(axis=0) > random - margin).all()
    assert (best.mean(axis=0)[9:] > random[9:]).all()
    assert best[:, -1].mean() > random[-1] + 0.02 * np.ptp(kappa)


def test_a_learning_rate_in_a_table_is_of_the_training(tmp_path):
    one = frame().rename(columns={"e": "learning_rate"})
    one.to_csv(tmp_path / "t.csv", index=False)
    table = read(tmp_path / "t.csv", choices=["width", "b", "c", "d", "learning_rate"])
    places = [0, 1]  # they differ in it alone
    values = [table.values[i] for i in places]
    assert len(set(map(tuple, table.features(values)))) == 1
    assert len(set(map(tuple, table.features_of_training(values)))) == 2


def test_the_share_grows_to_one_and_counts_the_worst_as_nothing(table):
    measures = Measures(table)
    points = measures.points
    assert points.min(axis=0).tolist() == [0, 0] and points.max(axis=0).tolist() == [
        1,
        1,
    ]
    share = measures.after_each(np.arange(len(table)), 300)["hv"]
    assert (np.diff(share) >= 0).all() and share[-1] == pytest.approx(1)
    worst = int(points[:, 1].argmax())
    assert measures.after_each(np.array([worst]), 1)["hv"][0] == 0


def test_holm_against_the_example_of_the_literature():
    # Wright (1992), Adjusted P-values for simultaneous inference, the usual example
    found = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02])


def cell(edges, operations):
    matrix = np.zeros((len(operations), len(operations)), int)
    for i, j in edges:
        matrix[i, j] = 1
    return matrix, operations


def test_features_of_a_cell_are_free_of_its_numbering():
    one = cell([(0, 1), (0, 2), (1, 3), (2, 3)], ["input", "pool", "conv", "output"])
    other = cell([(0, 1), (0, 2), (1, 3), (2, 3)], ["input", "conv", "pool", "output"])
    third = cell([(0, 1), (1, 2), (2, 3)], ["input", "conv", "pool", "output"])
    features = [cell_features(*c, ["conv", "pool"]) for c in (one, other, third)]
    assert features[0] == features[1] != features[2]


def test_cells_of_unequal_size_are_a_table(tmp_path):
    small = cell([(0, 1), (1, 2)], ["input", "conv", "output"])
    large = cell([(0, 1), (0, 2), (1, 3), (2, 3)], ["input", "conv", "pool", "output"])
    rows = [
        (json.dumps(m.tolist()), json.dumps(names), accuracy, 10.0)
        for (m, names), accuracy in ((small, 0.5), (large, 0.6), (small, 0.7))
    ]
    names = ["cell", "operations", "accuracy", "params"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(UserWarning, match="1 rows repeat the network"):
        table = read_table(
            tmp_path / "t.csv",
            maximize=["accuracy"],
            minimize=[],
            adjacency=["cell", "operations"],
            known=["params"],
        )
    assert len(table) == 2 and table.rows.tolist() == [0, 1]
    assert table.values[0]["operation_2"] == "none"
    assert table.values[0]["edge_1_3"] == 1  # the output is the last vertex of any cell


@pytest.mark.parametrize("text", ["010001000", "[[0,1,0],[0,0,1],[0,0,0]]"])
def test_adjacency_is_read_as_json_or_digits(text):
    assert parse_adjacency(text).tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize("text", ["01", "[[0,1],[1,0]]", "conv", "[[0,2],[0,0]]", "[1"])
def test_text_that_is_no_cell_is_refused(text):
    with pytest.raises(UserError, match="square matrix"):
        parse_adjacency(text)


def test_operations_may_leave_out_input_and_output():
    for text in ('["a", "b"]', "a,b", "a|b", "a b", "input;a;b;output"):
        assert parse_operations(text, 4)[1:-1] == ["a", "b"]
    with pytest.raises(UserError, match="expected 4 operations"):
        parse_operations("a", 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"choices": ["width", "depth"]}, "expected the columns depth, found width"),
        ({"choices": []}, "expected choices or adjacency"),
        ({"maximize": [], "minimize": []}, "one or more different columns"),
        ({"maximize": ["b"]}, "expected numbers in b"),
        ({"log": ["params"]}, "log: expected an objective"),
    ],
)
def test_bad_columns_are_refused(path, change, words):
    with pytest.raises(UserError, match=words):
        read(path, **change)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("accuracy", None, "a value in every row of accuracy, found 1 without"),
        ("b", None, "a value in every row of b"),
        ("accuracy", np.inf, "finite numbers in accuracy"),
        ("latency", 0.0, "above 0 in latency"),
    ],
)
def test_bad_figures_are_refused(tmp_path, column, value, words):
    bad = frame()
    bad.loc[3, column] = value
    bad.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(UserError, match=words):
        read(tmp_path / "bad.csv")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected a CSV file, found none"):
        read(tmp_path / "none.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match="found a pipe"):
        read(tmp_path / "pipe.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(UserError, match="expected a CSV file"):
        read(tmp_path / "empty.csv")
