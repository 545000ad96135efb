"""Strategies know how far a measured latency may lie from another measurement."""

import keras_tuner
import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.search.space.graph_space import GraphCandidates
from autoai4eo.search.strategies import SearchContext, cost_aware, strategy
from autoai4eo.search.strategies.acquisition import indistinct

OBJECTIVES = parse_objectives(["val_loss", "latency_ms"])


def space():
    hp = keras_tuner.HyperParameters()
    hp.Float("x", 0, 1)
    return hp


def measured(x: float, loss: float, latency: float, spread: float) -> FrozenTrial:
    cost = {"params": 1, "trainable_params": 1, "macs": 1, "flops": 1, "size_bytes": 1}
    cost |= {"latency_ms": latency, "latency_spread_ms": spread}
    return optuna.trial.create_trial(
        values=[loss, latency],
        user_attrs={
            "hyperparameters": {"x": x},
            "fingerprint": str(x),
            "cost": cost,
        },
    )


def candidates_of(trials) -> GraphCandidates:
    def count(values):
        hp = space()
        hp.values = dict(values)
        cost = dict.fromkeys(
            ("params", "trainable_params", "macs", "flops", "size_bytes"), 1
        )
        return hp, str(values["x"]), cost

    found = GraphCandidates(count, space(), ["latency_ms"], lambda cost: True)
    for number, trial in enumerate(trials):
        trial.number = number
    found.learn_from(trials)
    return found


def search(spread: float, monkeypatch):
    """What cost-aware compares after trainings, of which two are alike in latency."""
    trials = [measured(0.1 * i, 1 - 0.1 * i, 1.0 + 0.2 * i, spread) for i in range(9)]
    # hardly faster than the sixth, and worse
    trials.append(measured(0.55, 0.55, 1.98, spread))
    candidates = candidates_of(trials)
    sampler = strategy(
        "cost-aware", SearchContext(OBJECTIVES, space(), 9, 0, candidates, {})
    )
    seen, parents = [], []
    improvement = cost_aware.expected_hypervolume_improvement

    def compared(front, reference, known, forecasts):
        seen.append((np.exp(front[:, 0]), np.exp(known[:, 0])))
        return improvement(front, reference, known, forecasts)

    vary = candidates.vary

    def varied(of, number, rng):
        parents.extend(values["x"] for values in of)
        return vary(of, number, rng)

    monkeypatch.setattr(cost_aware, "expected_hypervolume_improvement", compared)
    monkeypatch.setattr(candidates, "vary", varied)
    assert sampler.choose(trials, np.random.default_rng(0)) is not None
    return *seen[0], parents


def test_a_network_faster_by_less_than_the_spread_displaces_no_other(monkeypatch):
    """Users rely on: the search does not chase the noise of its measurements."""
    front, known, parents = search(0.05, monkeypatch)
    assert 2.0 in front.round(6) and 1.98 not in front.round(6)
    assert 0.5 in parents and 0.55 not in parents
    near = known[np.abs(known - 2.0) < 0.04]
    assert len(near) > 10 and np.allclose(near, 2.0)


def test_exact_latencies_are_compared_exactly(monkeypatch):
    front, known, parents = search(0.0, monkeypatch)
    assert {1.98, 2.0} <= {*front.round(6)}
    assert {0.5, 0.55} <= {*parents}
    near = known[np.abs(known - 2.0) < 0.04]
    assert len(near) > 10 and not np.allclose(near, 2.0, rtol=1e-4)


def test_costs_within_the_spread_become_those_of_the_nearest_on_the_front():
    front = np.array([[1.0, 5.0], [1.3, 4.0], [2.0, 3.0]])
    spreads = np.array([[0.2, 0.0], [0.2, 0.0], [0.0, 0.0]])
    known = np.array([[0.79, 5.0], [0.81, 5.1], [1.16, 5.0], [1.5, 4.0], [1.99, 3.0]])
    before = known.copy()
    expected = [[0.79, 5.0], [1.0, 5.1], [1.3, 5.0], [1.3, 4.0], [1.99, 3.0]]
    assert indistinct(known, front, spreads).tolist() == expected
    np.testing.assert_array_equal(known, before)
    np.testing.assert_array_equal(indistinct(known, front, 0 * spreads), known)
    assert indistinct(known[:, :0], front[:, :0], spreads[:, :0]).shape == (5, 0)


@pytest.mark.parametrize("seed", range(3))
def test_an_estimate_follows_a_measurement_as_far_as_its_spread_allows(seed):
    """Users rely on: a noisy measurement does not bend the estimates of others."""
    rng = np.random.default_rng(seed)
    xs = np.sort(rng.random(15))
    true = np.exp(xs)

    def estimates(spread):
        trials = [
            measured(x, 0.5, latency * (1.4 if i == 7 else 1.0), spread * (i == 7))
            for i, (x, latency) in enumerate(zip(xs, true, strict=True))
        ]
        between = (xs[7] + xs[8]) / 2
        ((found,),) = candidates_of(trials).estimate([{"x": between}])
        return found / np.exp(between)

    sure, rough, unknown = (estimates(spread) for spread in (0.0, 0.3, 3.0))
    assert sure > rough > unknown
    assert abs(unknown - 1) < 0.02 < abs(sure - 1)
