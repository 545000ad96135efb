"""The supernet: all networks of a compact search at once, trained by two optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from autoai4eo.blocks.cells.operations import chained
from autoai4eo.blocks.cells.trunk import halved, reduction_cell, stem
from autoai4eo.compact.choices import DepthChoice, EdgeChoice, entropy, strongest
from autoai4eo.compact.complexity import Complexity
from autoai4eo.compact.mixed_cell import Edge, MixedCell, batch_statistics
from autoai4eo.compact.network import Shapes, check_sizes, standardised
from autoai4eo.compact.steps import step
from autoai4eo.data.statistics import BandStatistics
from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import Architecture

#: L2 penalty of the logits.
_DECAY = 1e-3


@dataclass(frozen=True)
class Space:
    """What a compact search chooses from.

    Attributes:
        channels: filters of the first block; each further block has twice as many.
        blocks: number of blocks.
        depth: cells of a block; a search of depths begins with it, or with the deepest
            if that is less.
        deepest: most cells of a block; None: depths are not searched.

    Raises:
        UserError: a number is below 1.
    """

    channels: int = 16
    blocks: int = 3
    depth: int = 3
    deepest: int | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "blocks", "depth"):
            if getattr(self, name) < 1:
                raise UserError(
                    f"{name}: expected 1 or more, got {getattr(self, name)}"
                )
        if self.deepest is not None and self.deepest < 1:
            raise UserError(
                f"max_depth: expected 1 or more, got {self.deepest}; leave the search "
                "of depths out to keep them"
            )

    @property
    def cells(self) -> int:
        """Cells of each block of the supernet."""
        return self.deepest or self.depth


class Supernet(keras.Model):
    """A functional network of mixed cells, made by `supernet`.

    A step takes two batches: the weights are trained on the first, the logits on the
    second. Both losses contain the complexity, of which only the logits have gradients.

    Attributes:
        edges: the choice of operations.
        depths: the choice of each block's depth; empty: not searched.
        complexity: the costs of its parts.
        constant: of the complexity loss.
        space: what it chooses from.
    """

    edges: EdgeChoice
    depths: list[DepthChoice]
    complexity: Complexity
    constant: float
    space: Space

    @property
    def logits(self) -> list[Any]:
        """The variables that choose."""
        return [self.edges.logits, *(choice.logits for choice in self.depths)]

    @property
    def groups(self) -> tuple[list[Any], list[Any]]:
        """The variables of the two batches of a step: weights, and logits."""
        own = {id(variable) for variable in self.logits}
        weights = [v for v in self.trainable_variables if id(v) not in own]
        return weights, self.logits

    def train_step(self, *given: Any) -> Any:
        """Trains the weights on the first batch, then the logits on the second."""
        return step(self, *given)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the loss of classes, the complexity and a penalty of the logits."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        squares = [ops.sum(ops.square(v)) for v in self.logits]
        loss = loss + _DECAY / 2 * sum(squares[1:], start=squares[0])
        if not self.constant:
            return loss
        edges, depths = self.edges.probabilities(), self._depth_probabilities()
        return loss + self.constant * self.complexity.loss(edges, depths)

    def _depth_probabilities(self) -> Any:
        if self.depths:
            return ops.stack([choice.probabilities() for choice in self.depths])
        fixed = np.zeros((self.space.blocks, self.space.depth), "float32")
        fixed[:, -1] = 1
        return ops.convert_to_tensor(fixed)

    def found(self) -> Architecture:
        """Returns the most probable architecture."""
        depths = _numpy(self._depth_probabilities()).argmax(axis=1) + 1
        return Architecture(
            strongest(_numpy(self.edges.probabilities())),
            tuple(int(depth) for depth in depths),
            self.space.channels,
        )

    def figures(self) -> dict[str, float]:
        """Returns mean entropies of the choices, in nats, and the expected cost."""
        edges, depths = map(
            _numpy, (self.edges.probabilities(), self._depth_probabilities())
        )
        found = {"entropy": entropy(edges)}
        if self.depths:
            found["depth_entropy"] = entropy(depths)
        return {**found, "expected_cost": self.complexity.expected(edges, depths)}


def supernet(
    space: Space,
    inputs: Shapes,
    classes: int,
    complexity: Complexity,
    constant: float,
    seed: int,
    statistics: Mapping[str, BandStatistics] | None = None,
    run_all: bool = False,
) -> Supernet:
    """Builds a supernet, to be compiled with `TwoOptimizers`.

    Args:
        space: what it chooses from.
        inputs: shapes (height, width, bands) by name, of one size.
        classes: number of classes, 2 or more.
        complexity: costs of its parts.
        constant: of the complexity loss; 0: the cost does not count.
        seed: of the draws and the logits.
        statistics: of the bands by input.
        run_all: whether all operations of an edge run, see `MixedCell`.
    """
    check_sizes(inputs)
    nodes = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    first_input = next(iter(nodes.values()))
    edges = EdgeChoice(seed, name="edges")
    drawn, gates = edges(first_input)
    depths: list[DepthChoice] = []
    width = space.channels
    scaled = standardised(nodes, statistics)
    first = second = chained(stem(width, "stem", batch_statistics), scaled)
    for i in range(space.blocks):
        filters = width * 2**i
        if i:
            end = second
            second = reduction_cell(
                first, end, filters, f"reduction{i}", batch_statistics
            )
            first = halved(end, f"block{i + 1}_halved")
        edge = Edge((*second.shape[:-1], filters), run_all=run_all)
        start, cells = second, []
        for j in range(space.cells):
            cell = MixedCell(edge, name=f"block{i + 1}_cell{j + 1}")
            first, second = second, cell(first, second, drawn, gates)
            cells.append(second)
        if space.deepest is not None:
            depth = min(space.depth, space.deepest)
            depths.append(DepthChoice(depth, space.deepest, name=f"depth{i + 1}"))
            second = depths[-1](cells)
        first = start
    pooled = layers.GlobalAveragePooling2D(name="pool")(second)
    outputs = layers.Dense(classes, activation="softmax", name="classes")(pooled)
    model = Supernet([*nodes.values()], outputs, name="supernet")
    model.edges, model.depths, model.space = edges, depths, space
    model.complexity, model.constant = complexity, constant
    return model


def _numpy(tensor: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(tensor))
