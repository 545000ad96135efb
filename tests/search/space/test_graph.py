"""Networks that a graph builds."""

import keras
import keras_tuner
import pytest
import small

import autoai4eo as ae
from autoai4eo.search.space.graph import Graph, build


@pytest.fixture
def mixed():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


def test_a_network_computes_in_the_precision_that_the_user_set(mixed):
    """Clearing Keras's state between networks set it back to float32."""
    node, head = ae.ImageInput("sen2"), ae.blocks.PooledHead()
    output = head(small.TinyBlock()(node))
    node.shape, head.shape = (8, 8, 4), (3,)
    graph = Graph(inputs=[node], outputs=[output])
    graph.loss = "categorical_crossentropy"
    for _ in range(2):
        model = build(graph, keras_tuner.HyperParameters(), 0, None)
        computed = {layer.compute_dtype for layer in model.layers}
        assert "bfloat16" in computed
        assert {str(v.dtype) for v in model.trainable_variables} == {"float32"}


def test_hyperparameters_of_a_family_are_those_of_the_first_search():
    """Users rely on: a search is resumed in a notebook that made blocks before."""
    names = []
    for _ in range(2):
        node, head = ae.ImageInput("sen2"), ae.blocks.PooledHead()
        block = ae.blocks.EOImageBlock(family="compact")
        output = head(block(node))
        node.shape, head.shape = (8, 8, 4), (3,)
        graph = Graph(inputs=[node], outputs=[output])
        graph.loss = "categorical_crossentropy"
        hp = keras_tuner.HyperParameters()
        names.append([layer.name for layer in build(graph, hp, 0, None).layers])
        assert "eo_image_block_1/eo_image_block_1_compact/genotype" in hp.values
    assert names[0] == names[1]
