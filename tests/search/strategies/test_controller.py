"""The controller: probabilities by enumeration, gradients by finite differences."""

import itertools

import keras_tuner
import numpy as np
import pytest

from autoai4eo.search.strategies import controller
from autoai4eo.search.strategies.choices import Choices

NAMES, LEVELS = ["a", "b", "c"], [3, 2, 4]


def some_weights(seed=0):
    """Weights of which none is 0, but those of levels that do not exist."""
    rng = np.random.default_rng(seed)
    begun = controller.untrained(NAMES, LEVELS, seed)
    return controller.Weights(*(w + 0.5 * rng.normal(size=w.shape) for w in begun))


def test_the_probabilities_of_all_sequences_sum_to_one():
    every = np.array(list(itertools.product(*map(range, LEVELS))))
    logs = controller.log_probabilities(some_weights(), every)
    assert np.exp(logs.sum(axis=1)).sum() == pytest.approx(1)
    # a choice that is not made leaves a distribution over the others
    without = np.array([(a, -1, c) for a, b, c in every if b == 0])
    logs = controller.log_probabilities(some_weights(), without)
    assert (logs[:, 1] == 0).all()
    assert np.exp(logs.sum(axis=1)).sum() == pytest.approx(1)


def test_untrained_levels_are_equally_probable_and_choices_independent():
    codes = np.array([[2, 1, 3], [0, -1, 0]])
    begun = controller.untrained(NAMES, LEVELS, 0)
    logs = controller.log_probabilities(begun, codes)
    expected = -np.log([[3, 2, 4], [3, 1, 4]])
    assert logs == pytest.approx(expected, abs=1e-12)
    more = controller.untrained([*NAMES, "later"], [*LEVELS, 4], 0)
    assert (more.embedding[:3] == begun.embedding).all()


def test_gradients_are_those_of_finite_differences():
    rng = np.random.default_rng(1)
    weights = some_weights()
    codes = np.array([[0, 1, 3], [2, -1, 0], [1, 0, -1], [2, 1, 2], [0, 0, 1]])
    advantages = rng.normal(size=5)
    # half a nat away: some ratios are clipped, some are not
    old = controller.log_probabilities(weights, codes)
    old = old + rng.choice([-0.5, -0.05, 0.05, 0.5], old.shape) * (codes >= 0)
    arguments = (codes, advantages, old)
    slopes = controller.gradients(weights, *arguments)
    for i, (weight, slope) in enumerate(zip(weights, slopes, strict=True)):
        for place in rng.permutation(list(np.ndindex(weight.shape)))[:40]:
            change = np.zeros_like(weight)
            change[tuple(place)] = 1e-5
            up, down = (
                controller.objective(
                    weights._replace(**{weights._fields[i]: weight + sign * change}),
                    *arguments,
                )
                for sign in (1, -1)
            )
            expected = (up - down) / 2e-5
            assert slope[tuple(place)] == pytest.approx(expected, abs=1e-6)


def test_ppo_stops_where_probabilities_have_changed_by_its_clip():
    """However often it learns from a batch; without the clip they would be 4 and 0."""
    learner = controller.Learner(controller.untrained(["a"], [4], 0))
    codes = np.array([[0], [1], [2], [3]])
    old = controller.log_probabilities(learner.weights, codes)
    for _ in range(20):
        learner.update(codes, np.array([1.0, 0.0, 0.0, -1.0]), old)
        ratio = np.exp(controller.log_probabilities(learner.weights, codes) - old)
        assert 1.2 < ratio[0, 0] < 2.5 and 0.2 < ratio[3, 0] < 0.8


def space():
    hp = keras_tuner.HyperParameters()
    hp.Choice("width", [8, 16, 32])
    hp.Float("rate", 1e-4, 1e-1, sampling="log")
    hp.Int("depth", 1, 3)
    hp.Int("units", 4, 400, step=4)
    hp.Fixed("classes", 10)
    hp.Boolean("deep")
    with hp.conditional_scope("deep", [True]):
        hp.Choice("kernel", ["3", "5"])
        hp.Float("drop", 0.0, 0.5, step=0.1)
    return hp.space


def test_draws_are_whole_candidates_with_the_probabilities_of_the_network():
    choices = Choices(space())
    begun = choices.untrained(0)
    rng = np.random.default_rng(0)
    weights = controller.Weights(
        *(w + 0.3 * np.random.default_rng(2).normal(size=w.shape) for w in begun)
    )
    found = choices.draw(weights, 4000, rng)
    for values in found:
        assert set(values) - {"kernel", "drop"} == {
            *("width", "rate", "depth", "units", "classes", "deep")
        }
        assert ("kernel" in values) == ("drop" in values) == values["deep"]
        assert 1e-4 <= values["rate"] <= 1e-1 and values["classes"] == 10
        assert values["depth"] in (1, 2, 3) and values["units"] in range(4, 404, 4)
    codes = choices.codes(found)
    assert (codes[:, :-2] >= 0).all()
    assert (codes[:, -2:] < 0).all(axis=1).tolist() == [not v["deep"] for v in found]
    # each level is as frequent as the mean of its probabilities
    for step in range(codes.shape[1]):
        made = codes[:, step] >= 0
        for level in np.unique(codes[made, step]):
            asked = codes.copy()
            asked[made, step] = level
            logs = controller.log_probabilities(weights, asked)[made, step]
            share = (codes[made, step] == level).mean()
            assert share == pytest.approx(np.exp(logs).mean(), abs=0.04)


def test_what_the_space_does_not_have_is_no_choice():
    choices = Choices(space())
    known = {"width": 64, "rate": 0.2, "deep": False, "kernel": "3", "other": 1}
    assert choices.codes([known]).tolist() == [[-1, 9, -1, -1, -1, 0, -1, -1]]
    assert choices.codes([]).shape == (0, 8)
