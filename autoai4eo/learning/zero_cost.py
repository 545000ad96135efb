"""Scores of untrained networks ("zero-cost proxies") from one batch of samples.

Abdelfattah et al. 2021, *Zero-cost proxies for lightweight NAS*, arXiv:2101.08134,
compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from autoai4eo.networks.gradients import gradients

_SCALED = layers.Rescaling | layers.Normalization
_SMALL = 1e-5

#: Names of the scores.
SCORES = ("synflow", "jacobian_covariance", "gradient_norm", "naswot")


def zero_cost_scores(
    model: keras.Model,
    pixels: Mapping[str, np.ndarray],
    targets: np.ndarray,
    loss: Callable[[Any, Any], Any],
) -> dict[str, float]:
    """Returns scores of a network that is not trained; more is better of each.

    ``synflow``
        the logarithm of Σ |θ| ∂R/∂|θ| over the kernels of all layers, where R is the
        sum of the outputs for an input of ones, with the absolute value of every
        kernel (Tanaka et al. 2020, arXiv:2006.05467). Normalisations have their first
        statistics, so that they change nothing.
    ``jacobian_covariance``
        -Σ log(v + ε) + 1/(v + ε), with ε = 1e-5, over the eigenvalues v of the
        correlations between samples of the gradient of the outputs by the pixels
        (Mellor et al. 2020, arXiv:2006.04647, first version).
    ``gradient_norm``
        the Euclidean norm of the gradient of the loss by all weights.
    ``naswot``
        the logarithm of the determinant of the matrix that counts, for each two
        samples, the ReLUs that are open or closed for both (Mellor et al. 2021,
        arXiv:2006.04647); only of a network with ReLUs.

    The outputs are those before a softmax or sigmoid at the end. But for synflow,
    normalisations use the statistics of the samples. The network stays as it was.

    Args:
        model: with its first weights.
        pixels: of N samples, by input.
        targets: encoded, see `Task.encode`, (N, …).
        loss: of targets and the network's output.

    Returns:
        The scores that are finite, by name.
    """
    arrays = [np.asarray(pixels[node.name], "float32") for node in model.inputs]
    logits = keras.Model(model.inputs, _before_activation(model))
    with _as_before(model):
        found = {
            "synflow": _synflow(model, logits),
            "jacobian_covariance": _jacobian_covariance(logits, arrays),
            "gradient_norm": _gradient_norm(model, arrays, targets, loss),
            "naswot": _naswot(model, arrays),
        }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _before_activation(model: keras.Model) -> Any:
    (output,) = model.outputs
    last = next(layer for layer in model.layers if layer.output is output)
    return (
        last.input if isinstance(last, layers.Softmax | layers.Activation) else output
    )


@contextmanager
def _as_before(model: keras.Model) -> Iterator[None]:
    """Restores all variables at the end, also the state of random generators."""
    kept = [np.array(v) for v in model.variables]
    try:
        yield
    finally:
        for variable, value in zip(model.variables, kept, strict=True):
            variable.assign(value)


def _synflow(model: keras.Model, logits: keras.Model) -> float:
    entries = [_standardised(model, node) for node in model.inputs]
    inner = keras.Model(entries, logits.outputs)
    ones = [np.ones((1, *entry.shape[1:]), "float32") for entry in entries]
    kernels = [w.name.endswith("kernel") for w in inner.trainable_weights]
    before = [np.array(w) for w in inner.trainable_weights]
    for weight, is_kernel in zip(inner.trainable_weights, kernels, strict=True):
        if is_kernel:
            weight.assign(ops.abs(weight))
    found, _ = gradients(inner, ones, ops.sum)
    total = sum(
        float(np.sum(np.abs(value, dtype=float) * gradient))
        for value, gradient, is_kernel in zip(before, found, kernels, strict=True)
        if is_kernel
    )
    for weight, value in zip(inner.trainable_weights, before, strict=True):
        weight.assign(value)
    return float(np.log(total)) if total > 0 else np.nan


def _standardised(model: keras.Model, node: Any) -> Any:
    """The pixels after the layer that standardises them, if there is one."""
    after = [
        layer
        for layer in model.layers
        if isinstance(layer, _SCALED) and layer.input is node
    ]
    return after[0].output if len(after) == 1 else node


def _jacobian_covariance(logits: keras.Model, arrays: list[np.ndarray]) -> float:
    _, by_input = gradients(logits, arrays, ops.sum, training=True)
    jacobian = np.hstack([g.reshape(len(g), -1) for g in by_input]).astype(float)
    if (jacobian.std(axis=1) == 0).any():
        return np.nan  # a sample on which nothing depends
    values = np.linalg.eigvalsh(np.corrcoef(jacobian)) + _SMALL
    if (values <= 0).any():
        return np.nan
    return float(-np.sum(np.log(values) + 1 / values))


def _gradient_norm(
    model: keras.Model, arrays: list[np.ndarray], targets: np.ndarray, loss: Any
) -> float:
    def number(output: Any) -> Any:
        return loss(ops.convert_to_tensor(targets), output)

    found, _ = gradients(model, arrays, number, training=True)
    return float(np.sqrt(sum(np.square(g, dtype=float).sum() for g in found)))


def _naswot(model: keras.Model, arrays: list[np.ndarray]) -> float:
    relus = [
        layer.output
        for layer in model.layers
        if isinstance(layer, layers.ReLU)
        or getattr(layer, "activation", None) is keras.activations.relu
    ]
    if not relus:
        return np.nan
    samples = len(arrays[0])
    kernel = np.zeros((samples, samples))
    outputs = keras.Model([*model.inputs], relus)(arrays, training=True)
    for output in keras.tree.flatten(outputs):
        is_open = (keras.ops.convert_to_numpy(output) > 0).reshape(samples, -1)
        some = is_open.astype("float32")
        kernel += some @ some.T + (1 - some) @ (1 - some).T
    _, logarithm = np.linalg.slogdet(kernel)
    return float(logarithm)
