"""The fitness landscape of recorded networks."""

from autoai4eo.nasbench.landscape.differences import landscape_differences
from autoai4eo.nasbench.landscape.figures import landscape_figures
from autoai4eo.nasbench.landscape.reading import read_landscape

__all__ = ["landscape_differences", "landscape_figures", "read_landscape"]
