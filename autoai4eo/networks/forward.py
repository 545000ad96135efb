"""A forward pass of an untrained network, call by call, up to its logits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from autoai4eo.errors import UserError
from autoai4eo.networks.graph import Apply, has_graph, in_order, through

#: Names of layers and of raw operations.
_SQUASHING = ("Softmax", "Sigmoid")
_ACTIVATIONS = (keras.activations.softmax, keras.activations.sigmoid)


def forward(model: Any, inputs: list[Any], apply: Apply) -> tuple[list[Any], list[Any]]:
    """Sends values through a model: `autoai4eo.networks.graph.through`, and its logits.

    Batch normalisation uses the statistics of the batch, as in training; dropout and
    random augmentation are off.

    Args:
        model: see `has_graph`; so must its nested models be.
        inputs: one for each of `model.inputs`.
        apply: computes a call of a layer or raw operation, also those of nested models,
            from the layer, its arguments and its keyword arguments. A last layer with
            softmax or sigmoid as its activation is called twice.

    Returns:
        The outputs; the outputs before a softmax or sigmoid at the end.

    Raises:
        UserError: the model, or one inside it, has no graph of layers.
    """
    squashed: dict[int, tuple[Any, ...]] = {}

    def each(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(layer, keras.Function | keras.Model):
            return _through(layer, in_order(layer, args[0]), each)
        kwargs = {**_training(layer), **kwargs}
        result = apply(layer, args, kwargs)
        if _squashes(layer):
            # holds the result, too, so that no other one gets its id
            squashed[id(result)] = (layer, args, kwargs, result)
        return result

    def logits(output: Any) -> Any:
        if id(output) not in squashed:
            return output
        layer, args, kwargs, _ = squashed[id(output)]
        if type(layer).__name__ in (*_SQUASHING, "Activation"):
            return args[0]
        with _linear(layer):
            return apply(layer, args, kwargs)

    outputs = keras.tree.flatten(_through(model, inputs, each))
    return outputs, [logits(output) for output in outputs]


def _through(model: Any, inputs: list[Any], apply: Apply) -> Any:
    if not has_graph(model):
        raise UserError(
            "expected a functional or a built Sequential Keras model, found "
            f"{type(model).__name__} {getattr(model, 'name', '')!r} without a graph of "
            "layers; build it from keras.Input"
        )
    return through(model, inputs, apply)


def _training(layer: Any) -> dict[str, bool]:
    if "training" not in inspect.signature(layer.call).parameters:
        return {}
    return {"training": isinstance(layer, keras.layers.BatchNormalization)}


def _squashes(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    return type(layer).__name__ in _SQUASHING or activation in _ACTIVATIONS


@contextmanager
def _linear(layer: Any) -> Iterator[None]:
    """Takes the activation of a layer away while it is open."""
    kept = layer.activation
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = kept
