"""The heads: their spaces, their alternatives, their names."""

import json
import math
import warnings

import autokeras as ak
import keras
import numpy as np
import pytest
from autokeras.graph import Graph

from autoai4eo.blocks import LatencyConstrainedHead, PooledHead
from autoai4eo.errors import UserError

# the graphs of these tests are AutoKeras's own, which enforce no budget
pytestmark = pytest.mark.filterwarnings(
    "ignore::autoai4eo.blocks.heads.classification.BudgetNotEnforced"
)


def constrained(**arguments):
    return LatencyConstrainedHead(2.0, **arguments)


@pytest.mark.parametrize("new_head", [PooledHead, constrained])
def test_every_corner_builds_on_every_input(kit, new_head):
    for shape in kit.SHAPES:
        graph = kit.graph(lambda pixels: pixels, [shape], head=new_head(name="head"))
        for _, model in kit.corners(graph):
            assert model.outputs[0].shape == (None, kit.CLASSES)
            assert model.output_names == ["head"]
            assert model.get_layer("head_pool").input.shape == (None, *shape)
        kit.finite_probabilities(model)


def test_the_space_is_the_documented_one_whatever_the_budget(kit):
    for budget in (1e-6, 1e6):
        head = LatencyConstrainedHead(budget, name="head")
        graph = kit.graph(lambda pixels: pixels, [(32, 32, 3)], head=head)
        _, hp = kit.build(graph, {})
        assert {p.name: list(p.values) for p in hp.space} == {
            "head/pooling": ["average", "max", "average+max"],
            "head/hidden": [0, 64, 128],
            "head/dropout": [0.0, 0.25, 0.5],
        }


def test_alternatives_are_the_networks_that_build_gives(kit):
    head = constrained(name="head")
    graph = kit.graph(lambda pixels: pixels, [(32, 32, 3)], head=head)
    alternatives = head.alternatives()
    assert len(alternatives) == 9
    for choice in alternatives:
        model, _ = kit.build(
            graph, {f"head/{name}": value for name, value in choice.items()}
        )
        features = keras.Input(model.get_layer("head_pool").input.shape[1:])
        alone = keras.Model(features, head.build_alternative(features, choice))
        tail = [layer for layer in model.layers if layer.name.startswith("head")]
        assert [
            [w.shape for w in layer.weights]
            for layer in tail
            if not isinstance(layer, keras.layers.Dropout)
        ] == [[w.shape for w in layer.weights] for layer in alone.layers[1:]]
        assert alone.output_names == ["head"]


def test_given_arguments_are_not_searched(kit):
    head = constrained(pooling="max", hidden=64, dropout=0.0, name="head")
    assert head.alternatives() == [{"pooling": "max", "hidden": 64}]
    _, hp = kit.build(kit.graph(lambda pixels: pixels, [(32, 32, 3)], head=head), {})
    assert not hp.values


def test_vectors_are_not_pooled(kit):
    graph = kit.graph(
        lambda pixels: ak.Flatten()(pixels), [(8, 8, 2)], head=constrained(name="head")
    )
    model, hp = kit.build(graph, {})
    assert "head/pooling" not in hp.values
    assert model.get_layer("head_pool").output.shape == (None, 128)


def test_it_warns_once_where_nothing_enforces_the_budget(kit):
    head = LatencyConstrainedHead(1.5)
    graph = kit.graph(lambda pixels: pixels, [(32, 32, 3)], head=head)
    with pytest.warns(UserWarning, match=r"max_latency_ms=1\.5 is enforced by"):
        kit.build(graph, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kit.build(graph, {})


def test_one_column_is_a_sigmoid_and_two_a_softmax(kit):
    for columns, activation in [(1, "Activation"), (2, "Softmax")]:
        head = PooledHead("average", 0, 0.0, name="head")
        graph = kit.graph(lambda pixels: pixels, [(8, 8, 3)], head=head)
        head.shape = (columns,)
        model, _ = kit.build(graph, {})
        assert type(model.get_layer("head")).__name__ == activation


def test_probabilities_are_float32_in_mixed_precision(kit):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        graph = kit.graph(lambda pixels: pixels, [(8, 8, 3)])
        model, _ = kit.build(graph, {})
        kit.finite_probabilities(model)
    finally:
        keras.config.set_dtype_policy(before)


def test_config_and_graph_round_trip(kit):
    head = LatencyConstrainedHead(
        2, batch_size=4, pooling="max", num_classes=17, name="head"
    )
    again = kit.round_trip(head)
    assert again.get_config() == head.get_config()
    assert (again.max_latency_ms, again.latency_batch_size) == (2.0, 4)
    assert isinstance(again.loss, keras.losses.CategoricalCrossentropy)
    graph = kit.graph(lambda pixels: pixels, [(8, 8, 3)], ["B4", "B3", "B2"], head)
    config = json.dumps(graph.get_config())
    copy = Graph.from_config(json.loads(config))
    assert json.dumps(copy.get_config()) == config
    assert copy.inputs[0].bands == graph.inputs[0].bands


@pytest.mark.parametrize("budget", [0, -1, math.nan, math.inf])
def test_a_budget_must_be_above_0(budget):
    with pytest.raises(UserError, match="max_latency_ms: expected milliseconds above"):
        LatencyConstrainedHead(budget)


@pytest.mark.parametrize("batch_size", [0, -3, 1.5])
def test_a_batch_must_have_a_patch(batch_size):
    with pytest.raises(UserError, match="batch_size: expected a whole number from 1"):
        LatencyConstrainedHead(1.0, batch_size=batch_size)


def test_wrong_arguments_are_refused():
    for arguments in ({"pooling": "sum"}, {"hidden": -1}, {"dropout": -0.5}):
        [name] = arguments
        with pytest.raises(UserError, match=f"{name}: expected"):
            PooledHead(**arguments)


def test_shapes_of_numpy_integers_are_taken(kit):
    head = PooledHead("average", 64, 0.0)
    graph = kit.graph(lambda pixels: pixels, [(8, 8, 3)], head=head)
    head.shape = (np.int64(5),)
    assert kit.build(graph, {})[0].outputs[0].shape == (None, 5)


def test_several_labels_have_a_sigmoid_each(kit):
    head = PooledHead("average", 0, 0.0, multi_label=True)
    graph = kit.graph(lambda pixels: pixels, [(8, 8, 3)], head=head)
    model, _ = kit.build(graph, {})
    pixels = np.random.default_rng(0).normal(size=(50, 8, 8, 3)) * 5
    found = np.asarray(keras.tree.flatten(model([pixels]))[0])
    assert found.min() > 0 and found.max() < 1
    assert np.ptp(found.sum(axis=1)) > 0.1
