"""Differentiable search of a compact cell and of each block's depth.

The method of Traoré, Camero and Zhu (2021), *Compact neural architecture search for
local climate zones classification*, ESANN.
"""

from autoai4eo.blocks.cells.genotype import Architecture, Genotype
from autoai4eo.compact.network import build

__all__ = ["Architecture", "Genotype", "build"]
