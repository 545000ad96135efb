import json

import autokeras as ak
import h5py
import keras
import keras_tuner
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils

from autoai4eo.blocks import ImageInput
from autoai4eo.blocks.backbones.pretrained import PretrainedResNetBlock
from autoai4eo.blocks.backbones.resnets import ARCHITECTURES, Architecture, build_trunk
from autoai4eo.blocks.pretrained_weights import files as weight_files
from autoai4eo.blocks.pretrained_weights.catalogue import CATALOGUE
from autoai4eo.cost import count
from autoai4eo.data.sensors import RGB, SENTINEL1_SO2SAT
from autoai4eo.errors import UserError

# Keras itself calls what NumPy deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
SO2SAT = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
FIXED = {
    "adaptation": "by_band",
    "upscaling": 1,
    "freeze": "nothing",
    "learning_rate_factor": 0.1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A ResNet-20 trunk for Sentinel-2, as if trained, and its record."""
    trunk = build_trunk("resnet20", (32, 32, 10), "trunk")
    rng = np.random.default_rng(0)
    for layer in trunk.layers:
        layer.set_weights(
            [a + rng.uniform(0, 0.01, a.shape) for a in layer.get_weights()]
        )
    path = tmp_path_factory.mktemp("weights") / "trunk.weights.h5"
    trunk.save_weights(path)
    scaling = CATALOGUE["lcz42-resnet20-s2"].scaling
    return trunk, weight_files.from_file(path, "resnet20", SO2SAT, scaling)


def trunk_of(model):
    return next(n for n in model.layers if isinstance(n, keras.Model))


@pytest.mark.slow
def test_every_corner_builds_without_weights_on_every_input(kit):
    for shape in kit.SHAPES:
        graph = kit.graph(PretrainedResNetBlock(name="net"), [shape])
        for architecture in ("resnet20", "resnet18"):
            for upscaling in (1, 2):
                values = {"net/architecture": architecture, "net/upscaling": upscaling}
                model, hp = kit.build(graph, values)
                assert hp.values == values
                assert trunk_of(model).name == f"net_{architecture}"
                assert trunk_of(model).input_shape[-1] == shape[-1]
        kit.finite_probabilities(model)


def two_convolutions(shape, name):
    """A trunk with a first convolution and a last stage, quick to build."""
    inputs = keras.Input(shape)
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv1_conv")(inputs)
    x = keras.layers.Conv2D(6, 3, strides=2, name="stage3_conv")(x)
    return keras.Model(inputs, x, name=name)


def test_every_corner_builds_with_weights_on_every_input(
    kit, trained, tmp_path, monkeypatch
):
    quick = Architecture(two_convolutions, "conv1_conv", "stage3_", ())
    monkeypatch.setitem(ARCHITECTURES, "quick", quick)
    path = tmp_path / "quick.weights.h5"
    two_convolutions((32, 32, 10), "quick").save_weights(path)
    record = weight_files.from_file(path, "quick", SO2SAT, trained[1].scaling)
    for bands in (
        None,
        ["B01"],
        ["R", "G", "B"],
        ["VV", "VH", "B04", "B08"],
        SO2SAT,
        [*SO2SAT, *(b.name for b in SENTINEL1_SO2SAT.bands)],
    ):
        for side in (32, 64):
            shape = (side, side, len(bands or SO2SAT))
            graph = kit.graph(PretrainedResNetBlock(weights=record), [shape], bands)
            for _, model in kit.corners(graph):
                assert trunk_of(model).output_shape[-1] == 6
            kit.finite_probabilities(model)


def test_the_space_is_the_documented_one(kit, trained):
    def space(block, bands, values=None):
        _, hp = kit.build(kit.graph(block, [(32, 32, len(bands))], bands), values or {})
        return {p.name.split("/")[1]: (list(p.values), p.default) for p in hp.space}

    upscaling = {"upscaling": ([1, 2], 1)}
    assert space(PretrainedResNetBlock(), SO2SAT) == {
        "architecture": (["resnet20", "resnet18"], "resnet20"),
        **upscaling,
    }
    freeze = {"freeze": (["nothing", "all_but_last_stage", "all"], "nothing")}
    factor = {"learning_rate_factor": ([1.0, 0.3, 0.1], 0.1)}
    adaptation = {"adaptation": (["by_band", "project"], "by_band")}
    record = trained[1]
    block = PretrainedResNetBlock(weights=record)
    assert space(block, SO2SAT) == {**upscaling, **freeze, **factor}
    assert (
        space(PretrainedResNetBlock(weights=record), SO2SAT[::-1]).keys()
        == (upscaling | freeze | factor).keys()
    )
    assert space(PretrainedResNetBlock(weights=record), ["B02", "VV"]) == {
        **adaptation,
        **upscaling,
        **freeze,
        **factor,
    }
    frozen = PretrainedResNetBlock(weights=record, name="net")
    assert space(frozen, SO2SAT, {"net/freeze": "all"}) == {**upscaling, **freeze}
    assert space(PretrainedResNetBlock(weights=record, **FIXED), ["B02"]) == {}


def test_its_own_bands_give_the_original_features(kit, trained):
    trunk, record = trained
    pixels = np.random.default_rng(1).uniform(0, 0.4, (2, 32, 32, 10)).astype("float32")
    theirs = np.asarray(trunk(pixels))
    for order in (SO2SAT, SO2SAT[::-1]):
        graph = kit.graph(
            PretrainedResNetBlock(weights=record, **FIXED), [(32, 32, 10)], order
        )
        model, _ = kit.build(graph, {})
        mine = pixels if order is SO2SAT else pixels[..., ::-1]
        features = keras.Model(model.inputs, _features(model))
        np.testing.assert_allclose(features([mine]), theirs, rtol=1e-3, atol=1e-3)


def _features(model):
    """Returns the output of the nested trunk in the graph."""
    trunk = trunk_of(model)
    return trunk._inbound_nodes[-1].outputs[0]


@pytest.mark.parametrize(
    ("freeze", "trains"),
    [
        ("nothing", {"conv1", "stage1", "stage2", "stage3"}),
        ("all_but_last_stage", {"stage3"}),
        ("all", set()),
    ],
)
def test_frozen_parts_do_not_train(freeze, trains, kit, trained):
    block = PretrainedResNetBlock(
        weights=trained[1], **{**FIXED, "freeze": freeze, "learning_rate_factor": 0.3}
    )
    model, _ = kit.build(kit.graph(block, [(32, 32, 10)], SO2SAT), {})
    trunk = trunk_of(model)
    names = {n.name.split("_")[0] for n in trunk.layers if n.trainable_weights}
    assert names == trains
    assert block.learning_rate_factors == ({trunk.name: 0.3} if trains else {})
    # Batch normalisation of a frozen layer keeps its statistics in training too.
    before = {n.name: n.get_weights() for n in trunk.layers}
    model([np.ones((4, 32, 32, 10), "float32")], training=True)
    for layer in trunk.layers:
        changed = any(
            (a != b).any()
            for a, b in zip(layer.get_weights(), before[layer.name], strict=True)
        )
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        assert changed == (is_norm and layer.name.split("_")[0] in trains)


def test_a_searched_upscaling_keeps_under_the_cap(kit, trained):
    def side(**arguments):
        block = PretrainedResNetBlock("resnet20", name="net", **arguments)
        graph = kit.graph(block, [(32, 32, 4)])
        model, hp = kit.build(graph, {"net/upscaling": 2})
        assert arguments.get("upscaling") or hp.values["net/upscaling"] == 2
        return trunk_of(model).input_shape[1], count(trunk_of(model)).macs

    side_of_two, macs = side()
    assert side_of_two == 64
    assert macs <= 500_000_000
    assert side(max_macs=macs)[0] == 64
    assert side(max_macs=macs - 1)[0] == 32
    assert side(max_macs=macs - 1, upscaling=3)[0] == 96


def test_features_are_projected(kit, trained):
    def wiring(pixels):
        features = PretrainedResNetBlock("resnet20", upscaling=1)(pixels)
        return PretrainedResNetBlock(weights=trained[1], name="net")(features)

    model, hp = kit.build(kit.graph(wiring, [(32, 32, 6)]), {})
    assert "net/adaptation" not in hp.values
    assert model.get_layer("net_project").output.shape[-1] == 10
    kit.finite_probabilities(model)


def test_a_path_is_a_network_of_the_inputs_bands(kit, trained):
    trunk, record = trained
    block = PretrainedResNetBlock("resnet20", weights=record.file, **FIXED)
    model, _ = kit.build(kit.graph(block, [(32, 32, 10)], SO2SAT), {})
    np.testing.assert_array_equal(
        trunk_of(model).get_layer("conv1_conv").get_weights()[0],
        trunk.get_layer("conv1_conv").get_weights()[0],
    )
    with pytest.raises(UserError, match="4 bands"):
        kit.build(
            kit.graph(PretrainedResNetBlock("resnet20", record.file), [(32, 32, 4)]), {}
        )


def test_imagenet_on_ten_bands_where_stock_autokeras_raises(kit, tmp_path, monkeypatch):
    """Trap 7, through the loading code of `keras.applications`."""
    theirs = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    path = tmp_path / "notop.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, theirs)
    monkeypatch.setattr(file_utils, "get_file", lambda *args, **kwargs: str(path))
    weight_files._load_layers.cache_clear()

    stock = ak.ResNetBlock(version="v1", pretrained=True)
    with pytest.raises(ValueError, match="1 or 3 channels"):
        stock.build(keras_tuner.HyperParameters(), keras.Input((32, 32, 10)))

    block = PretrainedResNetBlock(
        weights="imagenet-resnet50", **{**FIXED, "freeze": "all"}
    )
    model, _ = kit.build(kit.graph(block, [(32, 32, 10)], SO2SAT), {})
    weight_files._load_layers.cache_clear()
    trunk = trunk_of(model)
    for layer in theirs.layers:
        if not layer.weights:
            continue
        mine = trunk.get_layer(layer.name).get_weights()
        for a, b in zip(layer.get_weights(), mine, strict=True):
            if layer.name == "conv1_conv" and a.ndim == 4:
                assert b.shape == (7, 7, 10, 64)
                np.testing.assert_allclose(a.sum(axis=2), b.sum(axis=2), atol=1e-5)
            else:
                np.testing.assert_array_equal(a, b)
    kit.finite_probabilities(model)


def test_three_unknown_bands_are_red_green_and_blue():
    block = PretrainedResNetBlock(weights="imagenet-resnet50")
    block(ImageInput("image"))
    given = block._given_bands(keras.Input((8, 8, 3)))
    assert [(b.name, b.quantity) for b in given] == [
        (b.name, "unknown") for b in RGB.bands
    ]


def test_config_comes_back_from_json(kit, trained):
    for arguments in (
        {},
        {"weights": "lcz42-resnet20-s2", **FIXED, "bands": SO2SAT},
        {"weights": trained[1], "max_macs": 7},
        {"architecture": "resnet20", "weights": trained[1].file},
    ):
        block = PretrainedResNetBlock(name="net", **arguments)
        config = block.get_config()
        assert json.loads(json.dumps(config)) == json.loads(
            json.dumps(kit.round_trip(block).get_config())
        )
        again = PretrainedResNetBlock.from_config(json.loads(json.dumps(config)))
        assert again.weights == block.weights


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"architecture": "resnet19"}, "architecture: expected one of"),
        ({"weights": "nowhere.h5"}, "lcz42-resnet20-s2.*'nowhere.h5'"),
        (
            {"weights": "lcz42-resnet20-s2", "architecture": "resnet18"},
            "expected architecture 'resnet20'.*leave it out",
        ),
        ({"weights": __file__}, "expected an architecture with the weight file"),
        ({"adaptation": "mean"}, "adaptation: expected one of"),
        ({"freeze": "half"}, "freeze: expected one of"),
        ({"upscaling": 0}, "upscaling: expected a number from 1"),
        ({"learning_rate_factor": 0.0}, "freeze='all' trains nothing"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        PretrainedResNetBlock(**arguments)


def test_by_band_needs_pixels(kit, trained):
    def wiring(pixels):
        first = PretrainedResNetBlock("resnet20", upscaling=1)(pixels)
        return PretrainedResNetBlock(weights=trained[1], adaptation="by_band")(first)

    with pytest.raises(UserError, match=r"found features.*adaptation='project'"):
        kit.build(kit.graph(wiring, [(32, 32, 4)]), {})
