"""Walks a network call by call, with known shapes.

The only module that touches Keras's private parts (`Function._run_through_graph`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from autoai4eo.errors import UserError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """One call of a layer in a network; the argument of a rule.

    All shapes are known and include the batch as first dimension, so a rule counts
    the elements of the whole batch.

    Attributes:
        layer: the Keras layer (or raw `keras.ops` operation) that is called.
        args: positional arguments, tensors as `keras.KerasTensor`.
        kwargs: arguments by name.
        result: the output, a KerasTensor or a structure of them.
    """

    layer: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any

    @property
    def inputs(self) -> list[Shape]:
        """Shapes of all tensors and arrays among the arguments, in their order."""
        given = keras.tree.flatten((self.args, dict(self.kwargs)))
        return [_known(self.layer, x) for x in given if hasattr(x, "shape")]

    @property
    def outputs(self) -> list[Shape]:
        """Shapes of all outputs."""
        return [_known(self.layer, x) for x in keras.tree.flatten(self.result)]

    @property
    def input(self) -> Shape:
        """Shape of the first input."""
        return self.inputs[0]

    @property
    def output(self) -> Shape:
        """Shape of the first output."""
        return self.outputs[0]

    def argument(self, name: str) -> Any:
        """Returns the argument `name` of `layer.call`, or None if it is left out."""
        bound = inspect.signature(self.layer.call).bind(*self.args, **self.kwargs)
        return bound.arguments.get(name)


Visit = Callable[[Call], None]
Apply = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
IsWhole = Callable[[Any], bool]


def walk(
    model: Any, inputs: list[Any], visit: Visit, is_whole: IsWhole | None = None
) -> Any:
    """Sends shapes through a model and calls `visit` for each call of each layer.

    Layers of nested models are visited, too; a layer that is called twice is visited
    twice. The order depends only on the connections, not on the names of layers or on
    when they were made.

    Args:
        model: a functional `keras.Model`, a built `keras.Sequential`, or a
            `keras.Function`.
        inputs: one KerasTensor for each of `model.inputs`.
        visit: called with each `Call` of a layer or raw operation.
        is_whole: returns whether a nested model is visited as one layer.

    Returns:
        The model's outputs as KerasTensors.

    Raises:
        UserError: the model, or one inside it, has no graph to look into.
    """
    if not has_graph(model):
        kind = type(model).__name__
        raise UserError(
            f"expected a functional or a built Sequential Keras model, found {kind} "
            f"{getattr(model, 'name', '')!r} without a graph of layers; build it from "
            f"keras.Input, or tell its cost with @autoai4eo.cost.macs_rule({kind}) "
            "and use it inside a functional model"
        )
    return through(
        model,
        inputs,
        lambda layer, args, kwargs: step(layer, args, kwargs, visit, is_whole),
    )


def through(model: Any, inputs: list[Any], apply: Apply) -> Any:
    """Sends any values through a model that `has_graph`; `apply` computes each call.

    Args:
        model: its nested models are passed to `apply` like layers.
        inputs: one for each of `model.inputs`; they need not be tensors.
        apply: takes a layer or raw operation with its arguments, in which the values
            replace the tensors of the graph; returns the result of the call.
    """
    if isinstance(model, keras.Sequential):
        flow = inputs[0]
        for layer in model.layers:
            flow = apply(layer, (flow,), {})
        return flow
    return model._run_through_graph(
        inputs,
        operation_fn=lambda operation: (
            lambda *args, **kwargs: apply(operation, args, kwargs)
        ),
    )


def step(
    layer: Any,
    args: tuple[Any, ...],
    kwargs: Any,
    visit: Visit,
    is_whole: IsWhole | None = None,
) -> Any:
    """Makes one call of a layer or model inside a walk and returns its outputs."""
    if isinstance(layer, keras.Function | keras.Model) and not (
        is_whole is not None and is_whole(layer)
    ):
        given = in_order(layer, args[0]) if has_graph(layer) else []
        return walk(layer, given, visit, is_whole)
    result = layer.compute_output_spec(*args, **kwargs)
    if _open(result) and not _open((args, kwargs)):
        # EinsumDense, for example, leaves dimensions open: trace its call instead.
        result = keras.Operation.compute_output_spec(layer, *args, **kwargs)
    visit(Call(layer, args, kwargs, result))
    return result


def _open(structure: Any) -> bool:
    """Returns whether a dimension of a tensor in the structure is unknown."""
    tensors = [x for x in keras.tree.flatten(structure) if hasattr(x, "shape")]
    return any(None in x.shape for x in tensors)


def has_graph(model: Any) -> bool:
    """Returns whether Keras's own forward pass runs the model's graph of layers."""
    if not isinstance(model, keras.Function | keras.Sequential):
        return False
    own_call = type(model).call.__module__.split(".")[0] != "keras"
    return not own_call and getattr(model, "inputs", None) is not None


def in_order(model: Any, given: Any) -> list[Any]:
    """Returns the arguments of a nested model, one for each of its `inputs`."""
    if isinstance(given, dict) and not isinstance(model.input, dict):
        return [given[x.name] for x in model.inputs]
    return list(keras.tree.flatten(given))


def _known(layer: Any, tensor: Any) -> Shape:
    if None in tensor.shape:
        raise UserError(
            f"expected known shapes, found {tuple(tensor.shape)} at "
            f"{type(layer).__name__} {layer.name!r}; give the sizes of the inputs "
            "with input_shapes={name: shape without batch}"
        )
    return tuple(int(d) for d in tensor.shape)
