"""Compiles the inference function of a network, for calls that are timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from autoai4eo.networks.device import tensorflow_backend

Pass = Callable[[], None]


def compiled_pass(model: Any, arrays: Sequence[np.ndarray]) -> Pass:
    """Returns a function that runs `model` once on `arrays` and waits for the result.

    TensorFlow: a `tf.function` of fixed input signature, as in a SavedModel. JAX:
    `jax.jit` over `model.stateless_call`, with the weights as arguments. The inputs are
    moved to the device beforehand. The model is not changed; the compiled code is freed
    with the returned function.

    Args:
        model: a functional or built Sequential model.
        arrays: one array for each of `model.inputs`, batch first.

    Raises:
        UserError: the Keras backend is neither TensorFlow nor JAX.
    """
    if tensorflow_backend():
        return _tensorflow_pass(model, arrays)
    return _jax_pass(model, arrays)


def _tensorflow_pass(model: Any, arrays: Sequence[np.ndarray]) -> Pass:
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays]
    signature = [tf.TensorSpec(t.shape, t.dtype) for t in tensors]

    @tf.function(input_signature=signature, autograph=False)
    def forward(*flat: Any) -> Any:
        return model(structured(model, flat), training=False)

    concrete = forward.get_concrete_function()

    def run() -> None:
        for output in tf.nest.flatten(concrete(*tensors)):
            output.numpy()  # waits for the device

    return run


def _jax_pass(model: Any, arrays: Sequence[np.ndarray]) -> Pass:
    import jax

    weights = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]
    inputs = structured(model, [jax.device_put(array) for array in arrays])

    @jax.jit
    def forward(weights: Any, state: Any, inputs: Any) -> Any:
        return model.stateless_call(weights, state, inputs, training=False)[0]

    def run() -> None:
        jax.block_until_ready(forward(weights, state, inputs))

    return run


def named_outputs(model: Any, flat: Sequence[Any], output: str) -> dict[str, Any]:
    """The outputs at inference by name, as a converter needs them.

    Args:
        model: a functional or built Sequential model.
        flat: a tensor for each of its inputs.
        output: the name of the first output; further ones are ``output_1``, ….
    """
    found = keras.tree.flatten(model(structured(model, flat), training=False))
    return {f"{output}_{i}" if i else output: one for i, one in enumerate(found)}


def structured(model: Any, flat: Sequence[Any]) -> Any:
    """Packs `flat` into the structure of the model's inputs."""
    if isinstance(model, keras.Sequential):
        return flat[0]
    return keras.tree.pack_sequence_as(model.input, list(flat))
