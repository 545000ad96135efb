"""Functions that the backend traces once, however often a network calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function of tensors that is traced once for the same shapes."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        traced: Callable[..., Any] = tf.function(
            function, experimental_attributes={"_noinline": True}
        )
        return traced
    if backend == "jax":
        import jax

        compiled: Callable[..., Any] = jax.jit(function)
        return compiled
    return function
