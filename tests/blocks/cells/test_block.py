import json

import autokeras as ak
import keras
import keras_tuner
import numpy as np
import pytest
from autokeras.graph import Graph

from autoai4eo.blocks import CompactCellBlock, EOImageBlock, ImageInput
from autoai4eo.blocks.cells import found
from autoai4eo.cost import profile
from autoai4eo.errors import UserError


def test_the_space_is_the_documented_one(kit):
    graph = kit.graph(CompactCellBlock(name="cells"), [(32, 32, 10)])
    _, hp = kit.build(graph, {})
    assert {p.name: list(p.values) for p in hp.space} == {
        "cells/genotype": list(found.NAMES),
        "cells/depths": [1, 2, 3],
        "cells/channels": [8, 12, 16, 24],
    }
    assert hp.values == {
        "cells/genotype": found.NAMES[0],
        "cells/depths": 1,
        "cells/channels": 16,
    }


def test_it_is_a_family_of_the_image_block(kit):
    graph = kit.graph(EOImageBlock(name="trunk"), [(32, 32, 10)])
    alone = kit.graph(CompactCellBlock(name="trunk"), [(32, 32, 10)])
    own = "trunk/trunk_compact"
    model, hp = kit.build(graph, {"trunk/family": "compact", f"{own}/channels": 8})
    other, _ = kit.build(alone, {"trunk/channels": 8})
    assert {p.name for p in hp.space} == {
        *("trunk/family", f"{own}/genotype", f"{own}/depths", f"{own}/channels")
    }
    assert profile(model, latency=False).macs == profile(other, latency=False).macs


def test_networks_for_maps_have_no_cells():
    assert "compact" not in EOImageBlock(map_step=10).families
    with pytest.raises(UserError, match="'residual', 'inverted', got 'compact'"):
        EOImageBlock(family="compact", map_step=10)


def test_several_inputs_are_concatenated(kit):
    def both(block):
        return lambda *nodes: block(list(nodes))

    block = CompactCellBlock(depths=1, channels=8)
    model, _ = kit.build(kit.graph(both(block), [(8, 8, 2), (8, 8, 4)]), {})
    kit.finite_probabilities(model)
    graph = kit.graph(both(CompactCellBlock()), [(8, 8, 2), (16, 16, 4)])
    with pytest.raises(UserError, match="inputs of one size, got 8×8, 16×16"):
        kit.build(graph, {})


def test_no_choice_needs_more_than_allowed(kit):
    graph = kit.graph(CompactCellBlock(max_macs=1_000_000), [(64, 64, 3)])
    for channels in (8, 24):
        model, _ = kit.build(graph, {"compact_cell_block_1/channels": channels})
        assert profile(model, latency=False).macs < 1_010_000
    graph = kit.graph(CompactCellBlock(max_macs=10), [(8, 8, 3)])
    with pytest.raises(UserError, match="at most 10 MACs"):
        kit.build(graph, {})


def test_a_graph_of_stock_autokeras_builds_it():
    node = ak.ImageInput()
    node.dtype = "float32"
    features = CompactCellBlock(channels=8)(node)
    graph = Graph(node, ak.ClassificationHead(num_classes=3)(features))
    graph.set_io_shapes(([np.array((4, 9, 9, 2))], [np.array((4, 3))]))
    model = graph.build(keras_tuner.HyperParameters())
    assert model.output_shape == (None, 3)
    kinds = {type(layer) for layer in model.layers}
    assert keras.layers.Normalization in kinds  # which AutoKeras adapts


def test_its_configuration_is_json():
    block = CompactCellBlock(genotype="darts-v2", depths=2, channels=8, bands=["B02"])
    config = json.loads(json.dumps(block.get_config()))
    again = CompactCellBlock.from_config(config)
    assert again.get_config() == block.get_config()
    assert again.genotype == found.genotype("darts-v2")
    assert again.depths == (2, 2, 2)


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("genotype", "nasnet", "expected one of sentinel2"),
        ("genotype", [[["x", 0]]], "found 'x'"),
        ("depths", [1, 0], "a whole number from 1 for each block"),
        ("depths", [1.5], "a whole number from 1 for each block"),
        ("depths", 0, "a whole number from 1 for each block"),
        ("channels", 0, "channels: expected a number from 1"),
    ],
)
def test_arguments_out_of_range_are_refused(argument, value, expected):
    with pytest.raises(UserError, match=expected):
        CompactCellBlock(**{argument: value})


def test_a_patch_of_features_is_refused():
    node = ImageInput("x")
    block = CompactCellBlock()
    block(node)
    with pytest.raises(UserError, match=r"shape \(N, height, width, channels\)"):
        block.build(keras_tuner.HyperParameters(), keras.Input((8,)))
