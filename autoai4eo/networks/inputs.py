"""Inputs of a network for counting and timing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.files import check_size

InputShapes = Mapping[str, Sequence[int]]


def input_tensors(
    model: Any, batch_size: int, input_shapes: InputShapes | None = None
) -> list[Any]:
    """Returns a KerasTensor of known shape for each of `model.inputs`, in their order.

    Args:
        model: a Keras model that has inputs.
        batch_size: the first dimension, where the model leaves it open.
        input_shapes: input name -> shape without the batch dimension, for inputs of
            open height or width.

    Raises:
        UserError: a dimension stays open, a name is not an input of the model, a
            shape contradicts the model's, or the model has no inputs yet.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise UserError(
            f"expected a model that knows its inputs, found {type(model).__name__} "
            f"{getattr(model, 'name', '')!r} without; make it from keras.Input, or "
            "build a Sequential model with an input shape"
        )
    asked = dict(input_shapes or {})
    unknown = sorted(set(asked) - {x.name for x in inputs})
    if unknown:
        raise UserError(
            f"expected input names among {', '.join(x.name for x in inputs)}, found "
            f"{', '.join(unknown)} in input_shapes; correct the names"
        )
    return [
        keras.KerasTensor(
            (x.shape[0] or batch_size, *_filled(x, asked.get(x.name))), dtype=x.dtype
        )
        for x in inputs
    ]


def random_arrays(tensors: Sequence[Any], seed: int = 0) -> list[np.ndarray]:
    """Returns values for the inputs: uniform in [0, 1) for floats, else zeros.

    Raises:
        UserError: they would need more memory than `max_bytes`.
    """
    for x in tensors:
        check_size(
            f"inputs of shape {tuple(x.shape)}", 8 * math.prod(x.shape), "a batch"
        )
    rng = np.random.default_rng(seed)
    return [
        rng.random(x.shape, "float32")
        if keras.backend.is_float_dtype(x.dtype)
        else np.zeros(x.shape, x.dtype)
        for x in tensors
    ]


def _filled(tensor: Any, asked: Sequence[int] | None) -> tuple[int, ...]:
    known = tuple(tensor.shape[1:])
    shape = known if asked is None else tuple(int(d) for d in asked)
    if len(shape) != len(known) or any(
        k is not None and k != d for k, d in zip(known, shape, strict=True)
    ):
        raise UserError(
            f"expected a shape like {known} for input {tensor.name!r}, found {shape} "
            "in input_shapes; leave the batch dimension out"
        )
    if None in shape:
        raise UserError(
            f"expected known sizes for input {tensor.name!r}, found {known}; give them "
            f"with input_shapes={{{tensor.name!r}: (height, width, bands)}}"
        )
    return shape
