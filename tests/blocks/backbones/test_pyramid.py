"""The feature pyramid: its levels for any tile, its families, its sensors."""

import math

import autokeras as ak
import keras
import keras_tuner
import numpy as np
import pytest

from autoai4eo.blocks import FeaturePyramid, ImageInput, MultispectralStem, UNetDecoder
from autoai4eo.blocks.backbones.pyramid import possible_levels
from autoai4eo.blocks.backbones.resnets import ARCHITECTURES, build_trunk
from autoai4eo.blocks.pretrained_weights import files as weight_files
from autoai4eo.blocks.pretrained_weights.catalogue import CATALOGUE
from autoai4eo.errors import UserError

RADAR = ["VV", "VH"]
OPTICAL = ["B02", "B03", "B04", "B08"]


def levels(shapes, values=None, bands=(), **arguments):
    """The pyramid's features for inputs of these shapes, the block, the model."""
    nodes = [
        ImageInput(f"i{k}", bands=names, mean=[0.1] * s[-1], std=[0.2] * s[-1])
        for k, (s, names) in enumerate(
            zip(shapes, bands or [None] * len(shapes), strict=True)
        )
    ]
    block = FeaturePyramid(name="p", **arguments)
    block(nodes)
    hp = keras_tuner.HyperParameters()
    hp.values.update(values or {})
    inputs = [keras.Input(s) for s in shapes]
    model = keras.Model(inputs, block.build(hp, inputs))
    return model.outputs, block, model


def sizes(features):
    return [tuple(f.shape[1:3]) for f in features]


@pytest.mark.parametrize(
    ("side", "expected"),
    [(33, 5), (32, 4), (17, 4), (16, 3), (9, 3), (8, 2), (5, 2), (4, 1), (2, 0)],
)
def test_a_level_needs_two_pixels(side, expected):
    assert possible_levels(side, 300) == possible_levels(300, side) == expected


@pytest.mark.parametrize("family", ["residual", "inverted", "compact"])
def test_each_level_has_half_the_size_rounded_up(family):
    found, *_ = levels([(225, 120, 3)], {"p/family": family})
    assert sizes(found) == [(113, 60), (57, 30), (29, 15), (15, 8), (8, 4)]
    channels = [16, 32, 64, 128, 256 if family == "compact" else 128]
    assert [f.shape[-1] for f in found] == channels


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_the_ends_of_residual_networks_are_its_levels(architecture):
    trunk = build_trunk(architecture, (101, 64, 3), "net")
    ends = [
        trunk.get_layer(name).output.shape[1:3]
        for name in ARCHITECTURES[architecture].ends
    ]
    assert ends == [
        (math.ceil(101 / 2**i), math.ceil(64 / 2**i)) for i in range(1, len(ends) + 1)
    ]
    assert len(ends) == (2 if architecture == "resnet20" else 5)
    assert trunk.output.shape[1:3] == ends[-1]


def test_a_coarser_sensor_is_enlarged_and_each_reaches_every_level():
    shapes = [(60, 61, 10), (30, 31, 2), (45, 61, 1)]
    rng = np.random.default_rng(0)
    batch = [rng.normal(size=(1, *s)).astype("float32") for s in shapes]
    for family in ("residual", "compact"):
        found, _, model = levels(shapes, {"p/family": family}, levels=3)
        assert sizes(found) == [(30, 31), (15, 16), (8, 8)]
        before = model(batch)
        for i, pixels in enumerate(batch):
            other = [*batch[:i], pixels + 1, *batch[i + 1 :]]
            for one, two in zip(before, model(other), strict=True):
                assert np.abs(np.asarray(one) - np.asarray(two)).max() > 1e-4


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """The record of ResNet-20 and -18 weights for four optical bands."""

    def save(architecture):
        path = tmp_path_factory.mktemp("weights") / "trunk.weights.h5"
        build_trunk(architecture, (32, 32, 4), "trunk").save_weights(path)
        scaling = CATALOGUE["lcz42-resnet20-s2"].scaling
        scaling = type(scaling)(None, (0.0,) * 4, (1.0,) * 4, (0.0,) * 4)
        return weight_files.from_file(path, architecture, OPTICAL, scaling)

    return save


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "architecture", ["resnet20", pytest.param("resnet18", marks=pytest.mark.slow)]
)
def test_pretrained_weights_take_the_sensor_with_their_bands(record, architecture):
    weights = record(architecture)
    shapes, bands = [(40, 40, 2), (75, 75, 4)], [RADAR, OPTICAL]
    found, block, _ = levels(
        shapes, {"p/family": "transfer"}, bands, weights=weights, depth=1
    )
    assert sizes(found) == [(38, 38), (19, 19), (10, 10), (5, 5), (3, 3)]
    assert list(block.learning_rate_factors) == [f"p_transfer_{architecture}"]
    alone, *_ = levels(
        [(75, 75, 4)],
        {"p/family": "transfer"},
        [OPTICAL],
        weights=weights,
        width=8,
    )
    assert sizes(alone) == sizes(found)
    # what the network has, then residual levels
    ends = {"resnet20": [128, 256, 32, 64, 64], "resnet18": [64, 64, 128, 256, 512]}
    assert [f.shape[-1] for f in alone] == ends[architecture]
    levels(shapes, {}, bands, weights=weights)
    assert FeaturePyramid(weights=weights).weights == weights


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_the_pretrained_network_computes_what_it_does_alone(record, kit):
    graph = kit.segmenter(
        [(33, 33, 4)], UNetDecoder(), bands=OPTICAL, weights=record("resnet18")
    )
    values = {
        "pyramid/family": "transfer",
        "pyramid/pyramid_transfer/adaptation": "by_band",
    }
    model, _ = kit.build(graph, values)
    inner = next(n for n in model.layers if isinstance(n, keras.Model))
    whole = build_trunk("resnet18", (33, 33, 4), "whole")
    for layer in inner.layers[1:]:
        whole.get_layer(layer.name).set_weights(layer.get_weights())
    pixels = np.random.default_rng(0).normal(size=(2, 33, 33, 4)).astype("float32")
    np.testing.assert_allclose(inner(pixels)[-1], whole(pixels), atol=1e-5)


def test_the_space_is_the_documented_one(kit):
    graph = kit.segmenter([(33, 33, 3)], UNetDecoder(16, 1, False))
    common = {
        "family": ["residual", "inverted", "compact"],
        "width": [8, 16, 24, 32, 48],
        "depth": [1, 2, 3],
        "pyramid_stem_0/spectral_mixing": ["none", "1x1", "squeeze_excitation"],
        "pyramid_stem_0/kernel_size": ["3", "5", "1+3+5"],
        "pyramid_stem_0/band_dropout": [0.0, 0.1, 0.2],
    }
    own = {
        "residual": {"kernel_size": [3, 5]},
        "inverted": {"kernel_size": [3, 5], "expansion": [2, 4, 6]},
        "compact": {"genotype": ["sentinel2-s+c+d", "sentinel2-s+c", "darts-v2"]},
    }
    for family, further in own.items():
        _, hp = kit.build(graph, {"pyramid/family": family})
        found = {p.name: list(p.values) for p in hp.space if "pyramid" in p.name}
        assert found == {f"pyramid/{k}": v for k, v in {**common, **further}.items()}


def test_features_of_another_block_pass_a_stem_that_does_not_standardise(kit):
    graph = kit.graph(
        lambda pixels: UNetDecoder()(
            FeaturePyramid(levels=2, name="p")(MultispectralStem(strides=1)(pixels))
        ),
        [(16, 16, 3)],
    )
    model, _ = kit.build(graph, {})
    assert sum(isinstance(x, keras.layers.Rescaling) for x in model.layers) == 1


def test_small_tiles_and_wrong_arguments_are_refused(kit):
    with pytest.raises(UserError, match=r"for 5 levels, found 32×40 .*or levels=4"):
        levels([(32, 40, 3)])
    with pytest.raises(UserError, match=r"allow 1; give larger tiles$"):
        levels([(4, 4, 3)], levels=2)
    for arguments in ({"family": "vgg"}, {"width": 0}, {"depth": 0}, {"levels": 1}):
        [name] = arguments
        with pytest.raises(UserError, match=f"{name}: expected"):
            FeaturePyramid(**arguments)
    with pytest.raises(UserError, match="put the block before any flattening"):
        kit.build(
            kit.graph(
                lambda x: UNetDecoder()(FeaturePyramid()(ak.Flatten()(x))),
                [(33, 33, 1)],
            ),
            {},
        )


def test_config_round_trip(kit):
    block = FeaturePyramid("inverted", 8, 2, 5, 6, 3, name="p")
    assert kit.round_trip(block).get_config() == block.get_config()
    assert kit.round_trip(FeaturePyramid()).levels == 5
