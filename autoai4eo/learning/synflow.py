"""Synaptic flow: a score of an untrained network that depends on no data.

Tanaka et al. 2020, *Pruning neural networks without any data by iteratively conserving
synaptic flow*, arXiv:2006.05467; as a score of architectures: Abdelfattah et al. 2021,
*Zero-Cost Proxies for Lightweight NAS*, arXiv:2101.08134.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from autoai4eo.networks.forward import forward
from autoai4eo.networks.gradients import double_precision, value_and_gradients

_NORMALISATIONS = (
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
)


def synflow(model: keras.Model, shapes: Sequence[Sequence[int]]) -> float:
    """Returns the natural logarithm of Σ θ · ∂R/∂θ over all trainable weights θ.

    R is the sum of the outputs, before a softmax or sigmoid at the end, for one sample
    of ones, if all weights have their absolute values. Normalisations (batch, group,
    layer) and the standardisation of pixels are left out, as batch normalisation is by
    Abdelfattah et al. The sum grows by some orders of magnitude with each layer, so it
    is computed in float64, and its logarithm is returned.

    Args:
        model: see `forward`; it does not change.
        shapes: of a sample of each input.

    Returns:
        -∞ if the outputs depend on no weight; ∞ or NaN beyond the range of float64.

    Raises:
        UserError: see `forward`.
    """
    trained = model.trainable_variables
    fixed = [
        v
        for v in model.non_trainable_variables
        if keras.backend.is_float_dtype(v.dtype)
    ]
    with double_precision():
        weights, others = (
            [ops.abs(ops.cast(v.value, "float64")) for v in variables]
            for variables in (trained, fixed)
        )
        ones = [ops.ones((1, *shape), "float64") for shape in shapes]

        def total(weights: Sequence[Any]) -> tuple[Any, None]:
            values = zip([*trained, *fixed], [*weights, *others], strict=True)
            with keras.StatelessScope() as scope:
                for pair in values:
                    scope.add_update(pair)  # the constructor would make them float32
                _, logits = forward(model, ones, _Linear())
                return sum(ops.sum(x) for x in logits), None

        _, gradients = value_and_gradients(total, weights)
        score = sum(
            float(ops.sum(weight * gradient))
            for weight, gradient in zip(weights, gradients, strict=True)
            if gradient is not None
        )
    return -math.inf if score <= 0 else math.log(score)


class _Linear:
    """Calls layers in float64, except normalisations, which are left out.

    With positive weights and pixels a network is then linear in each weight.
    """

    def __init__(self) -> None:
        self._learnt: dict[int, Any] = {}

    def __call__(
        self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        given = keras.tree.flatten((args, kwargs))
        learnt = any(id(x) in self._learnt for x in given)
        if isinstance(layer, _NORMALISATIONS):
            return args[0]
        if isinstance(layer, layers.Rescaling) and not learnt:
            return args[0]  # it standardises pixels
        args, kwargs = keras.tree.map_structure(_double, (args, kwargs))
        # not `layer(…)`, which would make its inputs and weights float32
        result = layer.call(*args, **kwargs)
        if learnt or getattr(layer, "trainable_variables", None):
            self._learnt |= {id(x): x for x in keras.tree.flatten(result)}
        return result


def _double(value: Any) -> Any:
    if not hasattr(value, "dtype"):
        return value
    kind = keras.backend.standardize_dtype(value.dtype)
    return ops.cast(value, "float64") if keras.backend.is_float_dtype(kind) else value
