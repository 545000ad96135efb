"""Fingerprints of networks, equal for equal networks whatever their layers' names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import keras

from autoai4eo.networks.graph import Call, IsWhole, walk

# Settings that affect neither inference nor, much, training. The dropout rate and
# `trainable` are kept: they change training, although not inference.
_IGNORED_KEYS = ("name", "seed", "build_config")
_IGNORED_ENDINGS = ("initializer", "regularizer", "constraint")


#: Layers that change nothing at inference, by class.
_TRAINING_ONLY = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)


def fingerprint(
    model: Any, is_whole: IsWhole | None = None, *, inference: bool = False
) -> str:
    """A string that is equal for equal networks: same layers, shapes and connections.

    It depends on the shapes and types of the inputs in their order, and for each call
    of a layer on its class, its settings, the identity of the layer (to see sharing)
    and the tensors that it reads, in order: `a + b` differs from `b + a`. Names, seeds,
    initialisers, regularisers and constraints do not matter; of arrays, only the shape
    does, and of a Normalization layer only whether it has statistics. Nesting makes no
    difference: a nested model counts as its layers.

    Args:
        model: the network.
        is_whole: whether a nested model counts as one layer, see `graph.walk`.
        inference: whether layers that act in training only, such as dropout, are left
            out: what is equal then costs the same.

    Returns:
        64 hexadecimal digits (SHA-256).

    Raises:
        UserError: the model, or one inside it, is subclassed and has no graph.
    """
    inputs = [keras.KerasTensor(x.shape, dtype=x.dtype) for x in _inputs(model)]
    numbers = _Numbers()
    lines: list[Any] = [[list(x.shape), x.dtype, numbers.of(x)] for x in inputs]

    def visit(call: Call) -> None:
        if inference and isinstance(call.layer, _TRAINING_ONLY):
            numbers.same(call.result, call.args[0])
            return
        lines.append(
            [
                numbers.of(call.layer),
                _described(call.layer),
                _plain([call.args, dict(call.kwargs)], numbers),
                _plain(call.result, numbers),
            ]
        )

    outputs = walk(model, inputs, visit, is_whole)
    lines.append(_plain(outputs, numbers))
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


class _Numbers:
    """Numbers objects in the order in which they are first met."""

    def __init__(self) -> None:
        self._met: dict[int, tuple[int, Any]] = {}  # holds them, so that ids stay
        self._next = 0

    def of(self, thing: Any) -> int:
        if id(thing) not in self._met:
            self._met[id(thing)] = (self._next, thing)
            self._next += 1
        return self._met[id(thing)][0]

    def same(self, thing: Any, as_other: Any) -> None:
        """Gives a thing the number of another one."""
        self._met[id(thing)] = (self.of(as_other), thing)


def _inputs(model: Any) -> list[Any]:
    return getattr(model, "inputs", None) or []


def _described(layer: Any) -> Any:
    if _inputs(layer):
        return fingerprint(layer)
    try:
        settings = dict(layer.get_config())
    except NotImplementedError:
        settings = {k: v for k, v in vars(layer).items() if not k.startswith("_")}
    if isinstance(layer, keras.layers.Wrapper):
        settings["layer"] = _described(layer.layer)
    if isinstance(layer, keras.layers.Normalization):
        for key in ("mean", "variance"):
            settings[key] = settings[key] is not None  # constants of the data
    return [keras.saving.get_registered_name(type(layer)), _plain(settings)]


def _plain(value: Any, numbers: _Numbers | None = None) -> Any:
    """Converts `value` to JSON's types; equal settings give equal results."""
    if isinstance(value, keras.KerasTensor):
        return {"tensor": numbers.of(value) if numbers else list(value.shape)}
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return {"array": [int(d) for d in value.shape]}
    if isinstance(value, keras.DTypePolicy):
        return value.name
    if isinstance(value, Mapping):
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        return [
            [str(key), _plain(value[key], numbers)]
            for key in sorted(value, key=str)
            if key not in _IGNORED_KEYS and not str(key).endswith(_IGNORED_ENDINGS)
        ]
    if isinstance(value, list | tuple):
        return [_plain(v, numbers) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, slice):
        return ["slice", value.start, value.stop, value.step]
    return getattr(value, "__name__", type(value).__name__)
