"""Blocks tell which of their hyperparameters mean something for a network."""

import keras
import pytest

from autoai4eo.blocks import EOImageBlock, UNetDecoder
from autoai4eo.blocks.backbones.resnets import ARCHITECTURES, Architecture
from autoai4eo.blocks.pretrained_weights import files as weight_files
from autoai4eo.blocks.pretrained_weights.catalogue import Scaling
from autoai4eo.cost.registry import has_rule
from autoai4eo.networks.fingerprint import fingerprint

CHOICES = {"EOImageBlock": 4, "segmenter": 8}
BANDS = ["B02", "B03", "B04", "B08"]
STEM = ["band_dropout", "indices", "kernel_size", "spectral_mixing"]


@pytest.mark.parametrize(
    "name", ["EOImageBlock", pytest.param("segmenter", marks=pytest.mark.slow)]
)
def test_every_network_has_the_hyperparameters_that_its_values_ask_for(kit, name):
    """Otherwise a strategy varies what a network does not have, and repeats it."""
    shape = (32, 32, 3)
    if name == "segmenter":
        graph = kit.segmenter([shape], levels=4)
    else:
        graph = kit.graph(EOImageBlock(), [shape])
    built = []
    for seed in range(CHOICES[name]):
        values, _ = kit.sampled(graph, seed)
        built.append(kit.build(graph, values)[1])
    assert_asked_is_active(built)


def assert_asked_is_active(built):
    known = {str(one.get_config()): one for hp in built for one in hp.space}
    assert len({one.name for one in known.values()}) == len(known)
    for hp in built:
        active = {
            one.name
            for one in known.values()
            if all(condition.is_active(hp.values) for condition in one.conditions)
        }
        asked = {one.name for one in hp.space if hp.is_active(one)}
        assert active == asked


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Those of a network with features at strides 2 and 4."""

    def small(shape, name):
        inputs = x = keras.Input(shape)
        for stage in (1, 2):
            convolution = keras.layers.Conv2D(4, 3, 2, "same", name=f"stage{stage}_out")
            x = convolution(x)
        return keras.Model(inputs, x, name=name)

    ends = ("stage1_out", "stage2_out")
    quick = Architecture(small, "stage1_out", "stage2_", ends)
    monkeypatch.setitem(ARCHITECTURES, "quick", quick)
    small((32, 32, 4), "quick").save_weights(tmp_path / "quick.weights.h5")
    scaling = Scaling(None, (0.0,) * 4, (1.0,) * 4, (0.0,) * 4)
    path = tmp_path / "quick.weights.h5"
    return weight_files.from_file(path, "quick", BANDS, scaling)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("inputs", "levels", "used"),
    [
        (1, 2, []),
        (1, 3, ["width", "depth"]),
        (2, 2, ["width", "depth", *(f"pyramid_stem_1/{name}" for name in STEM)]),
    ],
)
def test_transfer_has_what_its_network_leaves_to_be_chosen(
    kit, weights, inputs, levels, used
):
    graph = kit.segmenter(
        [(16, 16, 4)] * inputs,
        UNetDecoder(8, 1, False),
        bands=BANDS,
        levels=levels,
        weights=weights,
    )
    freeze = "pyramid/pyramid_transfer/freeze"
    transfer = {"pyramid/family": "transfer"}
    built, networks = [], []
    for values in (
        {},
        {**transfer, freeze: "all"},
        {**transfer, "pyramid/width": 8},
        {**transfer, "pyramid/width": 48},
    ):
        model, hp = kit.build(graph, values)
        networks.append(fingerprint(model, has_rule))
        built.append(hp)
    assert_asked_is_active(built)
    asked = {one.name for one in hp.space if hp.is_active(one)} - {"head/dropout"}
    own = {f"pyramid_transfer/{name}" for name in ("freeze", "learning_rate_factor")}
    assert asked == {f"pyramid/{name}" for name in ("family", *own, *used)}
    # otherwise nine values of width and depth would be one network
    assert (networks[-1] != networks[-2]) == ("width" in used)
