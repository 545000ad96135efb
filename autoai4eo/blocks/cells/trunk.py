"""A trunk of cells: a stem, and blocks of normal cells with reduction cells between.

The shape is that of GDAS with a fixed reduction cell (Dong and Yang 2019, *Searching
for a robust neural architecture in four GPU hours*, arXiv:1910.04465), with blocks of
their own depths (Traoré, Camero and Zhu 2021, *Compact neural architecture search for
local climate zones classification*, ESANN).
"""

from __future__ import annotations

from typing import Any

from keras import layers

from autoai4eo.blocks.backbones.units import convolution
from autoai4eo.blocks.cells.operations import (
    Normalise,
    batch_normalisation,
    chained,
    depthwise,
    operation,
    pointwise,
)
from autoai4eo.networks.genotype import INPUTS, NONE, Architecture, Genotype


def trunk(
    tensor: Any, architecture: Architecture, name: str, drop_path: float = 0.0
) -> list[Any]:
    """Applies the layers of an architecture.

    Args:
        tensor: standardised pixels or features, (N, height, width, channels).
        architecture: cells, depths and width.
        name: prefix of the layers' names.
        drop_path: probability that an operation's result is left out for a sample, in
            training (Larsson et al. 2017, *FractalNet*, arXiv:1605.07648).

    Returns:
        The features after each block; those of block ``i`` have ``height / 2**i`` rows,
        rounded up, and ``channels * 2**i`` filters for each node of a cell.
    """
    width, genotype = architecture.channels, architecture.genotype
    first = second = chained(stem(width, f"{name}_stem"), tensor)
    found = []
    for i, depth in enumerate(architecture.depths):
        filters = width * 2**i
        if i:
            block, end = first, second
            second = reduction_cell(block, end, filters, f"{name}_reduction{i}")
            first = halved(end, f"{name}_block{i + 1}_halved")
        start = second
        for j in range(depth):
            cell = f"{name}_block{i + 1}_cell{j + 1}"
            first, second = (
                second,
                normal_cell(first, second, filters, genotype, cell, drop_path),
            )
        found.append(second)
        first = start  # a reduction cell has the input and the output of a block
    return found


def stem(filters: int, name: str, normalise: Normalise = batch_normalisation) -> Any:
    """Returns the layers before the first cell: 3×3 convolution, normalisation."""
    return [convolution(filters, 3, 1, f"{name}_conv"), normalise(f"{name}_bn")]


def halved(tensor: Any, name: str) -> Any:
    """Averages 2×2 pixels; an odd row or column at the edge is averaged alone."""
    return layers.AveragePooling2D(2, padding="same", name=name)(tensor)


def normal_cell(
    first: Any,
    second: Any,
    filters: int,
    genotype: Genotype,
    name: str,
    drop_path: float = 0.0,
) -> Any:
    """Applies a cell: two (N, h, w, …) -> (N, h, w, filters × nodes)."""
    nodes = [
        chained(pointwise(filters, f"{name}_input{i}", batch_normalisation), tensor)
        for i, tensor in enumerate((first, second))
    ]
    for i, pairs in enumerate(genotype.nodes, INPUTS):
        terms = []
        for kind, before in pairs:
            if kind == NONE:
                continue
            edge = f"{name}_node{i}_from{before}"
            term = chained(operation(kind, filters, edge), nodes[before])
            if drop_path and kind != "skip_connect":
                whole = (None, 1, 1, 1)
                term = layers.Dropout(drop_path, whole, name=f"{edge}_drop")(term)
            terms.append(term)
        nodes.append(_sum(terms, nodes[0], f"{name}_node{i}"))
    if len(nodes) == INPUTS + 1:
        return nodes[-1]
    return layers.Concatenate(name=f"{name}_nodes")(nodes[INPUTS:])


def reduction_cell(
    first: Any,
    second: Any,
    filters: int,
    name: str,
    normalise: Normalise = batch_normalisation,
) -> Any:
    """Applies the fixed reduction cell: two (N, h, w, …) -> (N, h/2, w/2, 4 × filters).

    Both inputs pass a separable convolution with stride 2; the third node is the
    maximum of their sum in 3×3 pixels, the fourth that of the second input with stride
    2. GDAS has grouped 1×3 and 3×1 convolutions in place of the depthwise 3×3, which
    TensorFlow does not train on a CPU.
    """
    inputs = [
        chained(pointwise(filters, f"{name}_input{i}", normalise), tensor)
        for i, tensor in enumerate((first, second))
    ]
    convolved = [
        chained(
            [
                layers.ReLU(name=f"{name}_node{i}_relu"),
                depthwise(3, 2, 1, f"{name}_node{i}_depthwise"),
                convolution(filters, 1, 1, f"{name}_node{i}_pointwise"),
                normalise(f"{name}_node{i}_bn"),
            ],
            tensor,
        )
        for i, tensor in enumerate(inputs, INPUTS)
    ]
    total = layers.Add(name=f"{name}_node4_sum")(convolved)
    pooled = [
        chained(
            [
                layers.MaxPooling2D(
                    3, strides, padding="same", name=f"{name}_node{i}_pool"
                ),
                normalise(f"{name}_node{i}_bn"),
            ],
            tensor,
        )
        for i, (tensor, strides) in enumerate(((total, 1), (inputs[1], 2)), 4)
    ]
    return layers.Concatenate(name=f"{name}_nodes")([*convolved, *pooled])


def _sum(terms: list[Any], like: Any, name: str) -> Any:
    if not terms:
        return layers.Rescaling(0.0, name=name)(like)
    return layers.Add(name=name)(terms) if len(terms) > 1 else terms[0]
