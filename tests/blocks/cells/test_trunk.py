"""Operations, cells and trunks: shapes, weights, multiply-adds."""

import re

import keras
import pytest

from autoai4eo.blocks.cells import found
from autoai4eo.blocks.cells.operations import chained, operation
from autoai4eo.blocks.cells.trunk import trunk
from autoai4eo.cost import profile
from autoai4eo.networks.genotype import NONE, OPERATIONS, Architecture, Genotype

CELL = found.genotype("darts-v2")


def network(shape, architecture, **how):
    inputs = keras.Input(shape)
    return keras.Model(inputs, trunk(inputs, architecture, "t", **how)[-1])


@pytest.mark.parametrize(
    ("kind", "params", "macs"),
    # of 8 channels on 5×5 pixels; k×k·8 depthwise, 8·8 pointwise, 4·8 of normalisation
    [
        ("skip_connect", 0, 0),
        ("sep_conv_3x3", 2 * (72 + 64 + 32), 2 * 25 * (72 + 64)),
        ("sep_conv_5x5", 2 * (200 + 64 + 32), 2 * 25 * (200 + 64)),
        ("dil_conv_3x3", 72 + 64 + 32, 25 * (72 + 64)),
        ("dil_conv_5x5", 200 + 64 + 32, 25 * (200 + 64)),
        ("avg_pool_3x3", 32, 0),
        ("max_pool_3x3", 32, 0),
    ],
)
def test_operations_have_the_weights_and_multiply_adds_of_darts(kind, params, macs):
    features = keras.Input((5, 5, 8))
    output = chained(operation(kind, 8, "o"), features)
    assert output.shape == features.shape
    if kind != "skip_connect":
        cost = profile(keras.Model(features, output), latency=False)
        assert (cost.params, cost.macs) == (params, macs)


@pytest.mark.parametrize("size", [32, 33, 15, 1])
def test_each_block_after_the_first_halves_the_size(size):
    inputs = keras.Input((size, size, 3))
    ends = trunk(inputs, Architecture(CELL, (1, 2, 1), 4), "t")
    wanted = [size, (size + 1) // 2, (size + 3) // 4]
    assert [end.shape[1:] for end in ends] == [
        (n, n, 4 * 4 * 2**i) for i, n in enumerate(wanted)
    ]


def genotype_in(model, cell):
    """Reads a cell's pairs from the names of the layers of its operations."""
    pairs: dict[int, dict[int, set[str]]] = {}
    for layer in model.layers:
        found_in = re.fullmatch(rf"{cell}_node(\d)_from(\d)_(.*)", layer.name)
        if found_in:
            node, before, part = found_in.groups()
            pairs.setdefault(int(node), {}).setdefault(int(before), set()).add(part)
    return pairs


def test_a_network_has_the_operations_of_its_genotype():
    kinds = [k for k in OPERATIONS if k not in (NONE, "skip_connect")]
    nodes = tuple(((kinds[i], 0), (kinds[(i + 3) % len(kinds)], 1)) for i in range(4))
    model = network((8, 8, 3), Architecture(Genotype(nodes), (2,), 4))
    for cell in ("t_block1_cell1", "t_block1_cell2"):
        known = genotype_in(model, cell)
        for i, pairs in enumerate(nodes, 2):
            for kind, before in pairs:
                parts = known[i][before]
                assert ("pool" in parts) == ("pool" in kind)
                assert ("2_pointwise" in parts) == kind.startswith("sep")
                if "conv" in kind:
                    name = f"{cell}_node{i}_from{before}_1_depthwise"
                    layer = model.get_layer(name)
                    assert layer.kernel_size[0] == int(kind[-1])
                    dilation = 2 if kind.startswith("dil") else 1
                    assert layer.dilation_rate[0] == dilation


def test_multiply_adds_of_a_network_by_hand():
    node = (("skip_connect", 0), ("dil_conv_3x3", 1))
    model = network((8, 8, 3), Architecture(Genotype((node,)), (1,), 4))
    stem = 64 * 9 * 3 * 4
    inputs = 2 * 64 * 4 * 4
    dilated = 64 * (9 * 4 + 4 * 4)
    assert profile(model, latency=False).macs == stem + inputs + dilated


def test_a_node_without_an_operation_is_zero():
    model = network((4, 4, 3), Architecture(Genotype(((("none", 0),),)), (1,), 2))
    assert not model.predict(keras.ops.ones((1, 4, 4, 3)), verbose=0).any()


def test_paths_are_dropped_in_training_only():
    model = network((8, 8, 3), Architecture(CELL, (1,), 4), drop_path=0.5)
    dropped = [layer for layer in model.layers if layer.name.endswith("_drop")]
    assert len(dropped) == sum(k != "skip_connect" for n in CELL.nodes for k, _ in n)
    pixels = keras.random.normal((2, 8, 8, 3))
    one, two = (model(pixels, training=False) for _ in range(2))
    assert keras.ops.all(one == two)
