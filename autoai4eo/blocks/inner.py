"""A block inside a block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import autokeras as ak


def build_inside(
    outer: ak.Block,
    inner: ak.Block,
    kind: str,
    hp: Any,
    tensors: Any,
    inputs: Sequence[Any] | None = None,
    build: Callable[[Any, Any], Any] | None = None,
) -> Any:
    """Returns what the inner block builds.

    Its hyperparameters stand below those of the outer one, as
    ``outer/outer_kind/name``. It gets its name here, since a graph names its blocks
    after they are made.

    Args:
        outer: the block of the graph.
        inner: a block that is in no graph.
        kind: the end of its name.
        hp: KerasTuner's hyperparameters, in the scope of the outer block.
        tensors: the inputs of the inner block.
        inputs: the nodes that they come from; None: those of the outer block.
        build: the method that builds; None: ``inner.build``.
    """
    inner.name = f"{outer.name}_{kind}"
    inner.inputs = outer.inputs if inputs is None else list(inputs)
    if build is None:
        return inner.build(hp, tensors)
    with hp.name_scope(inner.name):
        return build(hp, tensors)
