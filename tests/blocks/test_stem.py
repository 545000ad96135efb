"""The multispectral stem: its space, its corners, its indices."""

import keras
import keras_tuner
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autoai4eo.blocks import MultispectralStem
from autoai4eo.blocks.stem import normalised_differences
from autoai4eo.data.indices import index_pairs
from autoai4eo.data.sensors import SENTINEL2, band
from autoai4eo.errors import UserError

SO2SAT = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]


def test_every_corner_builds_on_every_input(kit):
    for shape in kit.SHAPES:
        bands = SO2SAT if shape[-1] == 10 else None
        graph = kit.graph(MultispectralStem(), [shape], bands)
        stem = graph.blocks[0]
        for values, model in kit.corners(graph):
            strides = values.get(f"{stem.name}/strides", 2)
            filters = values.get(f"{stem.name}/filters", 16)
            relu = model.get_layer(f"{stem.name}_conv_relu")
            side = shape[0] // strides
            assert relu.output.shape == (None, side, side, filters)
        kit.finite_probabilities(model)


def test_the_space_is_the_documented_one(kit):
    graph = kit.graph(MultispectralStem(name="stem"), [(32, 32, 10)], SO2SAT)
    _, hp = kit.build(graph, {})
    assert {p.name: list(p.values) for p in hp.space} == {
        "stem/spectral_mixing": ["none", "1x1", "squeeze_excitation"],
        "stem/indices": [True, False],
        "stem/kernel_size": ["3", "5", "1+3+5"],
        "stem/filters": [16, 24, 32, 48],
        "stem/strides": [1, 2],
        "stem/band_dropout": [0.0, 0.1, 0.2],
    }


def test_without_suitable_bands_there_is_no_choice_of_indices(kit):
    for bands in (None, ["R", "G", "B"], ["VH", "VV", "B08"]):
        graph = kit.graph(MultispectralStem(name="stem"), [(32, 32, 3)], bands)
        _, hp = kit.build(graph, {})
        assert "stem/indices" not in hp.values


def test_features_are_neither_standardised_nor_indexed(kit):
    graph = kit.graph(
        lambda pixels: MultispectralStem(name="second")(MultispectralStem()(pixels)),
        [(32, 32, 10)],
        SO2SAT,
    )
    model, hp = kit.build(graph, {})
    assert "second/indices" not in hp.values
    standardised = [
        layer for layer in model.layers if isinstance(layer, keras.layers.Rescaling)
    ]
    assert len(standardised) == 1


@settings(deadline=None, max_examples=60)
@given(
    hnp.arrays(
        "float32",
        (3, 4, 13),
        # not below zero: a sum near zero of two large numbers has no exact digits
        elements=st.floats(2**-10, 2.0, width=32) | st.sampled_from([0.0, 10000.0]),
    )
)
def test_indices_equal_the_formula(patch):
    answer = keras.ops.convert_to_numpy(
        normalised_differences(
            keras.ops.convert_to_tensor(patch), index_pairs(SENTINEL2.bands)
        )
    )
    names = [b.name for b in SENTINEL2.bands]
    for channel, (a, b) in enumerate([("B08", "B04"), ("B03", "B08"), ("B11", "B08")]):
        first = patch[..., names.index(a)].astype("float64")
        second = patch[..., names.index(b)].astype("float64")
        total = patch[..., names.index(a)] + patch[..., names.index(b)]
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = np.where(total == 0, 0, (first - second) / (first + second))
        np.testing.assert_allclose(
            answer[..., channel], np.clip(expected, -1, 1), rtol=2e-3, atol=1e-4
        )


def test_indices_see_raw_reflectance(kit):
    stem = MultispectralStem(indices=True, strides=1, name="stem")
    graph = kit.graph(stem, [(32, 32, 2)], ["B4", "B8"])
    model, _ = kit.build(graph, {})
    patch = np.full((1, 32, 32, 2), [0.05, 0.45], "float32")
    channels = keras.Model(model.inputs, model.get_layer("stem_with_indices").output)
    answer = keras.ops.convert_to_numpy(channels([patch]))[0, 0, 0]
    np.testing.assert_allclose(answer, [-0.25, 1.75, 0.8], rtol=1e-5)


def test_squeeze_and_excitation_weighs_whole_bands(kit):
    stem = MultispectralStem("squeeze_excitation", indices=False, name="stem")
    model, _ = kit.build(kit.graph(stem, [(32, 32, 4)]), {})
    mixing = model.get_layer("stem_mixing")
    both = keras.Model(model.inputs, [*mixing.input, mixing.output])
    patch = np.random.default_rng(0).random((2, 32, 32, 4), "float32")
    before, gate, after = (keras.ops.convert_to_numpy(t) for t in both([patch]))
    assert gate.shape == (2, 1, 1, 4)
    assert ((gate > 0) & (gate < 1)).all()
    np.testing.assert_allclose(after, before * gate, rtol=1e-5)


def test_band_dropout_drops_whole_bands_in_training_only(kit):
    stem = MultispectralStem(band_dropout=0.5, indices=False, name="stem")
    model, _ = kit.build(kit.graph(stem, [(32, 32, 18)]), {})
    dropped = keras.Model(model.inputs, model.get_layer("stem_band_dropout").output)
    patch = np.full((4, 32, 32, 18), 0.7, "float32")
    trained = keras.ops.convert_to_numpy(dropped([patch], training=True))
    gone = trained == 0
    assert (gone == gone[:, :1, :1]).all()
    assert 0 < gone.mean() < 1
    assert (keras.ops.convert_to_numpy(dropped([patch], training=False)) != 0).all()


def test_config_round_trip(kit):
    stem = MultispectralStem(
        "1x1", False, 5, 24, 2, 0.1, bands=["B4", band("B08")], name="stem"
    )
    again = kit.round_trip(stem)
    assert again.get_config() == stem.get_config()
    assert again.bands == ["B4", "B08"]
    assert kit.round_trip(MultispectralStem(name="s")).get_config()["filters"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spectral_mixing": "2x2"}, "spectral_mixing: expected one of 'none'"),
        ({"kernel_size": "3+3"}, "kernel_size: expected a size"),
        ({"kernel_size": "large"}, "kernel_size: expected a size"),
        ({"filters": 0}, "filters: expected a number from 1"),
        ({"band_dropout": -0.1}, "band_dropout: expected a share"),
        ({"band_dropout": 1.0}, "band_dropout: expected a share"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        MultispectralStem(**arguments)


def test_wrong_bands_are_refused(kit):
    for stem, message in [
        (MultispectralStem(bands=["B04"]), "one name for each of the 3 bands"),
        (MultispectralStem(indices=True), "none of these pairs"),
    ]:
        with pytest.raises(UserError, match=message):
            kit.build(kit.graph(stem, [(32, 32, 3)]), {})


@pytest.mark.parametrize("bands", [3, 10])
def test_parallel_kernels_of_stride_2_can_be_trained(kit, bands):
    """TensorFlow 2.21 crashes in the gradient of 1×1 kernels that skip pixels."""
    block = MultispectralStem(kernel_size="1+3+5", strides=2)
    graph = kit.graph(block, [(64, 64, bands)], None)
    model = graph.build(keras_tuner.HyperParameters())
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            assert layer.kernel_size >= layer.strides
    model.compile("sgd", "categorical_crossentropy")
    pixels = np.random.default_rng(0).random((8, 64, 64, bands), "float32")
    labels = np.eye(model.output_shape[-1], dtype="float32")[np.zeros(8, int)]
    loss = model.train_on_batch(pixels, labels)
    assert np.isfinite(loss).all()
