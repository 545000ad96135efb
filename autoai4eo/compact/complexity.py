"""What the operations and cells of a supernet cost, and the loss of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.blocks.cells.operations import chained, operation
from autoai4eo.blocks.cells.trunk import normal_cell
from autoai4eo.compact.mixed_cell import EDGES, NODES
from autoai4eo.compact.network import Shapes, build
from autoai4eo.cost import profile
from autoai4eo.networks.genotype import (
    INPUTS,
    NONE,
    OPERATIONS,
    Architecture,
    Genotype,
)

#: The costs that a search may keep low: counted, or measured on this machine.
COSTS = ("flops", "latency_ms")
#: The constant of the loss is meant for FLOPs, in millions, of so many pixels.
PIXELS = 32 * 32
_SECONDS = 0.2  # for the latency of an operation

Measure = Callable[[keras.Model], float]


@dataclass(frozen=True)
class Complexity:
    """The costs of the parts of a supernet, for one sample.

    Attributes:
        operations: of one edge with its sum, by block and operation, float (blocks,
            operations).
        cells: of the rest of each cell, (blocks, deepest).
        rest: of everything else: stem, reduction cells, head.
        scale: of the loss, see `loss`.
    """

    operations: np.ndarray
    cells: np.ndarray
    rest: float
    scale: float

    def record(self) -> dict[str, Any]:
        """Returns the costs for JSON."""
        return {
            "operations": self.operations.tolist(),
            "cells": self.cells.tolist(),
            "rest": self.rest,
            "scale": self.scale,
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Complexity:
        """Returns the costs of a record."""
        return cls(
            np.array(record["operations"], float),
            np.array(record["cells"], float),
            float(record["rest"]),
            float(record["scale"]),
        )

    def expected(self, edges: np.ndarray, depths: np.ndarray) -> float:
        """Returns the mean cost of networks drawn with these probabilities.

        Args:
            edges: of the operations of each edge, (edges, operations).
            depths: of the depths from 1 of each block, (blocks, deepest).
        """
        present = np.cumsum(depths[:, ::-1], axis=1)[:, ::-1]  # of each cell
        cells = self.cells + (self.operations @ edges.sum(axis=0))[:, None]
        return float(self.rest + (present * cells).sum())

    def cost_of(self, architecture: Architecture) -> float:
        """Returns the cost of a network of such cells."""
        edges = np.zeros((1, len(OPERATIONS)))
        for pairs in architecture.genotype.nodes:
            for kind, _ in pairs:
                edges[0, OPERATIONS.index(kind)] += 1
        deepest = self.cells.shape[1]
        depths = np.eye(deepest)[[depth - 1 for depth in architecture.depths]]
        return self.expected(edges, depths)

    def loss(self, edges: Any, depths: Any) -> Any:
        """Returns the loss, without its constant.

        It is that of Traoré, Camero and Zhu (2021): for each block the expected depth
        times the cost of all edges, divided by the number of operations. It counts two
        FLOPs as one, in millions, as the paper does (a multiply-add), for a patch of
        32×32 pixels: FLOPs of other patches are divided by their pixels, times 1,024.
        So the constant before it means the same for every size. Latencies are scaled so
        that their mean over blocks and operations is that of the FLOPs.

        Args:
            edges, depths: tensors of probabilities, see `expected`.
        """
        count = len(OPERATIONS)
        each = ops.convert_to_tensor(self.operations * self.scale / count, "float32")
        of_cells = ops.sum(ops.matmul(each, ops.transpose(edges)), axis=1)
        numbers = ops.arange(1, depths.shape[1] + 1, dtype="float32")
        return ops.sum(ops.sum(depths * numbers, axis=1) * of_cells)


def complexity(
    inputs: Shapes, classes: int, channels: int, blocks: int, deepest: int, cost: str
) -> Complexity:
    """Counts, or measures on this machine, the parts of a supernet.

    Args:
        inputs: shapes (height, width, bands) by name.
        classes: of the head.
        channels: filters of the first block.
        blocks: number of blocks.
        deepest: most cells of a block.
        cost: ``"flops"`` or ``"latency_ms"``.
    """
    height, width, _ = next(iter(inputs.values()))
    places = [
        (-(-height // 2**i), -(-width // 2**i), channels * 2**i) for i in range(blocks)
    ]
    measure = _flops if cost == "flops" else _latency_ms
    flops = _of_operations(places, _flops)
    operations = flops if cost == "flops" else _of_operations(places, measure)
    scale = 0.5e-6 * PIXELS / (height * width)
    if cost != "flops":
        scale *= flops.mean() / operations.mean()
    bare = Genotype(
        tuple(
            tuple(("skip_connect", j) for node, j in EDGES if node == i)
            for i in range(INPUTS, INPUTS + NODES)
        )
    )
    cells = np.empty((blocks, deepest))
    for i, (rows, columns, filters) in enumerate(places):
        inner = NODES * filters
        # the input of a block, and the features one cell before it
        start = channels if i == 0 else inner
        earlier = channels if i == 0 else NODES * places[i - 1][2]
        kinds = [(earlier, start), (start, inner), (inner, inner)]
        # a node of n edges has n - 1 sums; each edge counts its own
        sums = len(EDGES) * operations[i, OPERATIONS.index("skip_connect")]
        costs = [
            measure(_cell(bare, rows, columns, *kind, filters)) - sums
            for kind in kinds[:deepest]
        ]
        cells[i] = [costs[min(j, 2)] for j in range(deepest)]
    whole = Architecture(bare, (1,) * blocks, channels)
    of_edges = len(EDGES) * operations[:, OPERATIONS.index("skip_connect")]
    rest = measure(build(whole, inputs, classes)) - (cells[:, 0] + of_edges).sum()
    return Complexity(operations, cells, max(0.0, float(rest)), float(scale))


def _of_operations(places: list[tuple[int, int, int]], measure: Measure) -> np.ndarray:
    """Returns the costs of operations by block, (blocks, operations)."""
    found = np.zeros((len(places), len(OPERATIONS)))
    for i, place in enumerate(places):
        empty = measure(_edge(NONE, *place))
        for j, kind in enumerate(OPERATIONS):
            if kind != NONE:
                found[i, j] = max(0.0, measure(_edge(kind, *place)) - empty)
    return found


def _flops(model: keras.Model) -> float:
    return float(profile(model, latency=False).flops)


def _latency_ms(model: keras.Model) -> float:
    found = profile(model, budget_s=_SECONDS).latency_ms
    assert found is not None, "it was asked for"
    return found


def _edge(kind: str, height: int, width: int, filters: int) -> keras.Model:
    """Returns a network of an operation and its sum, after a layer that all have."""
    features = keras.Input((height, width, filters))
    first = keras.layers.ReLU(name="first")(features)
    if kind == NONE:
        return keras.Model(features, first)
    end = chained(operation(kind, filters, "edge"), first)
    return keras.Model(features, keras.layers.Add(name="sum")([end, first]))


def _cell(
    genotype: Genotype, height: int, width: int, first: int, second: int, filters: int
) -> keras.Model:
    before, last = (keras.Input((height, width, count)) for count in (first, second))
    cell = normal_cell(before, last, filters, genotype, "cell")
    return keras.Model([before, last], cell)
