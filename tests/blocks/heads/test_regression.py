"""The head for numbers: its output, its units, its spread."""

import autokeras as ak
import keras
import numpy as np
import pytest

from autoai4eo.blocks import PooledRegressionHead


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype("float32")


def test_numbers_come_in_their_own_units(kit, features):
    plain = PooledRegressionHead("average", 0, 0.0)
    rescaled = PooledRegressionHead("average", 0, 0.0, mean=[300, -2], std=[10, 0.1])
    found = []
    for head in (plain, rescaled):
        graph = kit.graph(lambda pixels: pixels, [(8, 8, 3)], head=head)
        head.shape = (2,)
        keras.utils.set_random_seed(0)
        model, _ = kit.build(graph, {})
        found.append(np.asarray(keras.tree.flatten(model([features]))[0]))
    np.testing.assert_allclose(found[1], found[0] * [10, 0.1] + [300, -2], rtol=1e-5)


def test_a_spread_is_above_zero_and_comes_last(kit, features):
    head = PooledRegressionHead(
        "average", 0, 0.0, mean=[300, -2], std=[10, 0.1], spread=True, name="head"
    )
    graph = kit.graph(lambda pixels: pixels, [(8, 8, 3)], head=head)
    head.shape = (2,)
    model, _ = kit.build(graph, {})
    found = np.asarray(keras.tree.flatten(model([features * 100]))[0])
    assert model.output_names == ["head"] and found.shape == (64, 4)
    assert (found[:, 2:] >= np.float32([0.01, 0.0001]) * 0.999).all()


def test_the_space_is_that_of_the_other_heads(kit):
    head = PooledRegressionHead(name="head")
    graph = kit.graph(lambda pixels: pixels, [(32, 32, 3)], head=head)
    head.shape = (1,)
    _, hp = kit.build(graph, {})
    assert {p.name for p in hp.space} == {"head/pooling", "head/hidden", "head/dropout"}


def test_config_round_trip():
    head = PooledRegressionHead("max", 64, 0.5, [1.0], [2.0], True, output_dim=1)
    again = PooledRegressionHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    assert isinstance(again, ak.RegressionHead)
