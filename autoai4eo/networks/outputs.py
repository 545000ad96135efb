"""The outputs of a network."""

from __future__ import annotations

import keras

from autoai4eo.data.target import Target


def without_spread(network: keras.Model, target: Target) -> keras.Model:
    """Returns a network that predicts values alone, without their spread.

    Args:
        network: its output is (N, values), or (N, 2 · values): the values, then their
            spreads.
        target: of the network.

    Returns:
        The same network, or one of the same layers with output float32 (N, values).
    """
    values = len(target.classes)
    if target.kind != "value" or network.output_shape[-1] != 2 * values:
        return network
    (output,) = network.outputs  # a list also where a file has one output
    return keras.Model(network.inputs, output[:, :values], name=network.name)
