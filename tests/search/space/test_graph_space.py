"""What is known of a candidate before it is measured."""

import contextlib
import json

import keras_tuner
import numpy as np
import optuna
import pytest
from scipy import stats

from autoai4eo.search.space.graph_space import GraphCandidates

LEVELS = 60
NOTHING = contextlib.nullcontext()


def operations(level: int) -> int:
    """MACs that no model could tell from the hyperparameter: they are drawn."""
    return int(10 ** np.random.default_rng(level).uniform(5, 9))


def counted(level: int) -> dict[str, float]:
    macs = operations(level)
    cost = dict.fromkeys(("params", "trainable_params", "size_bytes"), 1000)
    return {**cost, "macs": macs, "flops": 2 * macs + 10_000 * level}


def latency_of(level: int) -> float:
    return 0.2 + counted(level)["flops"] ** 0.7 / 1e5


@pytest.fixture
def candidates():
    """Of one choice, by which networks look alike."""

    def space():
        hp = keras_tuner.HyperParameters()
        hp.Int("level", 0, LEVELS)
        return hp

    def count(values):
        hp = space()
        hp.values = dict(values)
        return hp, str(values["level"]), counted(values["level"])

    return GraphCandidates(count, space(), ["latency_ms"], lambda cost: True)


def measure(candidates, levels, latency=latency_of) -> None:
    learn(
        candidates,
        [
            ({"level": i}, str(i), counted(i) | {"latency_ms": latency(i)})
            for i in levels
        ],
    )


def learn(candidates, networks) -> None:
    """Tells candidates of trials: their hyperparameters, fingerprint and costs."""
    trials = []
    for number, (values, fingerprint, cost) in enumerate(networks):
        kept = {"hyperparameters": values, "fingerprint": fingerprint, "cost": cost}
        trials.append(optuna.trial.create_trial(value=1.0, user_attrs=kept))
        trials[-1].number = number
    candidates.learn_from(trials)


def errors(candidates, levels) -> np.ndarray:
    several = [{"level": level} for level in levels]
    true = [latency_of(level) for level in levels]
    return np.abs(np.log(candidates.estimate(several)[:, 0] / true))


def test_a_built_network_is_estimated_by_its_operations(candidates):
    """Users rely on: what is measured under a tight latency mostly fits it."""
    measure(candidates, range(0, LEVELS, 4))
    new = range(2, LEVELS, 4)
    before = errors(candidates, new)
    candidates.build_and_count([{"level": level} for level in new])
    after = errors(candidates, new)
    assert np.median(before) > 1 and np.median(after) < 0.5


def test_after_one_measurement_a_cost_is_proportional_to_the_macs():
    candidates = of_widths()
    trained = {"width": 8, "deep": False}
    candidates.build_and_count([trained])
    learn(candidates, [(trained, "8", {**work(trained), "latency_ms": 2.0})])
    wide = {"width": 16, "deep": False}
    candidates.build_and_count([wide])
    assert candidates.estimate([wide])[0, 0] == pytest.approx(8.0, rel=0.01)


def test_a_network_without_macs_has_an_estimate():
    candidates = of_widths()
    free = {"width": 0, "deep": False}
    candidates.build_and_count([free])
    measured = [{"width": width, "deep": False} for width in (8, 16, 24)]
    networks = [(v, str(v), {**work(v), "latency_ms": v["width"]}) for v in measured]
    learn(candidates, networks)
    (latency,) = candidates.estimate([free])[0]
    assert 0 < latency < 8


def work(values) -> dict[str, float]:
    """MACs of a network of a width; a deep one has as many layers as its depth."""
    macs = 1000 * values["width"] ** 2 * (values.get("depth") or 1)
    cost = dict.fromkeys(("params", "trainable_params", "size_bytes"), 1000)
    return {**cost, "macs": macs, "flops": 2 * macs}


def of_widths() -> GraphCandidates:
    """Of networks whose depth means something for deep ones only."""

    def ask(hp):
        hp.Int("width", 0, 64)
        with hp.conditional_scope("deep", [True]) if hp.Boolean("deep") else NOTHING:
            if hp.values["deep"]:
                hp.Int("depth", 2, 9)

    def count(values):
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        ask(hp)
        return (
            hp,
            json.dumps({p.name: hp.values[p.name] for p in hp.space}),
            work(hp.values),
        )

    hp = keras_tuner.HyperParameters()
    ask(hp)
    return GraphCandidates(count, hp, ["latency_ms"], lambda cost: True)


def test_a_network_that_was_not_built_is_estimated_by_its_estimated_work():
    """Users rely on: of the networks of a space, those within a latency are found."""
    candidates, rng = of_widths(), np.random.default_rng(0)
    candidates.build_and_count(candidates.draw(60, rng))
    measured = candidates.draw(12, rng)
    candidates.build_and_count(measured)
    networks = [
        (v, str(i), {**work(v), "latency_ms": 1 + work(v)["macs"] / 1e6})
        for i, v in enumerate(measured)
    ]
    learn(candidates, networks)
    others = candidates.draw(100, rng)
    true = [1 + work(values)["macs"] / 1e6 for values in others]
    found = candidates.estimate(others)[:, 0]
    assert stats.spearmanr(found, true).statistic > 0.8


def test_a_hyperparameter_is_part_of_the_networks_that_have_it():
    candidates, rng = of_widths(), np.random.default_rng(0)
    new = candidates.build_and_count([{"width": 8, "deep": True, "depth": 3}])
    (condition,) = next(
        one["config"]["conditions"]
        for one in json.loads(json.dumps(new[0]["space"]))
        if one["config"]["name"] == "depth"
    )
    assert condition["config"] == {"name": "deep", "values": [True]}
    for values in candidates.vary(candidates.draw(20, rng), 50, rng):
        assert ("depth" in values) == values["deep"]


def test_networks_like_measured_ones_are_estimated_as_these(candidates):
    """Users rely on: a kind of networks that is slow for its MACs is known to be."""

    def latency(level):
        return (3 if 20 <= level < 40 else 1) * (1 + operations(level) / 1e8)

    measure(candidates, range(0, LEVELS, 2), latency)
    between = [{"level": level} for level in range(23, 38, 2)]
    candidates.build_and_count(between)
    true = np.array([latency(v["level"]) for v in between])
    found = candidates.estimate(between)[:, 0]
    # by the MACs alone they would seem to be half as slow
    assert np.median(np.abs(found / true - 1)) < 0.15
