"""Sharing the work of overlapping windows: equal to classifying each, or refused."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from autoai4eo.blocks.pretrained_weights.catalogue import find_weights
from autoai4eo.blocks.pretrained_weights.files import load_classifier
from autoai4eo.networks.dense import NotTranslationEquivariant, dense_classifier

SIDE = 16


def each_window(model, tile, step):
    """The probabilities of windows that are cut out, one by one."""
    (name,) = tile
    window = model.inputs[0].shape[1]
    samples, height, width, bands = tile[name].shape
    starts = [
        (top, left)
        for top in range(0, height - window + 1, step)
        for left in range(0, width - window + 1, step)
    ]
    cut = np.stack(
        [tile[name][:, t : t + window, u : u + window] for t, u in starts], axis=1
    )
    flat = model.predict_on_batch(cut.reshape(-1, window, window, bands))
    rows = (height - window) // step + 1
    return flat.reshape(samples, rows, -1, flat.shape[-1])


def classifier(trunk, head=None):
    pixels = keras.Input((SIDE, SIDE, 3), name="sen2")
    x = trunk(pixels)
    x = head(x) if head else layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, layers.Dense(5, activation="softmax")(x))


def convolve(x, size=3, strides=1, padding="valid"):
    return layers.Conv2D(4, size, strides=strides, padding=padding)(x)


def all_that_translates(pixels):
    x = ops.where(ops.isfinite(pixels), pixels, np.ones(3, "float32"))
    index = ops.clip((x[..., 0:1] - x[..., 1:2]) / 2.0, -1.0, 1.0)
    x = layers.Rescaling([1.0, 2.0, 3.0], [0.0, 0.0, 1.0])(x)
    x = layers.Concatenate()([x, ops.take(x, [2, 0], axis=-1), index])
    x = layers.ReLU()(layers.BatchNormalization()(convolve(x)))  # 14
    x = layers.MaxPooling2D(2, padding="same")(x)  # 7
    block = keras.Sequential(
        [layers.DepthwiseConv2D(3), layers.Conv2D(4, 1, padding="same")]
    )
    shortcut = layers.Cropping2D(1)(x)
    return layers.Add()([block(x), shortcut])


def both_poolings(x):
    highest = layers.Flatten()(layers.GlobalMaxPooling2D(keepdims=True)(x))
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), highest])
    x = layers.Dense(8, activation="relu")(layers.Dropout(0.5)(x))
    return layers.BatchNormalization()(x)


@pytest.fixture(scope="module")
def tile():
    pixels = np.random.default_rng(0).normal(size=(2, 61, 43, 3)).astype("float32")
    pixels[0, 20, 20] = np.nan
    return {"sen2": pixels}


@pytest.mark.parametrize("step", [4, 5, 3, 20])
def test_it_equals_window_by_window(tile, step):
    model = classifier(all_that_translates, both_poolings)
    before = [len(layer._inbound_nodes) for layer in model.layers]
    found = dense_classifier(model, step)
    assert (found.stride, found.exact) == (2, True)
    assert found.phases == (1 if step % 2 == 0 else 2)
    expected = each_window(model, tile, step)
    np.testing.assert_allclose(found(tile), expected, atol=1e-6)
    assert found(tile).dtype == np.float32
    assert [len(layer._inbound_nodes) for layer in model.layers] == before


def test_poolings_after_several_stages_and_unequal_strides(tile):
    def several(pixels):
        early = convolve(pixels, strides=(2, 1))
        late = convolve(early, size=5, strides=3)
        return layers.Concatenate()(
            [layers.GlobalAveragePooling2D()(x) for x in (early, late)]
        )

    model = classifier(several, head=lambda x: x)
    found = dense_classifier(model, 6)
    assert (found.stride, found.phases) == (6, 1)
    np.testing.assert_allclose(found(tile), each_window(model, tile, 6), atol=1e-6)


def test_two_inputs_and_a_tile_of_one_window(tile):
    one, two = (keras.Input((SIDE, SIDE, 3), name=name) for name in ("sen2", "sen1"))
    x = convolve(layers.Concatenate()([one, two]), strides=2)
    output = layers.Dense(5)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model([one, two], output)
    part = tile["sen2"][:1, :SIDE, 4 : 4 + SIDE]
    found = dense_classifier(model, 8)({"sen1": part, "sen2": 2 * part})
    expected = model.predict_on_batch([2 * part, part])
    np.testing.assert_allclose(found[:, 0, 0], expected, atol=1e-6)
    with pytest.raises(ValueError, match="at least"):
        dense_classifier(model, 8)({"sen1": part[:, 1:], "sen2": part[:, 1:]})


def gate(x):
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    return layers.Multiply(name="gate")([convolve(x, 1), layers.Dense(4)(weights)])


@pytest.mark.parametrize(
    ("trunk", "head", "reason"),
    [
        (lambda x: layers.Conv2D(4, 3, padding="same", name="c")(x), None, "c .* pads"),
        (lambda x: layers.ZeroPadding2D(name="zeros")(x), None, "zeros .* pads"),
        (lambda x: layers.MaxPooling2D(3, 2, "same", name="m")(x), None, "m .* pads"),
        (gate, None, "gate .* whole window"),
        (convolve, layers.Flatten(name="flat"), "flat .* not known"),
        (lambda x: layers.UpSampling2D(name="up")(x), None, "up .* not known"),
        (lambda x: layers.GroupNormalization(1, name="g")(x), None, "g .* not known"),
        (lambda x: layers.LayerNormalization((1, 2))(x), None, "not known"),
        (lambda x: x + np.ones((SIDE, 1, 3), "float32"), None, "not known"),
        (lambda x: layers.Rescaling(np.ones((SIDE, 1, 1)))(x), None, "not known"),
        (lambda x: x[:, 2:], None, "not known"),
        (lambda x: ops.mean(x, axis=1, keepdims=True), None, "not known"),
        (lambda x: ops.roll(x, 1, axis=1), None, "not known"),
        (lambda x: layers.Dropout(0.5, name="mc")(x, training=True), None, "mc"),
        (
            lambda x: layers.Concatenate()(
                [convolve(x, 2, 2), layers.Cropping2D(4)(x)]
            ),
            None,
            "different strides",
        ),
    ],
)
def test_what_depends_on_the_place_is_refused(trunk, head, reason):
    with pytest.raises(NotTranslationEquivariant, match=reason) as raised:
        dense_classifier(classifier(trunk, head), 8)
    assert "\n" not in str(raised.value)


def test_same_padding_that_never_pads_is_exact():
    trunk = lambda x: convolve(convolve(x, 1, 2, "same"), 2, 2, "same")  # noqa: E731
    assert dense_classifier(classifier(trunk), 8).exact


def test_a_padded_network_on_request_agrees_where_it_sees_no_border(tile):
    model = classifier(lambda x: convolve(x, 3, 1, "same"))
    found = dense_classifier(model, 4, exact=False)
    assert not found.exact
    one = {"sen2": tile["sen2"][1:, :SIDE, :SIDE]}
    np.testing.assert_allclose(found(one), each_window(model, one, 4), atol=1e-6)
    whole = {"sen2": tile["sen2"][1:]}
    assert np.abs(found(whole) - each_window(model, whole, 4)).max() > 1e-4


def test_the_padded_lcz_network_runs_in_four_phases(shared_weights):
    model = load_classifier(shared_weights)
    with pytest.raises(NotTranslationEquivariant, match="conv1_conv"):
        dense_classifier(model, 10)
    found = dense_classifier(model, 10, exact=False)
    assert (found.stride, found.phases**2, found.exact) == (4, 4, False)
    pixels = np.random.default_rng(0).random((1, 52, 52, 10)).astype("float32")
    tile = {model.inputs[0].name: pixels}
    assert found(tile).shape == (1, 3, 3, 17)
    np.testing.assert_allclose(found(tile).sum(-1), 1, atol=1e-5)


@pytest.fixture(scope="module")
def shared_weights(request):
    # `shared` is the function here
    folder = request.getfixturevalue("shared") / "lcz_weights"
    (file,) = folder.glob("S2_RESNET20_*.h5")
    return find_weights("lcz42-resnet20-s2", file=file)
