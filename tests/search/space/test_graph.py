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
