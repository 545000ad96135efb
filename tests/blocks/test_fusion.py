"""The fusion of sensors: its space, its corners, its sizes."""

import itertools

import keras
import numpy as np
import pytest

from autoai4eo.blocks import MultispectralStem, SensorFusion
from autoai4eo.errors import UserError

KINDS = ["early", "mid", "late"]
MERGES = ["concat", "sum", "gated"]


def fused(model, name):
    """The tensor that the head's pooling is given."""
    return model.get_layer(name).input


def test_every_corner_builds_on_every_pair_of_pixels(kit):
    shapes = kit.SHAPES
    for one, two in zip(shapes, shapes[1:] + shapes[:1], strict=True):
        graph = kit.graph(lambda *x: SensorFusion(name="fusion")(x), [one, two])
        pool = f"{graph.blocks[-1].name}_pool"
        for values, model in kit.corners(graph):
            kind = values.get("fusion/kind", "early")
            side = 8 if kind == "late" else min(one[0], two[0])
            assert fused(model, pool).shape[1:3] == (side, side)
        kit.finite_probabilities(model)


@pytest.mark.parametrize(("kind", "merge"), list(itertools.product(KINDS, MERGES)))
def test_every_pair_of_choices_joins_stems_of_different_sizes(kit, kind, merge):
    graph = kit.graph(
        lambda a, b, c: SensorFusion(kind, merge, name="fusion")(
            [
                MultispectralStem("none", filters=16, strides=1)(a),
                MultispectralStem("none", filters=24, strides=2)(b),
                c,
            ]
        ),
        [(32, 32, 10), (32, 32, 8), (24, 24, 1)],
    )
    model, hp = kit.build(graph, {})
    assert not any(name.startswith("fusion") for name in hp.values)
    features = fused(model, f"{graph.blocks[-1].name}_pool")
    # In the late trunks 32 and 24 px take two stages, 16 px takes one.
    widths = {"early": [24], "mid": [24, 24, 24], "late": [48, 24, 48]}[kind]
    channels = sum(widths) if merge == "concat" else max(widths)
    side = {"early": 16, "mid": 16, "late": 6}[kind]
    assert features.shape == (None, side, side, channels)
    kit.finite_probabilities(model)


def test_the_space_is_the_documented_one(kit):
    graph = kit.graph(
        lambda *x: SensorFusion(name="fusion")(x), [(32, 32, 10), (32, 32, 8)]
    )
    _, hp = kit.build(graph, {})
    assert {p.name: list(p.values) for p in hp.space} == {
        "fusion/kind": KINDS,
        "fusion/merge": MERGES,
    }


def test_one_input_passes_through_and_pixels_are_still_standardised(kit):
    graph = kit.graph(SensorFusion(name="fusion"), [(32, 32, 3)])
    model, hp = kit.build(graph, {})
    assert not hp.values
    features = keras.Model(model.inputs, fused(model, f"{graph.blocks[-1].name}_pool"))
    patch = np.full((1, 32, 32, 3), 0.5, "float32")
    np.testing.assert_allclose(features([patch]), (patch - 0.1) / 0.2, rtol=1e-5)


def test_gates_are_between_0_and_1_and_weigh_channels(kit):
    graph = kit.graph(
        lambda *x: SensorFusion("mid", "gated", name="fusion")(x),
        [(32, 32, 10), (32, 32, 2)],
    )
    model, _ = kit.build(graph, {})
    layer = model.get_layer("fusion_gate1")
    taps = keras.Model(model.inputs, [*layer.input, layer.output])
    rng = np.random.default_rng(0)
    features, gate, weighed = taps(
        [rng.random((2, *t.shape[1:])) for t in model.inputs]
    )
    gate = keras.ops.convert_to_numpy(gate)
    assert gate.shape == (2, 1, 1, 16)
    assert ((gate > 0) & (gate < 1)).all()
    np.testing.assert_allclose(weighed, features * gate, rtol=1e-5)


def test_hundreds_of_bands_do_not_make_hundreds_of_filters(kit):
    graph = kit.graph(
        lambda *x: SensorFusion("early", "concat")(x), [(32, 32, 200), (32, 32, 2)]
    )
    model, _ = kit.build(graph, {})
    assert fused(model, f"{graph.blocks[-1].name}_pool").shape[-1] == 16


def test_config_round_trip(kit):
    fusion = SensorFusion("late", "gated", name="fusion")
    assert kit.round_trip(fusion).get_config() == fusion.get_config()


def test_wrong_arguments_are_refused():
    with pytest.raises(UserError, match="kind: expected one of 'early', 'mid', 'late'"):
        SensorFusion(kind="middle")
    with pytest.raises(UserError, match="merge: expected one of 'concat'"):
        SensorFusion(merge="mean")
