"""The head for masks: full resolution, names, in the graph and in stock AutoKeras."""

import json

import autokeras as ak
import keras
import keras_tuner
import numpy as np
import pytest
from autokeras.graph import Graph

from autoai4eo import blocks
from autoai4eo.blocks import SegmentationHead
from autoai4eo.errors import UserError
from autoai4eo.search.space import graph as space
from autoai4eo.tasks.configuration import kind_of


def alone(features, shape, **arguments):
    """A model of the head alone."""
    head = SegmentationHead(name="head", **arguments)
    head.shape = shape
    tensor = keras.Input(features)
    return keras.Model(tensor, head.build(keras_tuner.HyperParameters(), tensor))


@pytest.mark.parametrize(
    "features", [(113, 61), (57, 31), (29, 16), (15, 8), (8, 4), (225, 121), (50, 50)]
)
def test_probabilities_are_those_of_each_pixel(features):
    model = alone((*features, 6), (225, 121, 3))
    assert model.output_names == ["head"]
    x = np.random.default_rng(0).normal(size=(1, *features, 6)).astype("float32")
    found = np.asarray(model(x))
    assert found.shape == (1, 225, 121, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)


def test_a_mask_of_the_features_size_is_a_softmax_of_their_logits():
    model = alone((5, 5, 6), (5, 5, 3), dropout=0.0)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 6)).astype("float32")
    kernel, bias = model.get_layer("head_logits").get_weights()
    logits = x @ kernel[0, 0] + bias
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(model(x), expected, atol=1e-6)


def test_dropout_is_the_only_choice(kit):
    _, hp = kit.build(kit.segmenter([(33, 33, 3)], width=8), {})
    found = {p.name: list(p.values) for p in hp.space if p.name.startswith("head/")}
    assert found == {"head/dropout": [0.0, 0.1, 0.25]}


def test_probabilities_are_float32_in_mixed_precision(kit):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model, _ = kit.build(kit.segmenter([(33, 33, 3)], width=8), {})
        assert model.outputs[0].dtype == "float32"
        kit.finite_probabilities(model)
    finally:
        keras.config.set_dtype_policy(before)


def search_graph():
    """A graph of a search for masks of 4 classes, as a task configures it."""
    node = blocks.ImageInput("sen2", mean=[0.1] * 3, std=[0.2] * 3)
    levels = blocks.FeaturePyramid(width=8, levels=3)(node)
    head = SegmentationHead()
    graph = space.Graph([node], head(blocks.DecoderBlock()(levels)))
    node.shape, head.shape = (21, 21, 3), (21, 21, 4)
    graph.loss = "categorical_crossentropy"
    return graph


def test_a_search_builds_it_the_same_each_time():
    graph = search_graph()
    hp = keras_tuner.HyperParameters()
    models = [space.build(graph, hp, seed=0, steps=10) for _ in range(2)]
    assert kind_of(graph.blocks[-1]) == "mask"
    assert models[0].output_names == ["segmentation_head_1"]
    assert "decoder_block_1/decoder" in hp.values
    x = np.random.default_rng(0).random((2, 21, 21, 3), "float32")
    one, two = (np.asarray(model([x])) for model in models)
    np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_a_search_trains_it():
    model = space.build(search_graph(), keras_tuner.HyperParameters(), 0, None)
    x = np.random.default_rng(0).random((2, 21, 21, 3), "float32")
    truth = np.eye(4, dtype="float32")[(x[..., 0] * 4).astype(int)]
    losses = [model.train_on_batch([x], [truth]) for _ in range(6)]
    assert losses[-1] < losses[0]


# Keras and KerasTuner themselves call what Python and NumPy deprecate; stock AutoKeras
# warns of the optimizer that it does not load.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_stock_autokeras_trains_it_on_one_hot_masks(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((8, 18, 18, 3))
    y = np.eye(3, dtype="float32")[(x[..., 0] * 3).astype(int)]
    node = blocks.ImageInput("image")
    levels = blocks.FeaturePyramid(width=8, levels=3)(node)
    auto = ak.AutoModel(
        node,
        SegmentationHead()(blocks.UNetDecoder(8)(levels)),
        max_trials=1,
        directory=tmp_path,
        tuner="greedy",
        seed=1,
    )
    auto.fit(x, y, epochs=1, validation_split=0.25, verbose=0)
    assert auto.predict(x, verbose=0).shape == (8, 18, 18, 3)


def test_config_and_graph_round_trip(kit):
    head = SegmentationHead(0.1, name="head")
    assert kit.round_trip(head).get_config() == head.get_config()
    graph = kit.segmenter([(33, 33, 3)])
    config = json.dumps(graph.get_config())
    assert json.dumps(Graph.from_config(json.loads(config)).get_config()) == config


def test_wrong_arguments_are_refused():
    with pytest.raises(UserError, match="dropout: expected a share"):
        SegmentationHead(dropout=1.0)
    for shape in ((3,), None):
        with pytest.raises(UserError, match=r"\(height, width, classes\) of a one-hot"):
            alone((5, 5, 6), shape)
