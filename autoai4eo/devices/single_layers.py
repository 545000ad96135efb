"""Networks of one layer, which a device profile measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import keras
import numpy as np

from autoai4eo.cost.layers import LayerConfiguration
from autoai4eo.networks.graph import Call


def can_stand_alone(call: Call) -> bool:
    """Whether a layer can be a network: its arguments are tensors, and nothing else."""
    given = keras.tree.flatten(call.args)
    return (
        isinstance(call.layer, keras.Layer)
        and not call.kwargs
        and all(isinstance(x, keras.KerasTensor) for x in given)
    )


def one_layer(call: Call) -> keras.Model:
    """A network of a new layer with the settings of the called one, and its inputs."""
    given = keras.tree.flatten(call.args)
    inputs = [
        keras.Input(x.shape[1:], dtype=x.dtype, name=f"x{i}")
        for i, x in enumerate(given)
    ]
    layer = type(call.layer).from_config(call.layer.get_config())
    arguments = keras.tree.pack_sequence_as(call.args, inputs)
    alone = inputs if len(inputs) > 1 else inputs[0]
    return keras.Model(alone, layer(*arguments))


def choose(calls: Mapping[LayerConfiguration, Call], number: int) -> list[Call]:
    """Chooses layers of each kind, spread evenly from small to large.

    Half of the layers have multiply-adds, where there are so many: their latency
    varies most.

    Args:
        calls: by configuration.
        number: of layers at most.
    """
    alone = {layer: call for layer, call in calls.items() if can_stand_alone(call)}
    working = [layer for layer in alone if layer.macs]
    others = [layer for layer in alone if not layer.macs]
    half = max(number // 2, number - len(others))
    chosen = _by_kind(working, half)
    chosen += _by_kind(others, number - len(chosen))
    return [alone[layer] for layer in chosen]


def _by_kind(
    layers: Iterable[LayerConfiguration], number: int
) -> list[LayerConfiguration]:
    """Takes from each kind in turn until there are so many, or no more."""
    kinds: dict[str, list[LayerConfiguration]] = {}
    for layer in sorted(layers, key=_size):
        kinds.setdefault(layer.kind, []).append(layer)
    shares = dict.fromkeys(kinds, 0)
    while sum(shares.values()) < number:
        open_ = [kind for kind in kinds if shares[kind] < len(kinds[kind])]
        if not open_:
            break
        # the kind with the smallest share of its layers; at least one of each
        least = min(open_, key=lambda kind: shares[kind] / len(kinds[kind]))
        shares[least] += 1
    return [
        kinds[kind][i]
        for kind, share in shares.items()
        for i in np.linspace(0, len(kinds[kind]) - 1, share).round().astype(int)
    ]


def _size(layer: LayerConfiguration) -> tuple[int, int, str]:
    return layer.macs, layer.elements, repr(layer)
