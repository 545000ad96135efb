"""The multiply-adds of a trunk of cells, without building it."""

from __future__ import annotations

from autoai4eo.networks.genotype import Architecture, Genotype

_STEM = 3  # kernel size of the stem and of the depthwise convolutions of a reduction
_REDUCED = 4  # nodes of a reduction cell
_AGAIN = 2  # depthwise and pointwise convolutions of a separable one


def trunk_macs(
    architecture: Architecture, height: int, width: int, channels: int
) -> int:
    """Returns those of the convolutions of `trunk` for one sample.

    They are exact if every input of the cells is used. Found cells use both; one that
    no node uses is counted, and left out of the network.

    Args:
        architecture: cells, depths and width.
        height, width, channels: of the input.
    """
    wide, genotype = architecture.channels, architecture.genotype
    total = height * width * _STEM**2 * channels * wide
    first = second = wide
    for i, depth in enumerate(architecture.depths):
        filters = wide * 2**i
        if i:
            total += height * width * (first + second) * filters
            height, width = -(-height // 2), -(-width // 2)
            total += 2 * height * width * (_STEM**2 + filters) * filters
            first, second = second, _REDUCED * filters
        start = second
        for _ in range(depth):
            inner = cell_macs(genotype, filters)
            total += height * width * ((first + second) * filters + inner)
            first, second = second, len(genotype.nodes) * filters
        first = start
    return total


def cell_macs(genotype: Genotype, filters: int) -> int:
    """Returns those of the operations of a normal cell, for each of its pixels."""
    kinds = [kind for pairs in genotype.nodes for kind, _ in pairs]
    return sum(_operation_macs(kind, filters) for kind in kinds)


def _operation_macs(kind: str, filters: int) -> int:
    if "conv" not in kind:
        return 0
    once = (int(kind[-1]) ** 2 + filters) * filters
    return once if kind.startswith("dil") else _AGAIN * once
