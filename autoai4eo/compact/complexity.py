"""What the operations and cells of a supernet cost, and the loss of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.blocks.cells.genotype import NONE, OPERATIONS, Architecture, Genotype
from autoai4eo.blocks.cells.operations import batch_normalisation, chained, operation
from autoai4eo.blocks.cells.trunk import normal_cell
from autoai4eo.compact.mixed_cell import EDGES, NODES
from autoai4eo.compact.network import Shapes, build
from autoai4eo.cost import profile

#: The costs that may be searched for: what is counted or measured of a network.
COSTS = ("flops", "latency_ms")
#: The constant of the loss is meant for FLOPs, in millions, of so many pixels.
PIXELS = 32 * 32
_SECONDS = 0.2  # for the latency of an operation


@dataclass(frozen=True)
class Complexity:
    """The costs of the parts of a supernet, for one sample.

    Attributes:
        operations: of one edge, by block and operation, float (blocks, operations).
        cells: of the rest of each cell, (blocks, deepest).
        rest: of everything else: stem, reduction cells, head.
        scale: of the loss, see `loss`.
    """

    operations: np.ndarray
    cells: np.ndarray
    rest: float
    scale: float

    def expected(self, edges: np.ndarray, depths: np.ndarray) -> float:
        """Returns the mean cost of networks drawn with these probabilities.

        Args:
            edges: of the operations of each edge, (edges, operations).
            depths: of the depths from 1 of each block, (blocks, deepest).
        """
        there = np.cumsum(depths[:, ::-1], axis=1)[:, ::-1]  # that cell j is there
        cells = self.cells + (self.operations @ edges.sum(axis=0))[:, None]
        return float(self.rest + (there * cells).sum())

    def loss(self, edges: Any, depths: Any) -> Any:
        """Returns the loss: sum over blocks of depth times mean cost of operations.

        With FLOPs it is that of Traoré, Camero and Zhu (2021), in millions of FLOPs
        for a patch of 32×32 pixels: FLOPs of other patches are divided by their pixels,
        times 1,024. So the constant before it means the same for every size. Latencies
        are scaled so that their mean over blocks and operations is that of the FLOPs.

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
    sizes = [(-(-height // 2**i), -(-width // 2**i)) for i in range(blocks)]
    filters = [channels * 2**i for i in range(blocks)]

    def table(of: Callable[[keras.Model], float]) -> np.ndarray:
        empty = [of(_edge("skip_connect", *s, f)) for s, f in zip(sizes, filters)]
        return np.array(
            [
                [
                    max(0.0, of(_edge(kind, *size, wide)) - none)
                    if kind != NONE
                    else 0.0
                    for kind in OPERATIONS
                ]
                for size, wide, none in zip(sizes, filters, empty, strict=True)
            ]
        )

    measure = _flops if cost == "flops" else _latency_ms
    flops = table(_flops)
    operations = flops if cost == "flops" else table(measure)
    scale = 1e-6 * PIXELS / (height * width)
    if cost != "flops":
        scale *= flops.mean() / operations.mean()
    bare = Genotype(
        tuple(
            tuple(("skip_connect", j) for node, j in EDGES if node == i)
            for i in range(2, 2 + NODES)
        )
    )
    before = [channels, *(4 * f for f in filters[1:])]  # of a block's input
    cells = np.empty((blocks, deepest))
    for i, (size, wide) in enumerate(zip(sizes, filters, strict=True)):
        # the cell before a block has its own channels
        other = channels if i == 0 else NODES * filters[i - 1]
        inner = NODES * wide
        kinds = [(other, before[i]), (before[i], inner), (inner, inner)]
        costs = [measure(_cell(bare, *size, *kind, wide)) for kind in kinds]
        cells[i] = [costs[min(j, 2)] for j in range(deepest)]
    whole = Architecture(bare, (1,) * blocks, channels)
    rest = measure(build(whole, inputs, classes)) - cells[:, 0].sum()
    return Complexity(operations, cells, max(0.0, float(rest)), float(scale))


def _flops(model: keras.Model) -> float:
    return float(profile(model, latency=False).flops)


def _latency_ms(model: keras.Model) -> float:
    found = profile(model, budget_s=_SECONDS).latency_ms
    assert found is not None, "it was asked for"
    return found


def _edge(kind: str, height: int, width: int, filters: int) -> keras.Model:
    features = keras.Input((height, width, filters))
    parts = operation(kind, filters, "edge", batch_normalisation)
    # a network needs a layer; the same one is subtracted from every operation
    end = keras.layers.ReLU(name="end")(chained(parts, features))
    return keras.Model(features, end)


def _cell(
    genotype: Genotype, height: int, width: int, first: int, second: int, filters: int
) -> keras.Model:
    inputs: Sequence[Any] = [keras.Input((height, width, c)) for c in (first, second)]
    return keras.Model(inputs, normal_cell(*inputs, filters, genotype, "cell"))
