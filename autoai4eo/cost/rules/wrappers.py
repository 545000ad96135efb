"""Layers around another layer."""

from __future__ import annotations

import keras

from autoai4eo.cost.registry import Call, Work, has_rule, macs_rule
from autoai4eo.cost.work import work_of
from autoai4eo.networks.graph import step


@macs_rule(keras.layers.TimeDistributed)
def time_distributed(call: Call) -> Work:
    """The inner layer at every time step: steps count as a larger batch."""
    batch, steps, *rest = call.input
    folded = keras.KerasTensor((batch * steps, *rest), dtype=call.args[0].dtype)
    return _inner(call, folded)


@macs_rule(keras.layers.SpectralNormalization)
def spectral_normalization(call: Call) -> Work:
    """The inner layer: only training divides its kernel (Miyato et al., 2018)."""
    return _inner(call, call.args[0])


def _inner(call: Call, tensor: keras.KerasTensor) -> Work:
    found: list[Work] = []
    step(
        call.layer.layer,
        (tensor,),
        {},
        lambda inner: found.append(work_of(inner)),
        has_rule,
    )
    return sum(found, Work())
