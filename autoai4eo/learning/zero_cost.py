"""Scores of untrained networks ("zero-cost proxies") from one batch of samples.

Abdelfattah et al. 2021, *Zero-Cost Proxies for Lightweight NAS*, arXiv:2101.08134,
compares them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from autoai4eo.learning.synflow import synflow
from autoai4eo.networks.forward import forward
from autoai4eo.networks.gradients import value_and_gradients

#: Names of the scores.
SCORES = ("synflow", "jacobian_covariance", "gradient_norm", "naswot")

#: Added to eigenvalues, as the authors of the jacobian covariance do.
_EPSILON = 1e-5
_RELU_ACTIVATIONS = (
    keras.activations.relu,
    keras.activations.relu6,
    keras.activations.leaky_relu,
)


def zero_cost_scores(
    model: keras.Model,
    pixels: Mapping[str, np.ndarray],
    targets: np.ndarray,
    loss: Callable[[Any, Any], Any],
) -> dict[str, float]:
    """Returns scores of a network that is not trained; it stays as it was.

    ``synflow``
        see `autoai4eo.learning.synflow`.
    ``jacobian_covariance``
        see `jacobian_covariance`; of the derivatives of a sample's outputs, summed, by
        its pixels in standard deviations of their band, so that units do not matter.
    ``gradient_norm``
        the Euclidean norm of the gradient of the loss by all trainable weights.
        (Abdelfattah et al. sum the norms of the layers.)
    ``naswot``
        see `naswot`; of all ReLU of the network.

    Batch normalisation uses the statistics of the samples, dropout is off, and outputs
    are those before a softmax or sigmoid at the end, except for the loss.

    Args:
        model: with its first weights, see `forward`.
        pixels: of N samples, by input, in the units of the file, (N, …).
        targets: encoded, see `Task.encode`, (N, …).
        loss: of targets and the network's output.

    Returns:
        The scores that are finite, by name: none of gradients that overflow, no
        ``naswot`` of a network without ReLU.

    Raises:
        UserError: the model, or one inside it, has no graph of layers.
    """
    arrays = [np.asarray(pixels[node.name], "float32") for node in model.inputs]
    jacobian, kernel = _jacobian_and_kernel(model, arrays)
    found = {
        "synflow": synflow(model, [array.shape[1:] for array in arrays]),
        "jacobian_covariance": jacobian_covariance(jacobian),
        "gradient_norm": _gradient_norm(model, arrays, targets, loss),
        "naswot": naswot(kernel) if kernel.any() else math.nan,
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def jacobian_covariance(jacobian: np.ndarray) -> float:
    """Returns how much the derivatives of samples differ; they had better differ.

    It is −Σ (ln(λ + ε) + 1 / (λ + ε)) over the eigenvalues λ of the correlation matrix
    of the samples, with ε = 1e-5 (Mellor et al. 2020, *Neural Architecture Search
    without Training*, arXiv:2006.04647v1; ``jacob_cov`` of Abdelfattah et al.).
    Constant derivatives have no correlation: they count as equal to each other and
    unlike all others.

    Args:
        jacobian: derivatives for each of N samples, (N, pixels).

    Returns:
        NaN if a derivative is not finite.
    """
    rows = jacobian.astype(np.float64)
    if not np.isfinite(rows).all():
        return math.nan
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    rounding = np.finfo(np.float32).eps * np.linalg.norm(rows, axis=1)
    constant = norms <= rounding
    units = centred / np.where(constant, math.inf, norms)[:, None]
    correlation = units @ units.T + np.outer(constant, constant)
    values = np.maximum(np.linalg.eigvalsh(correlation), 0) + _EPSILON
    return -float(np.sum(np.log(values) + 1 / values))


def naswot(kernel: np.ndarray) -> float:
    """Returns the logarithm of the determinant of a kernel of ReLU patterns.

    Mellor et al. 2021, *Neural Architecture Search without Training*,
    arXiv:2006.04647v3. 1e-5 is added to the diagonal, so that it is finite where two
    samples have the same pattern; elsewhere that hardly changes it.

    Args:
        kernel: for each two of N samples, the number of ReLU that are open for both or
            closed for both, (N, N).
    """
    _, value = np.linalg.slogdet(kernel + _EPSILON * np.eye(len(kernel)))
    return float(value)


def _jacobian_and_kernel(
    model: keras.Model, arrays: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the arguments of `jacobian_covariance` and `naswot`."""

    def total(tensors: Sequence[Any]) -> tuple[Any, Any]:
        kernels: list[Any] = []

        def apply(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            result = layer(*args, **kwargs)
            if _is_relu(layer):
                kernels.append(_in_same_state(result))
            return result

        with keras.StatelessScope():
            _, logits = forward(model, list(tensors), apply)
            return sum(ops.sum(x) for x in logits), kernels

    tensors = [ops.convert_to_tensor(array) for array in arrays]
    (_, kernels), gradients = value_and_gradients(total, tensors)
    samples = len(arrays[0])
    columns = []
    for array, gradient in zip(arrays, gradients, strict=True):
        if gradient is None:  # nothing depends on this input
            gradient = ops.zeros_like(array)
        but_bands = tuple(range(array.ndim - 1))
        spread = np.ma.masked_invalid(array).std(axis=but_bands).filled(0)
        scaled = ops.convert_to_numpy(gradient) * spread
        columns.append(scaled.reshape(samples, -1))
    kernel = np.zeros((samples, samples))
    for each in kernels:
        kernel += ops.convert_to_numpy(each)
    return np.concatenate(columns, axis=1), kernel


def _gradient_norm(
    model: keras.Model, arrays: Sequence[np.ndarray], targets: np.ndarray, loss: Any
) -> float:
    variables = model.trainable_variables
    tensors = [ops.convert_to_tensor(array) for array in arrays]

    def number(weights: Sequence[Any]) -> tuple[Any, None]:
        with keras.StatelessScope(list(zip(variables, weights, strict=True))):
            (output,), _ = forward(model, tensors, _called)
            return loss(ops.convert_to_tensor(targets), output), None

    weights = [ops.convert_to_tensor(v.value) for v in variables]
    _, gradients = value_and_gradients(number, weights)
    found = [ops.convert_to_numpy(g) for g in gradients if g is not None]
    return math.sqrt(sum(np.square(g, dtype=float).sum() for g in found))


def _called(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return layer(*args, **kwargs)


def _is_relu(layer: Any) -> bool:
    if isinstance(layer, layers.ReLU | layers.LeakyReLU | layers.PReLU):
        return True
    if type(layer).__name__ in ("Relu", "Relu6", "LeakyRelu"):  # raw operations
        return True
    return getattr(layer, "activation", None) in _RELU_ACTIVATIONS


def _in_same_state(result: Any) -> Any:
    """Returns how many of the ReLU (N, …) are in the same state, for each two samples.

    They are open where their result is positive, exact in float32 up to 16 million.
    """
    is_open = ops.cast(result > 0, "float32")
    is_open = ops.reshape(is_open, (is_open.shape[0], -1))
    closed = 1 - is_open
    return is_open @ ops.transpose(is_open) + closed @ ops.transpose(closed)
