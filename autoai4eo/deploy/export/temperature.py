"""Temperature scaling: a network that is as sure as it is right.

Guo et al. 2017, arXiv:1706.04599. All logits are divided by one temperature: above 1 it
makes a network less sure, and never changes which class it takes for the likeliest.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.runs.folder import Run

#: Where a network is right on every sample, no temperature is low enough.
LOWEST, HIGHEST = 0.05, 20.0


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Class probabilities (N, classes) as they are at another temperature, float64."""
    from scipy.special import softmax

    return np.asarray(softmax(_logits(probabilities) / temperature, axis=-1))


def fit_temperature(y_true: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature at which the truth is likeliest, from 0.05 to 20.

    Args:
        y_true: true class indices, shape (N,), of samples that the network was not
            trained on.
        probabilities: of each class as a softmax gives them, shape (N, classes).
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    logits = _logits(probabilities)
    true = logits[np.arange(len(y_true)), y_true]

    def loss(log_temperature: float) -> float:
        t = np.exp(log_temperature)
        return float((logsumexp(logits / t, axis=-1) - true / t).mean())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(found.x))


def with_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """A copy of a network whose logits are divided by a temperature.

    The kernel and the bias of its last dense layer are, so that it is made of the same
    layers as before.

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
    run: Path, finalist: keras.Model, trial: int | None
) -> keras.Model:
    """The finalist of a run with the temperature that was fitted for it.

    Raises:
        UserError: another trial is asked for, whose temperature nobody fitted, or there
            is none.
    """
    if trial is not None:
        raise UserError(
            f"calibrated: expected the finalist, found trial {trial}, for which no "
            "temperature was fitted; leave out --trial, or make it the finalist "
            "(clf.select)"
        )
    return with_temperature(finalist, temperature_of(run))


def temperature_of(run: Path) -> float:
    """The temperature that was fitted for the finalist of a run.

    Raises:
        UserError: none was.
    """
    kept = Run(run).read_evaluation()
    if "temperature" not in kept:
        raise UserError(
            f"{run}: expected a finalist whose temperature was fitted, found none; "
            "`autoai4eo fit` with the same arguments fits it"
        )
    return float(kept["temperature"])


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Logits, but for a constant in each row, which a softmax takes no note of."""
    tiny = np.finfo(np.float32).tiny
    return np.log(np.maximum(np.asarray(probabilities, np.float64), tiny))


def _logits_layer(model: keras.Model) -> str:
    """The name of the dense layer whose outputs become probabilities."""
    last = model.outputs[0]._keras_history.operation
    if isinstance(last, keras.layers.Dense) and _is_softmax(last):
        return str(last.name)
    if isinstance(last, keras.layers.Softmax) or _is_softmax(last):
        before = last.input._keras_history.operation
        if isinstance(before, keras.layers.Dense) and (
            before.activation is keras.activations.linear
        ):
            return str(before.name)
    raise UserError(
        "temperature: expected a network that ends with a dense layer and a softmax, "
        f"found {type(last).__name__} ({last.name}) at its end; use it as it is"
    )


def _is_softmax(layer: keras.layers.Layer) -> bool:
    return getattr(layer, "activation", None) is keras.activations.softmax
