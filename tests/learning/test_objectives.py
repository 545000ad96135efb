import keras_tuner
import pytest

from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import (
    Objective,
    parse_constraints,
    parse_objectives,
    violation,
)


def test_known_names_know_their_direction():
    assert parse_objectives("val_cohen_kappa") == (Objective("val_cohen_kappa", "max"),)
    assert parse_objectives(["val_loss", "latency_ms"]) == (
        Objective("val_loss", "min"),
        Objective("latency_ms", "min"),
    )


def test_a_users_metric_needs_a_direction():
    own = keras_tuner.Objective("val_f1", "max")
    assert parse_objectives(own) == (Objective("val_f1", "max"),)


@pytest.mark.parametrize("asked", ["accurracy", [], ["macs", "macs"], 3, None])
def test_unknown_objectives_are_refused(asked):
    with pytest.raises(UserError, match="objective: expected"):
        parse_objectives(asked)


def test_the_known_objectives_are_listed():
    with pytest.raises(UserError, match=r"val_cohen_kappa.*latency_ms.*got kappa"):
        parse_objectives("kappa")


@pytest.mark.parametrize("asked", [{"latency": 2}, {"macs": 0}, {"macs": float("nan")}])
def test_constraints_are_checked(asked):
    with pytest.raises(UserError, match="constraint"):
        parse_constraints(asked)


def test_what_cannot_be_limited_is_not_offered():
    with pytest.raises(UserError, match=r"macs.*got mac .did you mean macs") as error:
        parse_constraints({"mac": 60e6})
    assert "samples_per_second" not in str(error.value)
    with pytest.raises(UserError, match=r"got samples_per_secnd$"):
        parse_constraints({"samples_per_secnd": 3.0})


def test_a_violation_names_cost_and_limit():
    cost = {"params": 2000, "latency_ms": None}
    assert violation(cost, {"params": 2000, "latency_ms": 1}) is None
    assert violation(cost, {"params": 1500}) == "params 2,000 > 1,500"
