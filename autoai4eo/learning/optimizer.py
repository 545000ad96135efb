"""An optimiser with a lower learning rate for pretrained layers.

Discriminative fine-tuning (Howard and Ruder 2018, arXiv:1801.06146). It replaces
tensorflow-addons' MultiOptimizer, which does not run with Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from autoai4eo.errors import UserError

_WARM_UP = 0.05


@keras.utils.register_keras_serializable(package="autoai4eo")
class LayerwiseAdamW(keras.optimizers.Adam):
    """AdamW (Loshchilov and Hutter 2019) with a factor on each variable's rate.

    The factor multiplies step and decoupled weight decay, so that 0 freezes a variable.
    `layerwise_adamw` makes one for a model.

    Args:
        factors: one per trainable variable, in the order of
            ``model.trainable_variables``.
        learning_rate: a number or a schedule, for a factor of 1.
        weight_decay: share of a weight that is subtracted per step, times the rate.
        kwargs: of `keras.optimizers.Adam`.
    """

    def __init__(
        self,
        factors: Sequence[float],
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        name: str = "layerwise_adamw",
        **kwargs: Any,
    ) -> None:
        # not Keras's own decay, which has one rate for all variables
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.factors = [float(factor) for factor in factors]
        self.decoupled_decay = float(weight_decay)

    def build(self, variables: Any) -> None:
        """Sets the variables to train.

        Raises:
            UserError: the numbers of variables and factors differ.
        """
        if len(variables) != len(self.factors):
            raise UserError(
                f"expected {len(self.factors)} trainable variables, one for each "
                f"factor, got {len(variables)}; make the optimizer with "
                "layerwise_adamw(model, …) after changing trainable"
            )
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one variable, at its own rate."""
        factor = self.factors[self._get_variable_index(variable)]
        rate = keras.ops.cast(learning_rate, variable.dtype) * factor
        self.assign_sub(variable, variable * (rate * self.decoupled_decay))
        super().update_step(gradient, variable, rate)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {
            **super().get_config(),
            "factors": self.factors,
            "weight_decay": self.decoupled_decay,
        }


def layerwise_adamw(
    model: keras.Model, factors: Mapping[str, float], **kwargs: Any
) -> LayerwiseAdamW:
    """Returns the optimizer for `model` with learning-rate factors of its layers.

    Args:
        model: with its layers frozen or not, as for the training.
        factors: by name of a layer of ``model.layers``; that of a nested model applies
            to all its layers. Other layers have the factor 1.
        kwargs: of `LayerwiseAdamW`.

    Raises:
        UserError: no layer has this name, or a factor is negative.
    """
    by_variable: dict[int, float] = {}
    for name, factor in factors.items():
        if factor < 0:
            raise UserError(
                f"expected a learning-rate factor of 0 or more for {name!r}, got "
                f"{factor}; 0 freezes the layer"
            )
        layer = next((layer for layer in model.layers if layer.name == name), None)
        if layer is None:
            raise UserError(
                f"expected a layer of {model.name!r} for the learning-rate factor, "
                f"got {name!r}; its layers are "
                f"{', '.join(layer.name for layer in model.layers)}"
            )
        by_variable.update({id(v): factor for v in layer.trainable_variables})
    return LayerwiseAdamW(
        [by_variable.get(id(v), 1.0) for v in model.trainable_variables], **kwargs
    )


def warm_cosine(
    rate: float, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Returns a rate that rises linearly for 5 % of the steps, and falls to 0.

    It falls as a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983).

    Args:
        rate: the highest one.
        steps: number of training batches.
    """
    warm_up = max(1, round(_WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=rate / warm_up,
        decay_steps=max(1, steps - warm_up),
        warmup_target=rate,
        warmup_steps=warm_up,
    )
