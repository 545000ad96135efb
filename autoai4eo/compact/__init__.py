"""Differentiable search of a compact cell and of each block's depth.

The method of Traoré, Camero and Zhu (2021), *Compact neural architecture search for
local climate zones classification*, ESANN.
"""

from autoai4eo.compact.classifier import classifier_of
from autoai4eo.compact.network import build
from autoai4eo.compact.search import search
from autoai4eo.compact.settings import CompactSettings
from autoai4eo.networks.genotype import Architecture, Genotype
from autoai4eo.report.cell import draw_cell

__all__ = [
    "Architecture",
    "CompactSettings",
    "Genotype",
    "build",
    "classifier_of",
    "draw_cell",
    "search",
]
