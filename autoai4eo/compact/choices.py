"""The searched parts of a supernet: operations of the edges, depths of the blocks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.compact.mixed_cell import EDGES, NODES
from autoai4eo.compact.sampling import gumbel, hard_sample
from autoai4eo.networks.genotype import INPUTS, NONE, OPERATIONS, Genotype

_PAIRS = 2  # of operation and predecessor, for each node of a found cell
_SPREAD = 1e-3  # of the first logits: otherwise the first operation is the strongest


class EdgeChoice(keras.layers.Layer):
    """Draws an operation for each edge; all cells share the draw.

    In training it is drawn anew for every batch; otherwise it is the most probable one.

    Attributes:
        logits: (edges, operations), trained.
        temperature: of the draw, set for each epoch.
    """

    def __init__(self, seed: int, **kwargs: Any) -> None:
        # logits and draws keep their precision where the network computes in less
        super().__init__(dtype="float32", **kwargs)
        self.logits = self.add_weight(
            shape=(len(EDGES), len(OPERATIONS)),
            initializer=keras.initializers.RandomNormal(stddev=_SPREAD, seed=seed),
            name="logits",
        )
        self.temperature = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="temperature"
        )
        self._seed = keras.random.SeedGenerator(seed)

    def call(self, pixels: Any, training: bool = False) -> tuple[Any, Any]:
        """Any batch -> drawn operations, int32 (edges,), and their gates (edges,)"""
        shape = tuple(self.logits.shape)
        noise = gumbel(shape, self._seed) if training else ops.zeros(shape)
        return hard_sample(ops.convert_to_tensor(self.logits), noise, self.temperature)

    def compute_output_spec(self, pixels: Any, training: bool = False) -> Any:
        """Returns the shapes of both."""
        edges = (len(EDGES),)
        return keras.KerasTensor(edges, "int32"), keras.KerasTensor(edges, "float32")

    def probabilities(self) -> Any:
        """Returns those of the operations, (edges, operations)."""
        return ops.softmax(ops.convert_to_tensor(self.logits), axis=-1)


class DepthChoice(keras.layers.Layer):
    """The mean of the outputs of the cells of a block, weighted by their depth.

    Attributes:
        logits: of the depths from 1, trained.

    Args:
        depth: the most probable one at the beginning.
        deepest: number of cells.
    """

    def __init__(self, depth: int, deepest: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        first = np.zeros(deepest, "float32")
        first[depth - 1] = _SPREAD
        self.logits = self.add_weight(
            shape=(deepest,),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(first, dtype),
            dtype="float32",
            name="logits",
        )

    def call(self, cells: Any) -> Any:
        """A list of (n, h, w, channels) -> their weighted mean"""
        weights = ops.cast(self.probabilities(), self.compute_dtype)
        terms = [weights[i] * cell for i, cell in enumerate(cells)]
        return sum(terms[1:], start=terms[0])

    def probabilities(self) -> Any:
        """Returns those of the depths from 1, (deepest,)."""
        return ops.softmax(ops.convert_to_tensor(self.logits), axis=-1)


def strongest(probabilities: np.ndarray) -> Genotype:
    """Returns the cell of these probabilities (edges, operations).

    Each node keeps its two most probable pairs of operation and predecessor, of
    different predecessors and without ``none``.
    """
    allowed = probabilities.copy()
    allowed[:, OPERATIONS.index(NONE)] = -np.inf
    nodes = []
    for i in range(INPUTS, INPUTS + NODES):
        edges = [(at, j) for at, (node, j) in enumerate(EDGES) if node == i]
        best = sorted(edges, key=lambda edge: -allowed[edge[0]].max())[:_PAIRS]
        nodes.append(
            tuple((OPERATIONS[int(allowed[at].argmax())], j) for at, j in best)
        )
    return Genotype(tuple(nodes))


def entropy(probabilities: np.ndarray) -> float:
    """Returns the mean entropy of rows of probabilities, in nats."""
    known = np.clip(probabilities, 1e-12, 1)
    return float(-(known * np.log(known)).sum(axis=-1).mean())
