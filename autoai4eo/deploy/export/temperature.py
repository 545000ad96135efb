"""Temperature scaling: calibrates the probabilities of a network.

Guo et al. 2017, arXiv:1706.04599. All logits are divided by one temperature. One above
1 lowers the confidence; none changes which class is the likeliest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from autoai4eo.errors import UserError
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which, network_id


def with_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """Returns a copy of a network whose logits are divided by a temperature.

    The kernel and the bias of the last dense layer are divided, so the layers stay the
    same.

    Raises:
        UserError: the network does not end with a dense layer and a softmax.
    """
    if not temperature > 0:
        raise UserError(f"temperature: expected a number above 0, got {temperature}")
    name = _logits_layer(model)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    layer = copy.get_layer(name)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return copy


def with_fitted_temperature(
    run: Path, finalist: keras.Model, trial: Which
) -> keras.Model:
    """Returns the finalist of a run with its fitted temperature.

    Raises:
        UserError: `trial` is given (only the finalist has a temperature), or the run
            has no temperature.
    """
    if trial is not None:
        raise UserError(
            f"calibrated: expected the finalist, found {network_id(trial)}, for which "
            "no temperature was fitted; leave out --trial, or make it the finalist "
            "(clf.select)"
        )
    return with_temperature(finalist, temperature_of(run))


def temperature_of(run: Path) -> float:
    """Returns the temperature that was fitted for the finalist of a run.

    Raises:
        UserError: the run has none.
    """
    kept = Run(run).read_evaluation()
    if "temperature" not in kept:
        raise UserError(
            f"{run}: expected a finalist whose temperature was fitted, found none; "
            "`autoai4eo fit` with the same arguments fits it"
        )
    return float(kept["temperature"])


def _logits_layer(model: keras.Model) -> str:
    """The name of the dense layer whose outputs become probabilities."""
    last = _layer_of(model, model.outputs[0])
    if isinstance(last, keras.layers.Dense) and _is_softmax(last):
        return str(last.name)
    if isinstance(last, keras.layers.Softmax) or _is_softmax(last):
        before = _layer_of(model, last.input)
        if isinstance(before, keras.layers.Dense) and (
            before.activation is keras.activations.linear
        ):
            return str(before.name)
    raise UserError(
        "temperature: expected a network that ends with a dense layer and a softmax, "
        f"found {type(last).__name__} ({last.name}) at its end; use it as it is"
    )


def _layer_of(model: keras.Model, tensor: Any) -> keras.layers.Layer:
    """The layer of a model whose output is a tensor."""
    return next(layer for layer in model.layers if layer.output is tensor)


def _is_softmax(layer: keras.layers.Layer) -> bool:
    return getattr(layer, "activation", None) is keras.activations.softmax
