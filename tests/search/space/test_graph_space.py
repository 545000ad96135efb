"""What is known of a candidate before it is measured."""

import keras_tuner
import numpy as np
import optuna
import pytest

from autoai4eo.search.space.graph_space import GraphCandidates

LEVELS = 60


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


def measure(candidates, levels) -> None:
    trials = [
        optuna.trial.create_trial(
            value=1.0,
            user_attrs={
                "hyperparameters": {"level": level},
                "fingerprint": str(level),
                "cost": counted(level) | {"latency_ms": latency_of(level)},
            },
        )
        for level in levels
    ]
    for level, trial in zip(levels, trials, strict=True):
        trial.number = level
    candidates.learn_from(trials)


def errors(candidates, levels) -> np.ndarray:
    several = [{"level": level} for level in levels]
    true = [latency_of(level) for level in levels]
    return np.abs(np.log(candidates.estimate(several)[:, 0] / true))


def test_a_built_network_is_estimated_by_its_operations(candidates):
    """Users rely on: what is measured under a tight latency mostly fits it."""
    measure(candidates, range(0, 20, 2))
    new = range(21, 41)
    before = errors(candidates, new)
    candidates.build_and_count([{"level": level} for level in new])
    after = errors(candidates, new)
    assert np.median(before) > 1 and np.median(after) < 0.5


def test_few_measurements_are_no_line(candidates):
    measure(candidates, range(7))
    new = [{"level": 30}]
    before = candidates.estimate(new)
    candidates.build_and_count(new)
    assert candidates.estimate(new) == before
    measure(candidates, [7])
    assert candidates.estimate(new) != before


def test_a_measurement_is_believed_more_than_the_line(candidates):
    measure(candidates, range(12))
    assert errors(candidates, range(12)).max() < 1e-9
