"""Parameters, multiply-adds and FLOPs of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from autoai4eo.cost.registry import Work, has_rule
from autoai4eo.cost.work import work_of
from autoai4eo.networks.graph import walk
from autoai4eo.networks.inputs import InputShapes, input_tensors


@dataclass(frozen=True)
class Counts:
    """What inference on one sample takes.

    Attributes:
        params: number of weights, each once however often its layer is called.
        trainable_params: those that training changes.
        macs: multiply-adds for one sample.
        flops: floating point operations for one sample, 2 × macs + the rest.
    """

    params: int
    trainable_params: int
    macs: int
    flops: int


def count(model: Any, input_shapes: InputShapes | None = None) -> Counts:
    """Counts a network layer by layer, without running it.

    Nested models are entered; a layer that is called twice counts its work twice and
    its parameters once. The conventions stand in `autoai4eo.cost.rules`.

    Args:
        model: a functional or built Sequential Keras model.
        input_shapes: input name -> shape without batch, where the model leaves
            height or width open.

    Raises:
        UserError: a layer has weights and no rule (see `macs_rule`), a model is
            subclassed and has no graph, or an input's shape is not known.
    """
    inputs = input_tensors(model, 1, input_shapes)
    work: list[Work] = []
    walk(model, inputs, lambda call: work.append(work_of(call)), has_rule)
    total = sum(work, Work())
    batch = inputs[0].shape[0]  # more than one where the model fixes it
    return Counts(
        params=_size(model.weights),
        trainable_params=_size(model.trainable_weights),
        macs=total.macs // batch,
        flops=total.flops // batch,
    )


def _size(weights: list[Any]) -> int:
    return sum(math.prod(w.shape) for w in weights)
