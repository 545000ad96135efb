"""The catalogue of metrics and costs."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import autoai4eo
from autoai4eo.cost import Cost
from autoai4eo.data.target import KINDS
from autoai4eo.learning.figures import (
    COSTS,
    COUNTED,
    FIGURES,
    MAP_COST,
    MEASURED,
    THROUGHPUT,
    find,
    in_order,
    objectives_for,
)

PACKAGE = Path(autoai4eo.__file__).parent


def test_every_cost_of_a_network_is_in_it():
    of_a_profile = {field.name for field in fields(Cost)}
    of_a_profile -= {"latency_batch_size", "latency_spread_ms", "device", "threads"}
    of_a_profile -= {
        "runtime",
        "runtime_version",
        "precision",
        "file_bytes",
        "prediction",
    }
    assert {*COSTS} == of_a_profile | {MAP_COST}
    assert {*COUNTED} | {*MEASURED} == {*COSTS}
    larger = {name for name in COSTS if FIGURES[name].direction != "min"}
    assert larger == {THROUGHPUT}


def test_a_figure_of_the_validation_data_is_the_same_figure():
    assert find("val_cohen_kappa") is FIGURES["cohen_kappa"]
    own = find("val_mine")
    assert (own.title, own.worthless, own.direction) == ("val_mine", None, "")


def test_titles_are_labels_with_units():
    assert find("latency_ms").title == "latency [ms]"
    assert find("params").title == "parameters"


def test_a_score_has_its_digits_and_a_cost_those_it_needs():
    assert FIGURES["accuracy"].text(0.8) == "0.800"
    assert FIGURES["params"].text(12345.0) == "12,345"
    assert FIGURES["rmse"].text(0.012345) == "0.01235"


@pytest.mark.parametrize(
    ("value", "three", "four"),
    [
        (0.81234, "0.812", "0.8123"),
        (4.768e-09, "0.000", "0.0000"),
        (-2.2e-16, "0.000", "0.0000"),
        (9e-5, "0.000", "0.0001"),
        (1.0, "1.000", "1.0000"),
        (0.8364541, "0.836", "0.8365"),  # rounded once, not 0.8365 to 0.837
    ],
)
def test_no_score_has_an_exponent_or_is_minus_0(value, three, four):
    kappa = FIGURES["cohen_kappa"]
    assert (kappa.text(value), kappa.exact(value)) == (three, four)
    # an error in the unit of the target can be as small
    assert FIGURES["rmse"].exact(4.768e-09) == "4.768e-09"


def test_figures_of_one_class_have_labels_and_are_no_metrics_of_a_network():
    assert find("f1").short == "F1" and find("iou").short == "IoU"
    assert find("average_precision").short == "average precision"
    assert not {"f1", "precision", "support"} & FIGURES.keys()


@pytest.mark.parametrize(
    ("kind", "has", "lacks"),
    [
        ("class", "val_cohen_kappa", "val_f1_macro"),
        ("labels", "val_f1_macro", "val_cohen_kappa"),
        ("value", "val_rmse", "val_accuracy"),
        ("value", "val_loss", "val_bias"),  # neither more nor less bias is better
    ],
)
def test_a_search_may_optimise_the_metrics_of_its_target(kind, has, lacks):
    known = objectives_for(kind)
    assert has in known and lacks not in known and "latency_ms" in known
    assert set(known.values()) == {"min", "max"}


def test_only_kinds_of_target_are_named():
    assert {kind for figure in FIGURES.values() for kind in figure.kinds} <= {*KINDS}


def test_columns_are_in_the_order_of_the_catalogue():
    names = ["latency_ms", "own", "val_loss", "params", "val_cohen_kappa"]
    assert in_order(names) == ["val_cohen_kappa", "val_loss", "params", "latency_ms"]


def test_there_is_no_second_table():
    """Developers rely on: labels, directions and worthless values have one place."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Dict):
                continue
            keys = [k.value for k in node.keys if isinstance(k, ast.Constant)]
            named = [k for k in keys if isinstance(k, str) and k != find(k).label]
            known = [k for k in named if k.removeprefix("val_") in FIGURES]
            constant = all(isinstance(v, ast.Constant) for v in node.values)
            if len(known) > 1 and constant:
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []
