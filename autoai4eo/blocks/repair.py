"""The one repair that stock AutoKeras needs."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from autokeras.graph import Graph
from packaging.version import Version


def needed() -> bool:
    """Whether the installed pair of AutoKeras and Keras is known to need it."""
    autokeras, keras = Version(version("autokeras")), Version(version("keras"))
    return autokeras.release[:2] == (3, 0) and keras >= Version("3.13")


def repair() -> None:
    """Make AutoKeras hand plain ints to Keras layers; doing it twice changes nothing.

    Keras from 3.13 on refuses the np.int64 that AutoKeras 3.0 takes from the shapes of
    the data, so that every ClassificationHead raises.
    """
    original = Graph.set_io_shapes
    if not needed() or hasattr(original, "unrepaired"):
        return

    def set_io_shapes(self: Any, shapes: Any) -> None:
        original(self, shapes)
        heads = [node.in_blocks[0] for node in self.outputs]
        for owner in [*self.inputs, *heads]:
            owner.shape = tuple(int(n) for n in owner.shape)

    set_io_shapes.unrepaired = original  # type: ignore[attr-defined]
    Graph.set_io_shapes = set_io_shapes
