"""Gradients on the Keras backends TensorFlow and JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras


def value_and_gradients(
    function: Callable[[Sequence[Any]], tuple[Any, Any]], values: Sequence[Any]
) -> tuple[tuple[Any, Any], list[Any]]:
    """Computes a function and its gradients.

    Args:
        function: of `values`; returns a number to differentiate, (), and anything else.
        values: float tensors of the backend. On TensorFlow they may be `tf.Variable`,
            which the function may also read directly.

    Returns:
        What the function returns; a gradient for each value. If the number does not
        depend on a value, its gradient is None on TensorFlow, zeros on JAX.

    Raises:
        NotImplementedError: the backend is neither TensorFlow nor JAX.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            result = function(values)
        return result, tape.gradient(result[0], values)
    if backend == "jax":
        import jax

        return jax.value_and_grad(function, has_aux=True)(values)
    raise NotImplementedError(f"no gradients on the Keras backend {backend}")


@contextmanager
def double_precision() -> Iterator[None]:
    """Allows tensors of float64 while it is open; otherwise JAX makes them float32."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    with jax.enable_x64(True):
        yield
