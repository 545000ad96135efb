"""Networks made for maps: every one of them shares the work of overlapping windows."""

import keras
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autoai4eo.blocks import EOImageBlock, PooledHead
from autoai4eo.blocks.backbones.units import (
    ConvUnit,
    InvertedUnit,
    ResidualUnit,
    chain,
    chain_macs,
)
from autoai4eo.blocks.backbones.unpadded import FEWEST, fitted, spread, total_strides
from autoai4eo.cost import count
from autoai4eo.errors import UserError
from autoai4eo.networks.dense import dense_classifier

SPACE = {
    "family": ("residual", "inverted"),
    "width": (8, 12, 16, 24, 32),
    "depth": (1, 2, 3),
    "kernel_size": (3, 5),
    "preactivate": (False, True),
    "expansion": (2, 4, 6),
}


def network(kit, values, step, shapes=((32, 32, 4),), **arguments):
    trunk = EOImageBlock(name="trunk", map_step=step, **arguments)
    graph = kit.graph(lambda *inputs: trunk(list(inputs)), shapes)
    return kit.build(graph, {f"trunk/{n}": v for n, v in values.items()})


@pytest.mark.parametrize("step", [8, 10, 12])
def test_every_corner_is_shared_exactly(kit, step):
    trunk = EOImageBlock(name="trunk", map_step=step)
    head = PooledHead(name="head")
    for values, model in kit.corners(kit.graph(trunk, [(32, 32, 4)], head=head)):
        found = dense_classifier(model, step)
        assert found.exact and found.phases == 1
        features = model.get_layer("head_pool").input.shape[1:3]
        assert min(features) >= FEWEST
        assert count(model).macs < 51_000_000
        if "trunk_affordable" not in {layer.name for layer in model.layers}:
            assert found.stride == values.get("trunk/strides", 2)


@settings(deadline=None, max_examples=8, derandomize=True, phases=[Phase.generate])
@given(
    st.fixed_dictionaries({n: st.sampled_from(v) for n, v in SPACE.items()}),
    st.data(),
)
def test_any_network_of_the_space_is_shared_exactly(kit, values, data):
    step = data.draw(st.integers(1, 24), "step")
    shape = (*data.draw(st.tuples(*[st.integers(6, 40)] * 2), "size"), 3)
    strides = data.draw(st.sampled_from(total_strides(step, min(shape[:2]))))
    try:
        model, _ = network(kit, {**values, "strides": strides}, step, [shape])
    except UserError as error:
        assert "raise max_macs" in str(error)
        return
    found = dense_classifier(model, step)
    assert found.exact and found.phases == 1
    rng = np.random.default_rng(0)
    tile = rng.random((1, shape[0] + step, shape[1] + 2 * step, 3), "float32")
    last = tile[:, step:, 2 * step :]
    expected = model.predict_on_batch(last)[0]
    answer = found({"input0": tile})
    assert answer.shape == (1, 2, 3, kit.CLASSES)
    np.testing.assert_allclose(answer[0, 1, 2], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "strides"),
    [(8, [1, 2, 4, 8]), (10, [1, 2, 5, 10]), (12, [1, 2, 3, 4, 6]), (7, [1, 7])],
)
def test_the_total_strides_divide_the_map_step(kit, step, strides):
    _, hp = network(kit, {}, step)
    (space,) = (p for p in hp.space if p.name == "trunk/strides")
    assert list(space.values) == strides


def test_strides_are_spread_and_kernels_fit():
    assert [spread(n, 3) for n in (1, 2, 5, 10, 12, 16)] == [
        [1, 1, 1],
        [2, 1, 1],
        [5, 1, 1],
        [5, 2, 1],
        [3, 2, 2],
        [4, 2, 2],
    ]
    wished = [
        ConvUnit("first", 8, 5, 2),
        ResidualUnit("one", 8, 5),
        ResidualUnit("two", 16, 5, 2),
        InvertedUnit("three", 16, 5),
    ]
    roomy = fitted(wished, 70)
    assert [u.kernel_size for u in roomy] == [5, 5, 5, 5]
    tight = fitted(wished, 24)  # 10, 6 (two of 3×3), 3, 3
    assert [u.kernel_size for u in tight] == [5, 3, 1, 1]
    assert {u.padding for u in tight} == {"valid"}


@pytest.mark.parametrize("unit", [ResidualUnit, InvertedUnit])
def test_the_macs_of_units_without_padding_are_exact(unit):
    units = fitted([ConvUnit("a", 6, 3, 5), unit("b", 8, 5), unit("c", 8, 3, 2)], 70)
    pixels = keras.Input((92, 70, 3))
    model = keras.Model(pixels, chain(units, pixels))
    assert chain_macs(units, 92, 70, 3) == count(model).macs


@pytest.mark.parametrize(("unit", "lost"), [(ResidualUnit, 4), (InvertedUnit, 2)])
def test_shortcuts_are_cropped_to_the_middle(unit, lost):
    image = keras.Input((16, 16, 2))
    model = keras.Model(image, unit("u", 2, 5, padding="valid")(image))
    for weights in model.trainable_weights:
        if "kernel" in weights.path:
            weights.assign(keras.ops.zeros(weights.shape))
    pixels = np.random.default_rng(0).random((1, 16, 16, 2)).astype("float32")
    middle = pixels[:, lost:-lost, lost:-lost]
    np.testing.assert_array_equal(model.predict_on_batch(pixels), middle)


def test_a_strided_shortcut_is_cropped_to_the_middle():
    unit = ResidualUnit("u", 1, 3, 2, padding="valid")
    image = keras.Input((13, 13, 1))
    model = keras.Model(image, unit(image))
    ramp = np.broadcast_to(np.arange(13.0)[:, None, None], (1, 13, 13, 1))
    for weights in model.trainable_weights:
        if "kernel" in weights.path:
            weights.assign(keras.ops.zeros(weights.shape))
    # kernels of 3, then 3 at stride 2: result 0 is of pixels 0 to 6
    found = model.predict_on_batch(ramp)[0, :, 0, 0]
    np.testing.assert_allclose(found, [2.5, 4.5, 6.5, 8.5])


def test_several_inputs_are_concatenated(kit):
    model, _ = network(kit, {}, 8, [(32, 32, 4), (32, 32, 2)])
    found = dense_classifier(model, 8)
    rng = np.random.default_rng(0)
    tile = {
        f"input{i}": rng.random((1, 40, 40, n), "float32") for i, n in [(0, 4), (1, 2)]
    }
    last = [pixels[:, 8:, 8:] for pixels in tile.values()]
    np.testing.assert_allclose(
        found(tile)[0, 1, 1], model.predict_on_batch(last)[0], atol=1e-6
    )
    with pytest.raises(UserError, match="one size"):
        network(kit, {}, 8, [(32, 32, 4), (16, 16, 2)])


def test_unsuitable_inputs_are_refused(kit):
    with pytest.raises(UserError, match=r"at least 3×3 .* got 2×2"):
        network(kit, {}, 8, [(2, 2, 4)])
    with pytest.raises(UserError, match=r"\(1, 2, 4, 8\), got 3"):
        network(kit, {}, 8, strides=3)
    with pytest.raises(UserError, match="without padding"):
        EOImageBlock(map_step=10, weights="lcz42-resnet20-s2")
    block = EOImageBlock(map_step=10, strides=5)
    assert EOImageBlock.from_config(block.get_config()).map_step == 10
