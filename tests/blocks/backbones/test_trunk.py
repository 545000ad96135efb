"""The trunk for small patches: its space, its corners, its cap."""

import math

import autokeras as ak
import keras
import pytest

from autoai4eo.blocks import EOImageBlock, MultispectralStem, PooledHead
from autoai4eo.blocks.pretrained_weights.catalogue import find_weights
from autoai4eo.errors import UserError


def weighed_positions(model):
    """Multiply-adds: each kernel's size times the positions where it is applied."""
    total = 0
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            positions = math.prod(layer.output.shape[1:-1])
            total += positions * math.prod(layer.kernel.shape)
    return total


@pytest.mark.slow
def test_every_corner_builds_on_every_input(kit):
    for shape in kit.SHAPES:
        graph = kit.graph(EOImageBlock(name="trunk"), [shape])
        pool = f"{graph.blocks[-1].name}_pool"
        for values, model in kit.corners(graph):
            features = model.get_layer(pool).input
            assert features.shape[1] == features.shape[2] >= 1
            family = values.get("trunk/family")
            of_cells = family == "compact"
            width = values.get(
                "trunk/trunk_compact/channels" if of_cells else "trunk/width", 16
            )
            inverted = family == "inverted"
            assert features.shape[3] == width * (4, 8, 16)[inverted + 2 * of_cells]
            assert weighed_positions(model) <= 50_000_000 + 17 * features.shape[3]
        kit.finite_probabilities(model)


def test_the_space_is_the_documented_one(kit):
    space = {
        "trunk/family": ["residual", "inverted", "compact"],
        "trunk/width": [8, 12, 16, 24, 32],
        "trunk/depth": [1, 2, 3],
        "trunk/kernel_size": [3, 5],
        "trunk/strides": [1, 2],
    }
    graph = kit.graph(EOImageBlock(name="trunk"), [(32, 32, 10)])
    for family, own in {
        "residual": {"trunk/preactivate": [True, False]},
        "inverted": {"trunk/expansion": [2, 4, 6]},
    }.items():
        _, hp = kit.build(graph, {"trunk/family": family})
        assert {p.name: list(p.values) for p in hp.space} == space | own


@pytest.mark.parametrize(
    ("depth", "millions"),
    [(1, 13.53), (3, 41.85), (5, 70.16)],
)
def test_residual_family_has_the_literatures_multiply_adds(kit, depth, millions):
    trunk = EOImageBlock(
        "residual", 16, depth, 3, 1, preactivate=False, max_macs=300_000_000
    )
    model, _ = kit.build(kit.graph(trunk, [(32, 32, 10)]), {})
    assert round(weighed_positions(model) / 1e6, 2) == millions


@pytest.mark.parametrize("family", ["residual", "inverted"])
@pytest.mark.parametrize("side", [31, 64])
def test_the_cap_holds_and_pools_only_where_it_must(kit, family, side):
    def trunk_macs(cap):
        trunk = EOImageBlock(family, 16, 2, 5, 1, False, 4, cap, name="trunk")
        head = PooledHead("average", 0, 0.0, name="head")
        model, _ = kit.build(kit.graph(trunk, [(side, side, 10)], head=head), {})
        names = {layer.name for layer in model.layers}
        last = model.get_layer("head_logits").kernel
        macs = weighed_positions(model) - math.prod(last.shape)
        return macs, "trunk_affordable" in names

    macs, _ = trunk_macs(10**12)
    assert trunk_macs(macs) == (macs, False)
    for cap in (macs - 1, macs // 40):
        cheaper, pooled = trunk_macs(cap)
        assert pooled
        assert cheaper <= cap


def test_a_trunk_over_the_cap_on_one_pixel_is_refused(kit):
    graph = kit.graph(EOImageBlock(max_macs=1000), [(32, 32, 10)])
    with pytest.raises(UserError, match="at most 1,000 MACs"):
        kit.build(graph, {})


def test_features_enter_without_a_first_convolution(kit):
    graph = kit.graph(
        lambda pixels: EOImageBlock(name="trunk")(MultispectralStem()(pixels)),
        [(32, 32, 10)],
    )
    model, hp = kit.build(graph, {})
    assert "trunk/strides" not in hp.values
    names = [layer.name for layer in model.layers]
    assert "trunk_first" not in names
    assert sum(isinstance(x, keras.layers.Rescaling) for x in model.layers) == 1


def test_the_defaults_are_a_small_network(kit):
    for wiring in (
        EOImageBlock(),
        lambda pixels: EOImageBlock()(MultispectralStem()(pixels)),
    ):
        model, _ = kit.build(kit.graph(wiring, [(32, 32, 10)]), {})
        assert 2e6 < weighed_positions(model) < 8e6
        assert model.count_params() < 200_000


def test_preactivated_trunks_end_in_an_activation(kit):
    trunk = EOImageBlock("residual", preactivate=True, name="trunk")
    head = PooledHead("average", 0, 0.0, name="head")
    model, _ = kit.build(kit.graph(trunk, [(32, 32, 3)], head=head), {})
    assert (
        model.get_layer("head_pool").input is model.get_layer("trunk_last_relu").output
    )


def test_transfer_is_a_choice_only_with_weights(kit, shared):
    [file] = (shared / "lcz_weights").glob("S2_RESNET20_*.h5")
    with pytest.raises(UserError, match="family: expected one of"):
        EOImageBlock(family="transfer")
    trunk = EOImageBlock(weights=find_weights("lcz42-resnet20-s2", file))
    assert trunk.families == ("residual", "inverted", "compact", "transfer")
    bands = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    graph = kit.graph(trunk, [(32, 32, 10)], bands)
    model, hp = kit.build(graph, {f"{trunk.name}/family": "transfer"})
    kit.finite_probabilities(model)
    assert trunk.learning_rate_factors
    assert f"{trunk.name}/width" not in hp.values
    assert kit.round_trip(trunk).get_config() == trunk.get_config()
    kit.build(graph, {})
    assert not trunk.learning_rate_factors


def test_config_round_trip(kit):
    trunk = EOImageBlock("inverted", 8, 2, 5, 1, True, 6, 9_000_000, name="trunk")
    assert kit.round_trip(trunk).get_config() == trunk.get_config()
    assert kit.round_trip(EOImageBlock(name="t")).get_config()["weights"] is None


@pytest.mark.parametrize(
    "arguments", [{"family": "vgg"}, {"width": 0}, {"depth": 0}, {"kernel_size": 0}]
)
def test_wrong_arguments_are_refused(arguments):
    [name] = arguments
    with pytest.raises(UserError, match=f"{name}: expected"):
        EOImageBlock(**arguments)


def test_vectors_are_refused(kit):
    graph = kit.graph(lambda pixels: EOImageBlock()(ak.Flatten()(pixels)), [(8, 8, 1)])
    with pytest.raises(UserError, match=r"\(N, height, width, channels\)"):
        kit.build(graph, {})
