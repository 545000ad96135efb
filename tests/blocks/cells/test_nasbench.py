"""Networks of NAS-Bench-101 cells: their parameters, multiply-adds and choices."""

import json

import autokeras as ak
import keras
import keras_tuner
import numpy as np
import pytest

from autoai4eo.blocks import NASBenchCellBlock
from autoai4eo.blocks.cells.nasbench import Stacks, channels_of, count, stacked
from autoai4eo.blocks.cells.nasbench_block import choices_of
from autoai4eo.cost import profile
from autoai4eo.errors import UserError
from autoai4eo.nasbench.space import random_cells
from autoai4eo.networks.cell import OPERATIONS, Cell

THREE, ONE, POOL = OPERATIONS
SMALL = Stacks(channels=8, stacks=2, cells=2)


def built(cell, shape, size=8, bands=3):
    pixels = keras.Input((size, size, bands))
    return keras.Model(pixels, stacked(pixels, cell, shape, "net")[-1])


def trained(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def published(shared):
    folder = shared / "eo_hw_nas"
    measured = json.loads((folder / "test_results_sampled_all_paths.json").read_text())
    for steps in json.loads((folder / "path_logs.json").read_text()):
        for step in steps:
            cell = Cell.of(step["module_adjacency"], step["module_operations"])
            yield cell, measured[f"arch_{step['id']}"]["num_params"]


def test_all_published_cells_have_the_published_parameters(shared):
    """EO HW-NAS: 450 cells, ten bands, 17 local climate zones."""
    head = 512 * 17 + 17
    for cell, params in published(shared):
        assert count(cell, Stacks(), 32, 32, 10)[1] + head == params


@pytest.mark.slow
def test_so_has_a_built_network(shared):
    for cell, params in list(published(shared))[::150]:
        model = built(cell, Stacks(), 32, 10)
        assert trained(model) + 512 * 17 + 17 == params


@pytest.mark.parametrize("seed", range(3))
def test_what_is_counted_is_what_is_built(seed):
    for cell in random_cells(2, np.random.default_rng(seed)):
        model = built(cell, SMALL, 9)
        macs, params = count(cell, SMALL, 9, 9, 3)
        assert profile(model, latency=False).macs == macs
        assert trained(model) == params
        assert model.output_shape == (None, 5, 5, 16)


def test_channels_follow_the_published_rule():
    # 1, 2 and 3 end in the output, whose 128 channels are divided; 4 feeds 1 alone
    matrix = np.zeros((6, 6), int)
    matrix[[0, 0, 0, 1, 2, 3, 4], [1, 3, 4, 5, 5, 5, 2]] = 1
    cell = Cell.of(matrix, [ONE, ONE, ONE, THREE])
    found = channels_of(cell, 64, 128)
    ends = [found[v] for v in range(1, 5) if cell.matrix[v][5]]
    assert ends == [43, 43, 42]
    (inner,) = (v for v in range(1, 5) if not cell.matrix[v][5])
    assert found[inner] == max(found[w] for w in range(1, 5) if cell.matrix[inner][w])


def test_a_cell_of_one_edge_is_a_convolution():
    cell = Cell.of([[0, 1], [0, 0]], [])
    model = built(cell, Stacks(8, 1, 1))
    kinds = [type(layer).__name__ for layer in model.layers[1:]]
    assert kinds == ["Conv2D", "BatchNormalization", "ReLU"] * 2


def test_a_drawn_network_is_the_cell_of_its_choices(kit):
    graph = kit.graph(NASBenchCellBlock(name="cells"), [(16, 16, 4)])
    model, hp = kit.build(graph, {})
    names = {f"cells/edge_{i}_{j}" for i in range(6) for j in range(i + 1, 7)}
    names |= {f"cells/operation_{i}" for i in range(1, 6)}
    assert {p.name for p in hp.space} == {*names, "cells/channels", "cells/cells"}
    kit.finite_probabilities(model)
    default = Cell.of(
        [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], [THREE, THREE]
    )
    fixed = kit.graph(NASBenchCellBlock(cell=default.id, name="cells"), [(16, 16, 4)])
    same, space = kit.build(fixed, {})
    assert {p.name for p in space.space} == {"cells/channels", "cells/cells"}
    assert trained(same) == trained(model)


def test_every_drawn_graph_is_a_network(kit):
    graph = kit.graph(NASBenchCellBlock(name="cells", channels=8, cells=1), [(8, 8, 2)])
    _, hp = kit.build(graph, {})
    edges = [p.name for p in hp.space if "edge" in p.name]
    for value in (False, True):  # no path at all, and 21 edges
        model, other = kit.build(graph, dict.fromkeys(edges, value))
        assert [p.name for p in other.space] == [p.name for p in hp.space]
        kit.finite_probabilities(model)


def test_no_choice_needs_more_than_allowed(kit):
    block = NASBenchCellBlock(max_macs=1_000_000)
    model, _ = kit.build(kit.graph(block, [(64, 64, 3)]), {})
    assert profile(model, latency=False).macs < 1_010_000


def test_the_block_is_json():
    cell = random_cells(1, np.random.default_rng(0))[0]
    block = NASBenchCellBlock(cell=cell, channels=8, cells=2, bands=["B02"])
    config = json.loads(json.dumps(block.get_config()))
    again = NASBenchCellBlock.from_config(config)
    assert again.get_config() == block.get_config() and again.cell == cell


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("cell", 5, "expected the id of a cell, found 5"),
        ("cell", "resnet", "expected a Cell, its record or id, got 'resnet'"),
        ("cell", {"matrix": [[0]]}, "expected a square matrix"),
        ("channels", 4, "channels: expected a number from 5"),
        ("stacks", 0, "stacks: expected a number from 1"),
    ],
)
def test_arguments_out_of_range_are_refused(argument, value, expected):
    with pytest.raises(UserError, match=expected):
        NASBenchCellBlock(**{argument: value})


def test_a_patch_of_features_is_refused():
    block = NASBenchCellBlock()
    with pytest.raises(UserError, match=r"shape \(N, height, width, channels\)"):
        block.build(keras_tuner.HyperParameters(), keras.Input((8,)))


def test_a_cell_has_choices_whose_network_is_of_it():
    single = Cell.of([[0, 1], [0, 0]], ())
    for cell in [*random_cells(3, np.random.default_rng(1)), single]:
        hp = keras_tuner.HyperParameters()
        block = NASBenchCellBlock(channels=8, stacks=2, cells=2, name="cell")
        block(ak.Input((8, 8, 3)))
        hp.values = {f"cell/{name}": v for name, v in choices_of(cell).items()}
        pixels = keras.Input((8, 8, 3))
        model = keras.Model(pixels, block.build(hp, pixels))
        macs, params = count(cell, SMALL, 8, 8, 3)
        assert profile(model, latency=False).macs == macs
        assert trained(model) == params
