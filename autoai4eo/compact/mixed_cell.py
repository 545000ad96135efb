"""A cell of a supernet: every edge has all operations, and runs one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from autoai4eo.blocks.cells.operations import chained, operation, pointwise
from autoai4eo.compact.traced import traced_once
from autoai4eo.networks.genotype import INPUTS, NONE, OPERATIONS

#: The nodes of a cell besides its two inputs.
NODES = 4
#: The edges of a cell, ``(node, predecessor)``.
EDGES = tuple((i, j) for i in range(INPUTS, INPUTS + NODES) for j in range(i))


class BatchStatistics(keras.layers.Layer):
    """Normalises each channel by its mean and variance in the batch.

    A supernet has neither scales, since its operations are compared, nor running
    means, which would be those of many networks. So nothing changes in a branch.
    """

    def call(self, inputs: Any) -> Any:
        """(N, h, w, channels) -> the same shape"""
        wide = ops.cast(inputs, "float32")
        mean, variance = ops.moments(wide, axes=[0, 1, 2], keepdims=True)
        normal = (wide - mean) * ops.rsqrt(variance + 1e-3)
        return ops.cast(normal, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Returns the same shape."""
        return input_shape


def batch_statistics(name: str) -> keras.layers.Layer:
    """Returns the normalisation of a supernet."""
    return BatchStatistics(name=name)


class Edge:
    """What an edge may do, without weights: all edges of a block share it.

    The function is traced once for a block; otherwise tracing all edges of all cells
    would take minutes.

    Args:
        shape: of the features, (None, height, width, filters).
        run_all: whether every operation runs, and all but the drawn one are multiplied
            by 0, as in DARTS.
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        run_all: bool = False,
    ) -> None:
        self.filters = int(shape[-1] or 0)
        self._layers = [
            []
            if kind == NONE
            else operation(kind, self.filters, kind, batch_statistics)
            for kind in OPERATIONS
        ]
        self._is_none = [kind == NONE for kind in OPERATIONS]
        for parts in self._layers:
            for layer in parts:
                layer.build(shape)
        self._counts = [
            sum(len(layer.trainable_variables) for layer in parts)
            for parts in self._layers
        ]
        self.run = traced_once(self._all if run_all else self._drawn)

    @property
    def weights(self) -> list[Any]:
        """The variables of all operations, in order; their values are not used."""
        chains = self._layers
        return [v for parts in chains for p in parts for v in p.trainable_variables]

    def _drawn(self, drawn: Any, gate: Any, tensor: Any, *weights: Any) -> Any:
        """Runs the drawn operation only; returns its result times the gate."""
        branches = [self._branch(i) for i in range(len(self._layers))]
        return ops.switch(drawn, branches, tensor, *weights) * gate

    def _all(self, drawn: Any, gate: Any, tensor: Any, *weights: Any) -> Any:
        """Runs all operations; returns the drawn result times the gate."""
        chosen = ops.one_hot(drawn, len(self._layers), dtype=tensor.dtype)
        terms = [
            self._branch(i)(tensor, *weights) * chosen[i]
            for i in range(len(self._layers))
        ]
        return sum(terms[1:], start=terms[0]) * gate

    def _branch(self, number: int) -> Callable[..., Any]:
        start = sum(self._counts[:number])

        def run(tensor: Any, *weights: Any) -> Any:
            if self._is_none[number]:
                return ops.zeros_like(tensor)
            at = start
            for layer in self._layers[number]:
                count = len(layer.trainable_variables)
                own = weights[at : at + count]
                tensor, _ = layer.stateless_call(own, [], tensor)
                at += count
            return tensor

        return run


class MixedCell(keras.layers.Layer):
    """Four nodes, each the sum of one operation of every earlier node.

    The operations' weights are stacked: (edges, …) for each weight of an operation.

    Args:
        edge: what each edge may do.
    """

    def __init__(self, edge: Edge, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._edge = edge
        self.fitted = [
            pointwise(edge.filters, f"input{i}", batch_statistics)
            for i in range(INPUTS)
        ]
        self.stacked: list[Any] = []

    def build(self, first_shape: Any, second_shape: Any) -> None:
        """Makes the weights of both inputs and of all edges."""
        shapes = (first_shape, second_shape)
        for parts, shape in zip(self.fitted, shapes, strict=True):
            for layer in parts:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)
        self.stacked = [
            self.add_weight(
                shape=(len(EDGES), *weight.shape), initializer=_each, name=weight.name
            )
            for weight in self._edge.weights
        ]

    def call(self, first: Any, second: Any, drawn: Any, gates: Any) -> Any:
        """Two (n, h, w, …), what was drawn of each edge -> (n, h, w, 4 × filters)

        See `autoai4eo.compact.sampling.hard_sample`.
        """
        nodes = [
            chained(parts, tensor)
            for parts, tensor in zip(self.fitted, (first, second), strict=True)
        ]
        gates = ops.unstack(ops.cast(gates, self.compute_dtype), len(EDGES))
        drawn = ops.unstack(drawn, len(EDGES))
        by_edge = zip(
            *(ops.unstack(ops.convert_to_tensor(w), len(EDGES)) for w in self.stacked),
            strict=True,
        )
        results = iter(zip(drawn, gates, by_edge, strict=True))
        for i in range(INPUTS, INPUTS + NODES):
            terms = []
            for before in nodes[:i]:
                which, gate, weights = next(results)
                terms.append(self._edge.run(which, gate, before, *weights))
            nodes.append(sum(terms[1:], start=terms[0]))
        return ops.concatenate(nodes[INPUTS:], axis=-1)

    def compute_output_shape(
        self, first_shape: Any, second_shape: Any, **_: Any
    ) -> Any:
        """Returns the shape of the nodes, concatenated."""
        return (*second_shape[:-1], NODES * self._edge.filters)


def _each(shape: Any, dtype: Any = None) -> Any:
    """Draws the weights of each edge as if it were alone."""
    # an initializer returns the same weights whenever it is called
    return ops.stack(
        [keras.initializers.HeNormal()(shape[1:], dtype) for _ in range(shape[0])]
    )
