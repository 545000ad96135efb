"""Compiles the inference function of a network, for calls that are timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from autoai4eo.networks.device import tensorflow_backend

Pass = Callable[[], None]


@dataclass(frozen=True)
class CompiledPass:
    """One forward pass, ready to be called.

    Attributes:
        run: runs it once and returns when the device is done.
        memory_bytes: that it needs on its device for weights, inputs, outputs and all
            between, as the compiler (XLA) planned it; None where that is not told
            (TensorFlow).
    """

    run: Pass
    memory_bytes: int | None = None

    def __call__(self) -> None:
        """Runs it."""
        self.run()


def compiled_pass(model: Any, arrays: Sequence[np.ndarray]) -> CompiledPass:
    """Returns a pass that runs `model` once on `arrays` and waits for the result.

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


def _tensorflow_pass(model: Any, arrays: Sequence[np.ndarray]) -> CompiledPass:
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

    return CompiledPass(run)


def _jax_pass(model: Any, arrays: Sequence[np.ndarray]) -> CompiledPass:
    import jax

    weights = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]
    inputs = structured(model, [jax.device_put(array) for array in arrays])

    @jax.jit
    def forward(weights: Any, state: Any, inputs: Any) -> Any:
        return model.stateless_call(weights, state, inputs, training=False)[0]

    compiled = forward.lower(weights, state, inputs).compile()
    planned = compiled.memory_analysis()

    def run() -> None:
        jax.block_until_ready(compiled(weights, state, inputs))

    if planned is None:
        return CompiledPass(run)
    return CompiledPass(
        run,
        planned.argument_size_in_bytes
        + planned.output_size_in_bytes
        + planned.temp_size_in_bytes
        - planned.alias_size_in_bytes,
    )


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
