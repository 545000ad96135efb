"""Convolutions against their weights' shapes and against multiplying by hand."""

import itertools

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import layers

from autoai4eo.cost import count

FAST = settings(deadline=None, max_examples=25)


def counted(layer, *shape):
    x = keras.Input(shape)
    model = keras.Model(x, layer(x))
    counts = count(model)
    assert counts.params == model.count_params()
    return counts, model.output.shape[1:]


@FAST
@given(
    groups=st.integers(1, 3),
    channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.sampled_from(["same", "valid"]),
    use_bias=st.booleans(),
    activation=st.sampled_from([None, "relu"]),
    size=st.tuples(st.integers(4, 12), st.integers(4, 12)),
)
def test_conv2d(
    groups,
    channels,
    filters,
    kernel,
    stride,
    dilation,
    padding,
    use_bias,
    activation,
    size,
):
    assume(stride == 1 or dilation == 1)  # Keras refuses both
    reach = [(k - 1) * dilation + 1 for k in kernel]
    assume(padding == "same" or all(s >= r for s, r in zip(size, reach, strict=True)))
    layer = layers.Conv2D(
        groups * filters,
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding=padding,
        groups=groups,
        use_bias=use_bias,
        activation=activation,
    )
    counts, output = counted(layer, *size, groups * channels)
    sides = [
        -(-s // stride) if padding == "same" else (s - r) // stride + 1
        for s, r in zip(size, reach, strict=True)
    ]
    assert output == (*sides, groups * filters)
    # Each weight meets each output position once.
    weights = int(np.prod(layer.kernel.shape))
    assert counts.macs == weights * sides[0] * sides[1]
    extra = (use_bias + (activation is not None)) * int(np.prod(output))
    assert counts.flops == 2 * counts.macs + extra


@FAST
@given(
    rank=st.integers(1, 3),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.sampled_from(["same", "valid"]),
    kind=st.sampled_from(["Conv", "DepthwiseConv", "SeparableConv", "ConvTranspose"]),
)
def test_every_kind_and_rank(rank, kernel, stride, padding, kind):
    if kind == "ConvTranspose":
        layer = getattr(layers, f"Conv{rank}DTranspose")
        layer = layer(5, kernel, stride, padding=padding)
    else:
        layer = getattr(layers, f"{kind}{rank}D", None)
        assume(layer is not None)  # no depthwise or separable convolution in 3D
        settings_ = dict(strides=stride, padding=padding)
        if kind == "DepthwiseConv":
            layer = layer(kernel, depth_multiplier=2, **settings_)
        elif kind == "SeparableConv":
            layer = layer(5, kernel, depth_multiplier=2, **settings_)
        else:
            layer = layer(5, kernel, **settings_)
    size = (6, 5, 4)[:rank]
    counts, output = counted(layer, *size, 3)
    positions = np.prod(size) if kind == "ConvTranspose" else np.prod(output[:-1])
    weights = sum(int(np.prod(w.shape)) for w in layer.weights if w.path[-4:] != "bias")
    assert counts.macs == weights * positions
    assert counts.flops == 2 * counts.macs + np.prod(output)


def multiplications(x, kernel, stride, dilation, groups):
    """A valid 2D convolution in plain loops; how often it multiplies and adds."""
    height, width, channels = x.shape
    kh, kw, per_group, filters = kernel.shape
    rows = (height - (kh - 1) * dilation - 1) // stride + 1
    columns = (width - (kw - 1) * dilation - 1) // stride + 1
    result, times = np.zeros((rows, columns, filters)), 0
    for r, c, f in itertools.product(range(rows), range(columns), range(filters)):
        first = f // (filters // groups) * per_group
        for i, j, k in itertools.product(range(kh), range(kw), range(per_group)):
            at = x[r * stride + i * dilation, c * stride + j * dilation, first + k]
            result[r, c, f] += at * kernel[i, j, k, f]
            times += 1
    assert channels == per_group * groups
    return result, times


@pytest.mark.parametrize(
    ("stride", "dilation", "groups", "padding"),
    [(1, 1, 1, "valid"), (2, 1, 2, "valid"), (1, 2, 4, "valid"), (1, 1, 2, "same")],
)
def test_convolution_multiplies_as_often_as_plain_loops(
    stride, dilation, groups, padding
):
    layer = layers.Conv2D(
        8,
        3,
        stride,
        padding=padding,
        dilation_rate=dilation,
        groups=groups,
        use_bias=False,
    )
    counts, _ = counted(layer, 6, 7, 4)
    x = np.random.default_rng(0).random((6, 7, 4), "float32")
    around = 1 if padding == "same" else 0  # padded zeros are multiplied, too
    padded = np.pad(x, [(around, around), (around, around), (0, 0)])
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    result, times = multiplications(padded, kernel, stride, dilation, groups)
    found = keras.ops.convert_to_numpy(layer(x[None]))[0]
    np.testing.assert_allclose(found, result, atol=1e-5)
    assert counts.macs == times


def test_transposed_convolution_multiplies_as_often_as_plain_loops():
    layer = layers.Conv2DTranspose(2, 3, strides=2, use_bias=False)
    counts, output = counted(layer, 4, 3, 5)
    x = np.random.default_rng(0).random((4, 3, 5), "float32")
    kernel = keras.ops.convert_to_numpy(layer.kernel)  # (3, 3, filters, channels)
    result, times = np.zeros(output), 0
    for r, c, k in np.ndindex(x.shape):
        for i, j, f in np.ndindex(3, 3, 2):
            result[2 * r + i, 2 * c + j, f] += x[r, c, k] * kernel[i, j, f, k]
            times += 1
    found = keras.ops.convert_to_numpy(layer(x[None]))[0]
    np.testing.assert_allclose(found, result, atol=1e-5)
    assert counts.macs == times


def test_channels_first_costs_the_same():
    last, _ = counted(layers.SeparableConv2D(4, 3), 8, 9, 5)
    first, _ = counted(
        layers.SeparableConv2D(4, 3, data_format="channels_first"), 5, 8, 9
    )
    assert first.macs == last.macs
    grouped = layers.Conv2D(6, 3, groups=2, data_format="channels_first")
    assert counted(grouped, 4, 8, 9)[0].macs == 6 * 7 * 6 * 9 * 2


def test_causal_padding():
    assert counted(layers.Conv1D(4, 3, padding="causal"), 9, 2)[0].macs == 9 * 4 * 6
