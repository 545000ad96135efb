"""Rules of layers other than convolutions, and rules of one's own."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from autoai4eo.cost import Work, count, elements, macs_rule, registry
from autoai4eo.errors import UserError


def counted(function, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, function(*inputs))
    counts = count(model)
    assert counts.params == model.count_params()
    return counts.macs, counts.flops


def test_dense_at_every_position():
    assert counted(layers.Dense(7, "relu"), (4, 3)) == (84, 2 * 84 + 2 * 28)
    assert counted(layers.Dense(7, "softmax", use_bias=False), (3,)) == (21, 42 + 35)


@pytest.mark.parametrize(
    ("equation", "shape", "output", "macs"),
    [
        ("ab,bc->ac", (6,), 7, 6 * 7),
        ("abc,cd->abd", (5, 6), (None, 7), 5 * 6 * 7),
        ("abc,cde->abde", (5, 6), (None, 2, 3), 5 * 6 * 2 * 3),
        ("...x,xy->...y", (4, 5, 6), 7, 4 * 5 * 6 * 7),
    ],
)
def test_einsum_dense(equation, shape, output, macs):
    assert counted(layers.EinsumDense(equation, output), shape)[0] == macs


def test_multi_head_attention():
    t, s, dq, dv, h, k, v = 5, 6, 8, 9, 2, 3, 4
    layer = layers.MultiHeadAttention(h, k, value_dim=v, use_bias=False)
    macs, flops = counted(lambda q, x: layer(q, x), (t, dq), (s, dv))
    projections = t * dq * h * k + s * dv * h * (k + v) + t * h * v * dq
    assert macs == projections + t * s * h * (k + v)
    assert flops == 2 * macs + 6 * t * s * h


def test_multi_head_attention_over_an_image_with_key_bias_gate_and_mask():
    layer = layers.MultiHeadAttention(2, 4, attention_axes=(1, 2), use_gate=True)
    image = (3, 3, 8)
    macs, flops = counted(
        lambda q, v, k: layer(query=q, value=v, key=k), image, image, image
    )
    assert macs == 5 * 9 * 8 * 8 + 9 * 9 * 2 * 8
    assert flops == 2 * macs + 5 * 9 * 8 + 2 * 9 * 8 + 6 * 9 * 9 * 2
    masked = layers.MultiHeadAttention(2, 4, use_bias=False)
    assert (
        counted(lambda q, m: masked(q, q, attention_mask=m), (9, 8), (9, 9))[0]
        == 4 * 9 * 8 * 8 + 9 * 9 * 2 * 8
    )


def test_group_query_attention():
    layer = layers.GroupQueryAttention(3, 4, 2, use_bias=False)
    macs, _ = counted(lambda q, v: layer(q, v), (5, 8), (6, 8))
    projections = 2 * (5 * 8 * 4 * 3) + 2 * (6 * 8 * 2 * 3)
    assert macs == projections + 5 * 6 * 4 * (3 + 3)


def test_plain_attention():
    dot = layers.Attention(use_scale=True)
    macs, flops = counted(lambda q, v: dot([q, v]), (5, 4), (6, 4))
    assert (macs, flops) == (5 * 6 * 8, 2 * 5 * 6 * 8 + 5 * 6 * 6)
    three = layers.Attention()
    assert counted(lambda q, v, k: three([q, v, k]), (5, 4), (6, 3), (6, 4))[0] == 210
    concat = layers.Attention(score_mode="concat")
    assert counted(lambda q, v: concat([q, v]), (5, 4), (6, 4))[0] == 5 * 6 * 4
    additive = layers.AdditiveAttention()
    assert counted(lambda q, v: additive([q, v]), (5, 4), (6, 4))[0] == 5 * 6 * 8


ELEMENTS = 6 * 6 * 4


@pytest.mark.parametrize(
    ("layer", "flops"),
    [
        (layers.MaxPooling2D(2), ELEMENTS),
        (layers.AveragePooling2D(3, strides=1, padding="same"), 9 * ELEMENTS),
        (layers.GlobalAveragePooling2D(), ELEMENTS),
        (layers.GlobalMaxPooling2D(), ELEMENTS),
        (layers.AdaptiveAveragePooling2D(2), ELEMENTS),
        (layers.BatchNormalization(), 2 * ELEMENTS),
        (layers.Normalization(), 2 * ELEMENTS),
        (layers.Normalization(mean=[0.5] * 4, variance=[1.0] * 4), 2 * ELEMENTS),
        (layers.Rescaling(1e-4), 2 * ELEMENTS),
        (layers.LayerNormalization(), 7 * ELEMENTS),
        (layers.GroupNormalization(2, scale=False), 6 * ELEMENTS),
        (layers.RMSNormalization(), 4 * ELEMENTS),
        (layers.UnitNormalization(), 3 * ELEMENTS),
        (layers.ReLU(), ELEMENTS),
        (layers.PReLU(), ELEMENTS),
        (layers.Activation("swish"), ELEMENTS),
        (layers.Activation("linear"), 0),
        (layers.Activation("softmax"), 5 * ELEMENTS),
        (layers.Softmax(), 5 * ELEMENTS),
        (layers.UpSampling2D(2), 0),
        (layers.UpSampling2D(2, interpolation="bilinear"), 4 * 8 * ELEMENTS),
        (layers.Resizing(6, 6, interpolation="bicubic"), 32 * ELEMENTS),
        (layers.Dropout(0.5), 0),
        (layers.SpatialDropout2D(0.5), 0),
        (layers.RandomFlip(), 0),
        (layers.ZeroPadding2D(), 0),
        (layers.Flatten(), 0),
        (layers.Lambda(lambda x: x * 2, output_shape=(6, 6, 4)), ELEMENTS),
    ],
    ids=lambda x: getattr(x, "name", x),
)
def test_layers_that_multiply_no_matrices(layer, flops):
    assert counted(layer, (6, 6, 4)) == (0, flops)


def test_merging():
    shapes = [(3, 4)] * 3
    assert counted(lambda *x: layers.Add()(x), *shapes) == (0, 24)
    assert counted(lambda *x: layers.Average()(x), *shapes) == (0, 36)
    assert counted(lambda *x: layers.Concatenate()(x), *shapes) == (0, 0)
    assert counted(lambda a, b: layers.Dot(2)([a, b]), (3, 4), (5, 4)) == (60, 120)


def test_embedding_moves_and_does_not_compute():
    assert counted(layers.Embedding(10, 4), (7,)) == (0, 0)


def test_raw_products_count_as_their_layers_do():
    image, kernel = (6, 6, 4), np.ones((3, 3, 4, 5), "float32")
    depth, matrix = np.ones((3, 3, 4, 2), "float32"), np.ones((4, 5), "float32")
    for function, macs in [
        (lambda x: ops.matmul(x, matrix), 36 * 4 * 5),
        (lambda x: ops.dot(x, matrix), 36 * 4 * 5),
        (lambda x: ops.einsum("bhwc,cd->bhwd", x, matrix), 36 * 4 * 5),
        (lambda x: ops.tensordot(x, matrix, axes=1), 36 * 4 * 5),
        (lambda x: ops.conv(x, kernel), 16 * 36 * 5),
        (lambda x: ops.depthwise_conv(x, depth), 16 * 9 * 8),
    ]:
        assert counted(function, image) == (macs, 2 * macs)


def test_raw_operations():
    image = (6, 6, 4)
    for function, flops in [
        (lambda x: ops.mean(x, axis=(1, 2)), ELEMENTS),
        (lambda x: ops.relu(x) * 2, 2 * ELEMENTS),
        (lambda x: ops.softmax(x), 5 * ELEMENTS),
        (lambda x: ops.max_pool(x, 3, strides=1, padding="same"), 9 * ELEMENTS),
        (lambda x: ops.average_pool(x, (2, 2)), ELEMENTS),
        (lambda x: ops.image.resize(x, (12, 12)), 4 * 8 * ELEMENTS),
        (lambda x: ops.transpose(x[..., :2], (0, 3, 1, 2)), 0),
    ]:
        assert counted(function, image) == (0, flops)


def test_wrappers_cost_what_is_inside():
    each = layers.TimeDistributed(layers.Conv2D(2, 3))
    assert counted(each, (5, 4, 4, 3))[0] == 5 * 4 * 2 * 27
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(2)])
    assert counted(layers.TimeDistributed(inner), (5, 3))[0] == 5 * (12 + 8)
    spectral = layers.SpectralNormalization(layers.Dense(4))
    assert counted(spectral, (3,))[0] == 12


@pytest.mark.parametrize("layer", [layers.LSTM(3), layers.Bidirectional(layers.GRU(3))])
def test_a_layer_with_weights_and_no_rule_is_named(layer):
    kind = type(layer).__name__
    with pytest.raises(UserError, match=rf"found {kind}.*macs_rule\({kind}\)"):
        counted(layer, (5, 4))
    with pytest.raises(UserError, match=kind):
        counted(layers.TimeDistributed(layer), (2, 5, 4))


class Twice(layers.Dense):
    """Does more than the layer that it derives from."""

    def call(self, x):
        return super().call(x) + super().call(x)


class Named(layers.Dense):
    """Does the same as the layer that it derives from."""


@pytest.fixture
def rules(monkeypatch):
    monkeypatch.setattr(registry, "_RULES", dict(registry._RULES))


def test_a_subclass_inherits_the_rule_only_with_the_call(rules):
    assert counted(Named(4), (3,))[0] == 12
    with pytest.raises(UserError, match="Twice"):
        counted(Twice(4), (3,))

    @macs_rule(Twice)
    def twice(call):
        return Work(macs=2 * call.input[-1] * elements(call.output))

    assert counted(Twice(4), (3,)) == (24, 48)


def test_a_rule_makes_a_subclassed_model_countable(rules):
    class Body(keras.Model):
        def call(self, x):
            return x

    @macs_rule(Body)
    def body(call):
        return Work(macs=1000)

    assert counted(Body(), (3,)) == (1000, 2000)
