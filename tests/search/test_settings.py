"""The options of a search."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest
from toy_search import LocalSearch, MyOracle

from autoai4eo.errors import UserError
from autoai4eo.learning.training import Proxy
from autoai4eo.search.settings import SearchSettings


def test_missing_options_are_filled_in():
    found = SearchSettings(objective=["macs", "val_loss"], proxy={"fraction": 0.5})
    assert [tuple(o) for o in found.objectives] == [
        ("macs", "min"),
        ("val_loss", "min"),
    ]
    assert found.monitor.name == "val_loss"  # the first metric
    assert found.tuner == "cost-aware" and found.seed == 0
    assert found.proxy == Proxy(None, 0.5)
    assert SearchSettings(objective="macs").monitor.name == "val_cohen_kappa"


def test_checked_settings_cannot_be_changed():
    found = SearchSettings(constraints={"macs": 5}, proxy={"epochs": 3}, max_trials=7)
    with pytest.raises(FrozenInstanceError):
        found.max_trials = 8
    again = replace(found, max_trials=8)  # which checks everything once more
    assert replace(again, max_trials=7) == found


def test_the_smaller_of_two_limits_of_the_size_counts():
    for given, expected in ((100, 100), (300, 200)):
        found = SearchSettings(max_model_size=given, constraints={"params": 200})
        assert found.constraints == {"params": expected}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            ({name: 0}, f"{name}: expected 1 or more, got 0")
            for name in ("max_trials", "workers", "patience", "seeds", "map_step")
        ),
        ({"proxy": {"fraction": 2}}, "proxy: expected epochs of 1 or more"),
        ({"proxy": {"epoch": 2}}, "proxy: expected epochs of 1 or more"),
        ({"tuner": int}, "tuner: expected one of greedy"),
        ({"objective": "map_ms_per_km2"}, "map_step"),
        ({"storage": "mysql://host/db"}, "found mysql"),
    ],
)
def test_a_wrong_option_is_refused_at_once(given, message):
    with pytest.raises(UserError, match=message):
        SearchSettings(**given).record()


def test_the_record_is_json_without_a_password():
    url = "postgresql://me:sesame@host/db"
    found = SearchSettings(storage=url, proxy={"epochs": 2}, objective="macs")
    kept = json.loads(json.dumps(found.record()))
    assert kept["storage"] == "postgresql://me@host/db"
    assert kept["objective"] == ["macs"] and kept["proxy"]["epochs"] == 2
    assert "sesame" not in repr(found)


@pytest.mark.parametrize("tuner", [LocalSearch, MyOracle])
def test_a_users_strategy_is_accepted_and_recorded(tuner):
    assert SearchSettings(tuner=tuner).record()["tuner"] == tuner.__name__
