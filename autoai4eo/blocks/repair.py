"""A repair of stock AutoKeras."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from autokeras.graph import Graph
from packaging.version import Version


def needed() -> bool:
    """Returns whether the installed AutoKeras and Keras need the repair."""
    autokeras, keras = Version(version("autokeras")), Version(version("keras"))
    return autokeras.release[:2] == (3, 0) and keras >= Version("3.13")


def repair() -> None:
    """Makes AutoKeras pass plain ints to Keras layers; a second call does nothing.

    Keras from 3.13 on refuses the np.int64 that AutoKeras 3.0 takes from the shapes of
    the data, so that every ClassificationHead raises an error.
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
