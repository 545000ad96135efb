"""The space of a search, as it is learned from networks and from records."""

import copy
import json

import keras_tuner
import numpy as np
import pytest

from autoai4eo.search.space.hyperparameters import KnownHyperparameters
from autoai4eo.search.strategies.choices import Choices


def conditional():
    """A depth means something for deep networks only, a rate for some of these."""
    hp = keras_tuner.HyperParameters()
    hp.Boolean("deep", default=True)
    with hp.conditional_scope("deep", [True]):
        hp.Int("depth", 2, 9)
        with hp.conditional_scope("depth", [2, 3]):
            hp.Choice("rate", [0.1, 0.2])
    return records(hp)


def records(hp):
    return json.loads(json.dumps(hp.get_config()["space"]))


def without_conditions(some, names):
    found = copy.deepcopy(some)
    for one in found:
        if one["config"]["name"] in names:
            one["config"]["conditions"] = []
    return found


OLD = [
    without_conditions(conditional(), ["depth", "rate"]),
    # a block that told some of the conditions
    without_conditions(conditional(), ["depth"]),
]


@pytest.mark.parametrize("old", OLD)
@pytest.mark.parametrize("old_first", [True, False])
def test_a_search_from_before_conditions_has_them_when_resumed(old, old_first):
    """Users rely on: a resumed search neither varies nor learns what means nothing."""
    space = KnownHyperparameters()
    for known in (old, conditional()) if old_first else (conditional(), old):
        space.learn(known)
    assert [(hp.name, len(hp.conditions)) for hp in space] == [
        ("deep", 0),
        ("depth", 1),
        ("rate", 2),
    ]
    rng, choices = np.random.default_rng(0), Choices(list(space))
    drawn = [space.completed({}, rng.random(len(space))) for _ in range(40)]
    by_policy = choices.draw(choices.untrained(0), 40, rng)
    for values in drawn + by_policy:
        assert ("depth" in values) == values["deep"]
        assert ("rate" in values) == (values.get("depth") in (2, 3))
    assert space.columns(drawn, of_training=False).shape == (40, 2 + 1 + 2)
    assert choices.codes([{"deep": False, "depth": 3, "rate": 0.1}])[0, 1:].max() == -1


def test_what_is_known_is_not_new():
    space = KnownHyperparameters()
    assert len(space.learn(conditional())) == 3
    assert space.learn(conditional()) == [] == space.learn(OLD[0])


def test_a_name_under_conditions_that_exclude_each_other_is_there_for_each():
    hp = keras_tuner.HyperParameters()
    hp.Choice("kind", ["few", "many"])
    with hp.conditional_scope("kind", ["few"]):
        hp.Int("units", 1, 2)
    with hp.conditional_scope("kind", ["many"]):
        hp.Int("units", 10, 20)
    space = KnownHyperparameters()
    space.learn(records(hp))
    assert [one.name for one in space] == ["kind", "units", "units"]
    rng = np.random.default_rng(0)
    for _ in range(10):
        values = space.completed({}, rng.random(3))
        assert (values["units"] < 10) == (values["kind"] == "few")
