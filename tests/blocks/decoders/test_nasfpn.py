"""NAS-FPN: its values against NumPy, its space."""

import keras
import numpy as np
import pytest
from keras_tuner import HyperParameters

from autoai4eo.blocks import MergingCell, NASFPNBlock
from autoai4eo.errors import UserError
from autoai4eo.networks.fingerprint import fingerprint

CHANNELS = 3
SHRUNK = 1 / np.sqrt(1 + 1e-3)  # of a batch normalisation that has seen nothing
#: All operations, each up and down, equal levels; level 2 is used by no cell.
CELLS = [
    MergingCell(1, 0, 1, "attention"),
    MergingCell(0, 3, 0, "concat"),
    MergingCell(4, 1, 2, "sum"),
    MergingCell(1, 3, 1, "attention"),
]


def build(shapes, **arguments):
    """A model of the block alone on levels of these sizes."""
    block = NASFPNBlock(name="n", **arguments)
    inputs = [keras.Input((*size, CHANNELS)) for size in shapes]
    return keras.Model(inputs, block.build(HyperParameters(), inputs))


def make_transparent(model):
    """Sets all convolutions to the identity, or the mean of two concatenated."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape, "float32")
            middle = kernel[kernel.shape[0] // 2, kernel.shape[1] // 2]
            groups = middle.shape[0] // CHANNELS
            middle[:] = np.tile(np.eye(CHANNELS), (groups, 1)) / groups
            layer.set_weights([kernel])


def at_size(x, size):
    """NumPy: enlarged by repetition and cropped, or the maximum of blocks."""
    height, width, _ = x.shape
    if height < size[0]:
        factor = 2
        while height * factor < size[0]:
            factor *= 2
        return x.repeat(factor, 0).repeat(factor, 1)[: size[0], : size[1]]
    factor = 1
    while -(-height // factor) > size[0]:
        factor *= 2
    rows = [x[i : i + factor] for i in range(0, height, factor)]
    return np.array(
        [
            [row[:, j : j + factor].max((0, 1)) for j in range(0, width, factor)]
            for row in rows
        ]
    )


def twin(levels, cells):
    """The output of each level, in NumPy, with transparent convolutions."""
    features = [x * SHRUNK for x in levels]
    size = [x.shape[:2] for x in levels]
    of = list(range(len(levels)))
    used = set()
    for cell in cells:
        pair = [cell.first, cell.second]
        used.update(pair)
        if of[pair[0]] < of[pair[1]]:
            pair.reverse()
        coarse, fine = (at_size(features[i], size[cell.level]) for i in pair)
        merged = {
            "sum": lambda c, f: c + f,
            "attention": lambda c, f: c + f / (1 + np.exp(-c.max((0, 1)))),
            "concat": lambda c, f: (c + f) / 2,
        }[cell.operation](coarse, fine)
        features.append(np.maximum(merged, 0) * SHRUNK)
        of.append(cell.level)
    outputs = []
    for level in range(len(levels)):
        own = [i for i, its in enumerate(of) if its == level]
        kept = [i for i in own if i not in used or i == own[-1]]
        outputs.append(sum(features[i] for i in kept))
    return outputs


@pytest.fixture
def levels():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(*s, CHANNELS)) for s in [(13, 9), (7, 5), (4, 3)]]


def test_the_values_are_those_of_the_papers_rule(levels):
    model = build(
        [x.shape[:2] for x in levels],
        channels=CHANNELS,
        cells=CELLS,
        repeats=1,
        separable=False,
    )
    make_transparent(model)
    names = ["n_pyramid1_cell2_bn", "n_pyramid1_cell4_bn", "n_pyramid1_level3"]
    inner = keras.Model(model.inputs, [model.get_layer(n).output for n in names])
    found = inner([x[None].astype("float32") for x in levels])
    for got, expected in zip(found, twin(levels, CELLS), strict=True):
        np.testing.assert_allclose(np.asarray(got)[0], expected, atol=1e-5)


def test_a_second_pyramid_starts_from_the_outputs_of_the_first(levels):
    model = build(
        [x.shape[:2] for x in levels],
        channels=CHANNELS,
        cells=CELLS,
        repeats=2,
        separable=False,
    )
    make_transparent(model)
    end = keras.Model(model.inputs, model.get_layer("n_pyramid2_level3").output)
    found = np.asarray(end([x[None].astype("float32") for x in levels]))[0]
    once = [x / SHRUNK for x in twin(levels, CELLS)]  # no 1×1 convolution between
    np.testing.assert_allclose(found, twin(once, CELLS)[2], atol=1e-5)


def test_the_space_is_the_same_for_every_choice(kit):
    spaces = []
    for cells in (3, 7):
        graph = kit.segmenter([(33, 33, 3)], NASFPNBlock(name="n"), width=8)
        _, hp = kit.build(graph, {"n/cells": cells, "n/cell_1_first": "stride_2"})
        spaces.append(
            {p.name: list(p.values) for p in hp.space if p.name.startswith("n/")}
        )
    assert spaces[0] == spaces[1]
    space = spaces[0]
    assert len(space) == 4 + 4 * 7
    strides = ["stride_2", "stride_4", "stride_8", "stride_16", "stride_32"]
    assert space["n/cell_1_first"] == space["n/cell_1_second"] == strides
    assert space["n/cell_3_second"] == [*strides, "cell_1", "cell_2"]
    assert space["n/cell_7_level"] == strides
    assert space["n/cell_7_operation"] == ["sum", "attention", "concat"]


def test_cells_given_by_hand_are_those_of_the_same_choices(kit):
    given = [MergingCell(4, 0, 1, "attention"), *CELLS[1:3]]
    given[1] = MergingCell(0, 5, 0, "concat")
    given[2] = MergingCell(6, 1, 2, "sum")
    choices = {
        "cells": 3,
        "cell_1_first": "stride_32",
        "cell_1_second": "stride_2",
        "cell_1_level": "stride_4",
        "cell_1_operation": "attention",
        "cell_2_first": "stride_2",
        "cell_2_second": "cell_1",
        "cell_2_level": "stride_2",
        "cell_2_operation": "concat",
        "cell_3_first": "cell_2",
        "cell_3_second": "stride_4",
        "cell_3_level": "stride_8",
        "cell_3_operation": "sum",
    }
    found = []
    for block, values in (
        (NASFPNBlock(16, given, 2, True, name="n"), {}),
        (
            NASFPNBlock(16, None, 2, True, name="n"),
            {f"n/{k}": v for k, v in choices.items()},
        ),
    ):
        graph = kit.segmenter([(33, 33, 3)], block, width=8)
        model, _ = kit.build(graph, values)
        found.append(fingerprint(model))
    assert found[0] == found[1]


def test_the_same_feature_twice_means_the_next_one(kit):
    graph = kit.segmenter([(33, 33, 3)], NASFPNBlock(name="n"), width=8)
    twice = {"n/cells": 3, "n/cell_1_first": "stride_32"}
    found = []
    for second in ("stride_32", "stride_2", "stride_4"):
        model, _ = kit.build(graph, {**twice, "n/cell_1_second": second})
        found.append(fingerprint(model))
    assert found[0] == found[1] != found[2]


def test_more_pyramids_and_separable_convolutions_change_the_cost():
    def macs(**arguments):
        sizes = [(32, 32), (16, 16)]
        model = build(sizes, channels=16, cells=[CELLS[0]], **arguments)
        return sum(
            np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape)
            for layer in model.layers
            if hasattr(layer, "kernel")
        )

    one, two, three = (macs(repeats=n, separable=False) for n in (1, 2, 3))
    assert two - one == three - two == 16 * 16 * 9 * 16 * 16
    light = macs(repeats=1, separable=True)
    assert one - light == 16 * 16 * (9 * 16 * 16 - 9 * 16 - 16 * 16)


def test_wrong_arguments_are_refused(kit):
    with pytest.raises(UserError, match="channels: expected a number from 1"):
        NASFPNBlock(channels=0)
    with pytest.raises(UserError, match="expected first, second, level, operation of"):
        NASFPNBlock(cells=[{"first": 0}])
    with pytest.raises(UserError, match="two different features"):
        NASFPNBlock(cells=[MergingCell(1, 1, 0, "sum")])
    graph = kit.segmenter(
        [(9, 9, 3)], NASFPNBlock(cells=[MergingCell(1, 4, 0, "sum")]), levels=2
    )
    with pytest.raises(UserError, match="for a pyramid of 2 levels, got 1, 4"):
        kit.build(graph, {})


def test_config_round_trip(kit):
    block = NASFPNBlock(32, CELLS, 2, True, name="n")
    again = kit.round_trip(block)
    assert again.get_config() == block.get_config()
    assert again.cells == CELLS
    assert kit.round_trip(NASFPNBlock()).cells is None
