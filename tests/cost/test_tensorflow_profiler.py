"""MACs against TensorFlow's own profiler on `keras.applications`.

The profiler looks at the graph of the forward pass, operation by operation. What it
counts for convolutions and matrix products equals 2 × our MACs to the last one, except
that it counts a grouped convolution as nothing. The rest of the FLOPs differs by
convention, and both are a few per cent at most:

- batch normalisation: both count a multiplication and an addition per element (Mul,
  AddV2); the profiler adds the folding of the constants (Rsqrt, Sub, Mul on channels);
- activations: it knows no ReLU, ReLU6, sigmoid or swish, we count one per element;
- pooling: windows and global means count the same in both.
"""

import keras
import pytest

from autoai4eo.cost import count

if keras.backend.backend() != "tensorflow":
    pytest.skip("needs the TensorFlow backend", allow_module_level=True)

PRODUCTS = ("Conv2D", "DepthwiseConv2dNative", "MatMul")


def profiled(model):
    """FLOPs of one sample by kind of operation, as TensorFlow's profiler counts."""
    import tensorflow as tf

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, *x.shape[1:]), x.dtype) for x in model.inputs
        ]
    )
    def forward(x):
        return model(x, training=False)

    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    node = tf.compat.v1.profiler.profile(
        forward.get_concrete_function().graph, cmd="op", options=options
    )
    flops, above = {}, node.total_float_ops
    while node.children:  # a chain: each holds the sum of itself and those below
        node = node.children[0]
        below = node.children[0].total_float_ops if node.children else 0
        flops[node.name] = node.total_float_ops - below
    assert sum(flops.values()) == above
    return flops


@pytest.mark.parametrize(
    ("name", "size"),
    [("MobileNetV2", 32), ("ResNet50", 32), ("EfficientNetB0", 32)],
)
def test_applications(name, size):
    build = getattr(keras.applications, name)
    model = build(weights=None, input_shape=(size, size, 3), classes=17)
    counts, flops = count(model), profiled(model)
    assert 2 * counts.macs == sum(flops.get(kind, 0) for kind in PRODUCTS)
    assert counts.params == model.count_params()
    assert counts.flops == pytest.approx(sum(flops.values()), rel=0.05)


def test_the_profiler_counts_a_grouped_convolution_as_nothing():
    x = keras.Input((8, 8, 4))
    model = keras.Model(x, keras.layers.Conv2D(4, 3, groups=2, use_bias=False)(x))
    assert profiled(model).get("Conv2D", 0) == 0
    assert count(model).macs == 36 * 4 * 18
