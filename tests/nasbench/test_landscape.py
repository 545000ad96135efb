"""The figures of landscapes whose answers are known."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.errors import UserError
from autoai4eo.nasbench.importing import import_eo_hw_nas
from autoai4eo.nasbench.landscape import landscape_figures, read_landscape
from autoai4eo.nasbench.landscape.figures import _bias, front
from autoai4eo.nasbench.landscape.networks import Landscape
from autoai4eo.nasbench.space import neighbours, random_cells
from autoai4eo.networks.cell import OPERATIONS, Cell

BITS = 6


def of_bits(fitness, bits=BITS):
    """A closed landscape of bit strings."""
    strings = list(itertools.product((0, 1), repeat=bits))
    rows = [{f"b{i}": bit for i, bit in enumerate(one)} for one in strings]
    return Landscape("bits", "f", rows, np.array([float(fitness(s)) for s in strings]))


def test_counting_ones_is_the_smoothest_landscape():
    """OneMax: fitness falls with the distance, and ρ(k) = (1 - 2 / n)**k (Stadler)."""
    found = landscape_figures(of_bits(sum))
    assert found["closed"]
    assert found["fitness_distance_correlation"] == pytest.approx(-1)
    expected = [(1 - 2 / BITS) ** lag for lag in range(1, 11)]
    assert found["autocorrelation"] == pytest.approx(expected)
    assert found["first_autocorrelation"] == pytest.approx(2 / 3)
    assert found["correlation_length"] == pytest.approx(-1 / math.log(2 / 3))
    assert found["ruggedness"] == pytest.approx(1.5)
    assert found["local_optima"] == 1 and found["basins"] == [2**BITS]


def test_a_trap_deceives():
    """More ones are worse, but for all ones (Deb and Goldberg 1993): two optima."""
    found = landscape_figures(of_bits(lambda s: BITS + 1 if all(s) else BITS - sum(s)))
    assert found["local_optima"] == 2
    assert found["fitness_distance_correlation"] > 0.7
    assert sorted(found["basins"], reverse=True) == [2**BITS - BITS - 1, BITS + 1]


def test_parity_has_as_many_optima_as_it_can():
    found = landscape_figures(of_bits(lambda s: sum(s) % 2))
    assert found["local_optima"] == 2 ** (BITS - 1)
    assert found["first_autocorrelation"] == pytest.approx(-1)
    assert found["correlation_length"] is None  # of |ρ| = 1 there is none


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=12, max_size=12))
def test_figures_of_a_closed_table_are_those_of_brute_force(values):
    levels = (2, 2, 3)
    rows = list(itertools.product(*map(range, levels)))
    named = [dict(zip("abc", row, strict=True)) for row in rows]
    landscape = Landscape("t", "f", named, np.array(values, float))
    found = landscape_figures(landscape)

    def near(one, other):
        return sum(x != y for x, y in zip(one, other, strict=True)) == 1

    pairs = [
        (i, j)
        for i, j in itertools.permutations(range(12), 2)
        if near(rows[i], rows[j])
    ]
    better = {i for i, j in pairs if values[j] > values[i]}
    assert found["local_optima"] == 12 - len(better)
    if np.std(values) > 0:
        first, second = np.array(pairs).T
        expected = np.corrcoef(np.array(values)[first], np.array(values)[second])[0, 1]
        assert found["first_autocorrelation"] == pytest.approx(expected)
        best = [rows[i] for i in range(12) if values[i] == max(values)]
        far = [
            min(sum(x != y for x, y in zip(r, b, strict=True)) for b in best)
            for r in rows
        ]
        if np.std(far) > 0:
            expected = np.corrcoef(values, far)[0, 1]
            assert found["fitness_distance_correlation"] == pytest.approx(expected)


def test_the_distance_of_cells_is_the_smallest_number_of_edits():
    rng = np.random.default_rng(0)
    cells = random_cells(3, rng)
    near = neighbours(cells[0])
    landscape = Landscape("c", "f", [*cells, *near], np.zeros(len(near) + 3))
    found = landscape.distances_to(0)
    assert found[0] == 0 and (found[3:] >= 1).all()
    # an edge may need another numbering, but one edit is one edit
    assert (found[3:] == 1).all()
    assert found[1] == Landscape("c", "f", cells, np.zeros(3)).distances_to(1)[0]
    assert landscape.adjacency[[0]].sum() == len(near)
    assert not landscape.is_closed


def test_cells_of_different_sizes_have_a_distance():
    three = OPERATIONS[0]
    chain = Cell.of([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [three])
    edge = Cell.of([[0, 1], [0, 0]], [])
    landscape = Landscape("c", "f", [chain, edge], np.zeros(2))
    # two edges less, one more, one operation less
    assert landscape.distances_to(0).tolist() == [0, 4]


def first_order(real, steps, rng):
    """A process whose first autocorrelation is known."""
    found = [rng.normal()]
    for _ in range(steps - 1):
        found.append(real * found[-1] + math.sqrt(1 - real**2) * rng.normal())
    return found


def test_walks_give_autocorrelations_with_an_interval():
    rng = np.random.default_rng(0)
    walks, steps = 40, 40
    values = [x for _ in range(walks) for x in first_order(0.7, steps, rng)]
    # two choices, of which not all pairs are there: neighbours are missing
    rows = [{"a": i, "b": i} for i in range(walks * steps)]
    places = np.arange(walks * steps).reshape(walks, steps)
    landscape = Landscape("w", "f", rows, np.array(values), walks=list(places))
    found = landscape_figures(landscape)
    low, high = found["autocorrelation_interval"][0]
    first, bias = found["first_autocorrelation"], found["first_autocorrelation_bias"]
    assert low < first < high and high - low < 0.15
    assert bias == pytest.approx(-(1 + 4 * 0.7) / steps, rel=0.1)
    assert first - bias == pytest.approx(0.7, abs=0.05)
    assert found["correlation_length"] == pytest.approx(-1 / math.log(first))
    assert not found["closed"] and found["local_optima"] == walks * steps


def test_who_stays_among_the_best():
    last = np.arange(20.0)
    reversed_ = {1: last[::-1].copy(), 2: last + 0.1, 3: last}
    rows = [{"a": i} for i in range(20)]
    found = landscape_figures(Landscape("p", "f", rows, last, by_epoch=reversed_))
    first, second = found["persistence"]
    assert (first["epoch"], first["kendall_tau"]) == (1, -1)
    assert first["best_0.1"] == first["worst_0.25"] == 0
    assert second["kendall_tau"] == second["best_0.05"] == second["worst_0.1"] == 1


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30)
)
def test_the_front_is_that_of_brute_force(points):
    fitness, cost = np.array(points, float).T
    found = front(fitness, cost)
    reached = {(fitness[i], cost[i]) for i in found}
    assert len(reached) == len(found)
    assert reached == {
        (f, c)
        for f, c in set(zip(fitness, cost, strict=True))
        if not any(
            (g >= f and d <= c) and (g > f or d < c)
            for g, d in zip(fitness, cost, strict=True)
        )
    }


def test_the_published_cells_have_a_landscape(shared, tmp_path):
    path = tmp_path / "eo.sqlite"
    import_eo_hw_nas(shared / "eo_hw_nas", path)[0].close()
    landscape = read_landscape(path, "val_average_accuracy")
    found = landscape_figures(landscape)
    assert found["networks"] == 450 and not found["closed"]
    assert int(1e4 * found["mean"]) == 4113
    assert (found["walks"], found["steps"]) == (30, 15)
    assert found["fitness_distance_correlation"] < -0.3
    assert sum(found["basins"]) == 450
    assert set(found["fronts"]) == {
        *("params", "macs", "latency_ms", "size_bytes", "train_seconds")
    }
    assert found["correlations"]["params"]["macs"] > 0.9


def test_a_csv_is_read(tmp_path):
    path = tmp_path / "t.csv"
    frame = pd.DataFrame({"a": [1, 2, 3], "loss": [0.3, 0.2, 0.1], "macs": [1, 2, 3]})
    frame.to_csv(path, index=False)
    found = read_landscape(path, "loss", choices=["a"], minimize=True)
    assert found.fitness.tolist() == [-0.3, -0.2, -0.1]
    assert set(found.figures) == {"macs"} and found.is_closed


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("a,f\n1,1\n2,2\n", {"choices": ["a"]}, "three networks or more, found 2"),
        ("a,f\n1,1\n1,2\n2,3\n", {"choices": ["a"]}, "each network once, found one tw"),
        (
            "a,f\n1,x\n2,y\n3,z\n",
            {"choices": ["a"]},
            "a column of numbers as fit",
        ),
        ("a,f\n1,inf\n2,1\n3,2\n", {"choices": ["a"]}, "expected finite numbers below"),
        ("a,f\n1,1\n2,2\n3,3\n", {}, "expected choices or adjacency"),
        ("a,f\n1,1\n2,2\n3,3\n", {"adjacency": ["a"]}, "expected two columns"),
        ("a,g\n1,1\n2,2\n3,3\n", {"choices": ["a"]}, "expected the columns f"),
    ],
)
def test_wrong_tables_are_told(tmp_path, text, columns, expected):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=expected):
        read_landscape(path, "f", **columns)


def test_a_column_to_minimise_keeps_its_sign(tmp_path):
    path = tmp_path / "t.csv"
    frame = pd.DataFrame(
        {"a": [1, 2, 3, 4], "latency": [4.0, 3, 2, 1], "macs": [8, 6, 4, 1]}
    )
    frame.to_csv(path, index=False)
    found = landscape_figures(
        read_landscape(path, "latency", choices=["a"], minimize=True)
    )
    assert (found["mean"], found["best"], found["worst"]) == (2.5, 1, 4)
    assert found["correlations"]["latency"]["macs"] == pytest.approx(1)
    assert found["fronts"]["macs"]["latency"] == [1.0]
    assert found["best_network"] == {"a": 4}


def test_the_bias_of_short_walks_is_that_of_simulated_ones():
    rng = np.random.default_rng(0)
    real, steps, first = 0.5, 15, []
    for _ in range(4000):
        one = first_order(real, steps, rng)
        centred = np.array(one) - np.mean(one)
        first.append((centred[1:] * centred[:-1]).sum() / (centred**2).sum())
    found = float(np.mean(first))
    assert _bias(found, steps) == pytest.approx(found - real, abs=0.03)
    assert _bias(0.5, 5) is None


WALKS = "a,f,walk,step\n" + "".join(
    f"{i},{math.sin(i)},{i // 12},{i % 12}\n" for i in range(24)
)


def test_a_walk_with_gaps_is_several_walks(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(WALKS)
    whole = read_landscape(path, "f", choices=["a"]).walks
    assert [list(rows) for rows in whole] == [list(range(12)), list(range(12, 24))]
    path.write_text("\n".join(x for x in WALKS.split("\n") if not x.startswith("5,")))
    parts = read_landscape(path, "f", choices=["a"]).walks
    assert [len(rows) for rows in parts] == [5, 6, 12]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (",0,3\n", ",0,x\n", "whole numbers in walk and step"),
        (",0,3\n", ",0,\n", "whole numbers in walk and step"),
        (",0,3\n", ",inf,3\n", "whole numbers in walk and step"),
        (",0,3\n", ",0,2\n", "each step of a walk once"),
        (",0,3\n", ",0,3,7\n", "as many values in a row as the header has"),
    ],
)
def test_wrong_walks_are_told(tmp_path, old, new, expected):
    path = tmp_path / "t.csv"
    path.write_text(WALKS.replace(old, new))
    if new.count(",") == 3:  # in every row, as pandas reads it then
        path.write_text(WALKS.replace("\n", ",7\n").replace("step,7", "step"))
    with pytest.raises(UserError, match=expected):
        read_landscape(path, "f", choices=["a"])


def test_classes_are_described_by_the_recalls_of_the_part_of_the_fitness(tmp_path):
    rows = [[i, i / 10, 0.1 * i, 1 - 0.1 * i, 0.5, 0.2] for i in range(6)]
    names = ["a", "val_accuracy", "val_recall_water", "val_recall_forest"]
    names += ["val_recall_snow", "test_recall_water"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "t.csv", index=False)
    found = read_landscape(tmp_path / "t.csv", "val_accuracy", choices=["a"])
    figures = landscape_figures(found)
    classes = figures["classes"]
    assert list(classes) == ["water", "forest"]  # the others are all equal
    assert classes["water"]["mean"] == pytest.approx(0.25)
    assert (classes["water"]["least"], classes["water"]["most"]) == (0, 0.5)
    assert classes["water"]["correlation"] == pytest.approx(1)
    assert classes["forest"]["correlation"] == pytest.approx(-1)
    assert not any("recall" in name for name in figures["correlations"])
