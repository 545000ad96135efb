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
    """Number of weights, and the operations of inference on one sample.

    Attributes:
        params: number of weights; a shared weight counts once.
        trainable_params: number of weights that training changes.
        macs: multiply-adds for one sample.
        flops: floating point operations for one sample, 2 × macs + the rest.
    """

    params: int
    trainable_params: int
    macs: int
    flops: int


def count(model: Any, input_shapes: InputShapes | None = None) -> Counts:
    """Counts a network layer by layer, without running it.

    Layers of nested models are counted, too. A layer that is called twice counts its
    work twice and its parameters once. `autoai4eo.cost.rules` lists the conventions.

    Args:
        model: a functional or built Sequential Keras model.
        input_shapes: input name -> shape without batch, where the model leaves
            height or width open.

    Raises:
        UserError: a layer has weights but no rule (see `macs_rule`), a model is
            subclassed and has no graph, or the shape of an input is unknown.
    """
    inputs = input_tensors(model, 1, input_shapes)
    work: list[Work] = []
    walk(model, inputs, lambda call: work.append(work_of(call)), has_rule)
    total = sum(work, Work())
    batch = inputs[0].shape[0]  # larger than 1 if the model has a fixed batch size
    return Counts(
        params=_size(model.weights),
        trainable_params=_size(model.trainable_weights),
        macs=total.macs // batch,
        flops=total.flops // batch,
    )


def _size(weights: list[Any]) -> int:
    return sum(math.prod(w.shape) for w in weights)
