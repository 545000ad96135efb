"""Gradients of a number that a network's output gives, on every Keras backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from autoai4eo.networks.compiled import structured


def gradients(
    model: keras.Model,
    arrays: Sequence[np.ndarray],
    number_of: Callable[[Any], Any],
    training: bool = False,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns the gradients of a number by the network's weights and by its inputs.

    Args:
        model: the network; its variables stay as they are on JAX, and are those that a
            pass leaves on TensorFlow.
        arrays: for each input, float (N, …).
        number_of: of the network's output.
        training: whether normalisations use the statistics of these samples.

    Returns:
        A gradient for each of `model.trainable_weights`, and for each input; 0 where
        the number does not depend on it.

    Raises:
        NotImplementedError: the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        found = _tensorflow(model, arrays, number_of, training)
    elif backend == "jax":
        found = _jax(model, arrays, number_of, training)
    else:
        raise NotImplementedError(f"no gradients on the Keras backend {backend}")
    of_weights, of_inputs = found
    return [np.asarray(g) for g in of_weights], [np.asarray(g) for g in of_inputs]


def _tensorflow(
    model: Any, arrays: Any, number_of: Any, training: bool
) -> tuple[list[Any], list[Any]]:
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(array) for array in arrays]
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        number = number_of(model(structured(model, tensors), training=training))
    every = [*weights, *tensors]
    found = tape.gradient(number, every, unconnected_gradients="zero")
    return found[: len(weights)], found[len(weights) :]


def _jax(
    model: Any, arrays: Any, number_of: Any, training: bool
) -> tuple[list[Any], list[Any]]:
    import jax

    state = [v.value for v in model.non_trainable_variables]

    def number(weights: Any, tensors: Any) -> Any:
        given = structured(model, tensors)
        output, _ = model.stateless_call(weights, state, given, training=training)
        return number_of(output)

    weights = [v.value for v in model.trainable_variables]
    found: tuple[list[Any], list[Any]]
    found = jax.grad(number, argnums=(0, 1))(weights, [*map(jax.numpy.asarray, arrays)])
    return found
