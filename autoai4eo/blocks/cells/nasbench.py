"""The network of a NAS-Bench-101 cell: stem, stacks of the cell, pooling between.

Channels follow Ying et al. 2019, *NAS-Bench-101*, arXiv:1902.09635: the edges from a
cell's input pass 1×1 convolutions to the channels of their vertex; other edges into a
vertex are added; those into the output are concatenated, and an edge from the input to
the output is added to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from keras import layers

from autoai4eo.blocks.backbones.units import convolution, normalised
from autoai4eo.networks.cell import Cell


@dataclass(frozen=True)
class Convolution:
    """A convolution with normalisation and ReLU, for counting.

    Attributes:
        kernel_size: of its square kernel.
        before, after: numbers of channels.
    """

    kernel_size: int
    before: int
    after: int

    @property
    def macs(self) -> int:
        """Multiply-adds of a pixel."""
        return self.kernel_size**2 * self.before * self.after

    @property
    def params(self) -> int:
        """Trainable parameters, with those of the normalisation."""
        return self.macs + 2 * self.after


@dataclass(frozen=True)
class Stacks:
    """The shape of a network around a cell.

    Attributes:
        channels: of the 3×3 stem and the first stack; they double with each stack.
        stacks: number of stacks; pixels are halved between them.
        cells: of each stack.
    """

    channels: int = 128
    stacks: int = 3
    cells: int = 3

    def places(self, height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
        """Yields rows, columns, channels before and after of each cell."""
        before = self.channels
        for i in range(self.stacks):
            after = self.channels * 2**i
            for _ in range(self.cells):
                yield height, width, before, after
                before = after
            height, width = -(-height // 2), -(-width // 2)


def channels_of(cell: Cell, before: int, after: int) -> list[int]:
    """Returns the channels of each vertex, with input and output.

    Those of the vertices joined to the output sum to its channels; any other vertex has
    as many as the largest that follows it.
    """
    last = cell.vertices - 1
    found = [before, *[0] * (last - 1), after]
    ends = [v for v in range(1, last) if cell.matrix[v][last]]
    for place, v in enumerate(ends):
        found[v] = after // len(ends) + (place < after % len(ends))
    for v in range(last - 1, 0, -1):
        if v not in ends:
            found[v] = max(found[w] for w in range(v + 1, last) if cell.matrix[v][w])
    return found


def convolutions(cell: Cell, before: int, after: int) -> Iterator[Convolution]:
    """Yields the convolutions of one cell."""
    last = cell.vertices - 1
    channels = channels_of(cell, before, after)
    for v in range(1, last):
        if cell.matrix[0][v]:
            yield Convolution(1, before, channels[v])
        if "conv" in cell.operations[v - 1]:
            size = 3 if "3x3" in cell.operations[v - 1] else 1
            yield Convolution(size, channels[v], channels[v])
    if cell.matrix[0][last]:
        yield Convolution(1, before, after)


def count(
    cell: Cell, shape: Stacks, height: int, width: int, bands: int
) -> tuple[int, int]:
    """Returns the multiply-adds and trainable parameters of `stacked`, for one sample.

    Multiply-adds are those of the convolutions.
    """
    stem = Convolution(3, bands, shape.channels)
    macs, params = height * width * stem.macs, stem.params
    for rows, columns, before, after in shape.places(height, width):
        for one in convolutions(cell, before, after):
            macs += rows * columns * one.macs
            params += one.params
    return macs, params


def stacked(tensor: Any, cell: Cell, shape: Stacks, name: str) -> list[Any]:
    """Applies the network: (N, h, w, bands) -> the features of each stack.

    Args:
        tensor: standardised pixels or features.
        cell: of which the stacks consist.
        shape: how many and how wide.
        name: prefix of the layers' names.
    """
    tensor = normalised(
        convolution(shape.channels, 3, 1, f"{name}_stem")(tensor), f"{name}_stem"
    )
    found = []
    for i in range(shape.stacks):
        if i:
            tensor = layers.MaxPooling2D(2, padding="same", name=f"{name}_halved{i}")(
                tensor
            )
        for j in range(shape.cells):
            end = shape.channels * 2**i
            tensor = _applied(tensor, cell, end, f"{name}_stack{i + 1}_cell{j + 1}")
        found.append(tensor)
    return found


def _applied(tensor: Any, cell: Cell, after: int, name: str) -> Any:
    last = cell.vertices - 1
    channels = channels_of(cell, int(tensor.shape[-1]), after)
    values: list[Any] = [tensor]
    for v in range(1, last):
        terms = [
            _first(values[w], channels[v], f"{name}_vertex{v}_from{w}")
            for w in range(1, v)
            if cell.matrix[w][v]
        ]
        if cell.matrix[0][v]:
            terms.append(_convolved(tensor, channels[v], 1, f"{name}_vertex{v}_input"))
        total = _sum(terms, f"{name}_vertex{v}_sum")
        kind = cell.operations[v - 1]
        if "conv" in kind:
            size = 3 if "3x3" in kind else 1
            values.append(_convolved(total, channels[v], size, f"{name}_vertex{v}"))
        else:
            pool = layers.MaxPooling2D(3, 1, "same", name=f"{name}_vertex{v}_pool")
            values.append(pool(total))
    ends = [values[v] for v in range(1, last) if cell.matrix[v][last]]
    terms = []
    if ends:
        joined = layers.Concatenate(name=f"{name}_output")
        terms.append(joined(ends) if len(ends) > 1 else ends[0])
    if cell.matrix[0][last]:
        terms.append(_convolved(tensor, after, 1, f"{name}_output_input"))
    return _sum(terms, f"{name}_sum")


def _convolved(tensor: Any, filters: int, size: int, name: str) -> Any:
    return normalised(convolution(filters, size, 1, f"{name}_conv")(tensor), name)


def _first(tensor: Any, channels: int, name: str) -> Any:
    """Leaves the last channel out where a vertex has one more than the next one."""
    if tensor.shape[-1] == channels:
        return tensor
    return tensor[..., :channels]


def _sum(terms: list[Any], name: str) -> Any:
    return layers.Add(name=name)(terms) if len(terms) > 1 else terms[0]
