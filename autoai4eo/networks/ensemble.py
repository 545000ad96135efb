"""An ensemble of networks as one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras

from autoai4eo.errors import UserError


def weighted_mean(
    members: Mapping[str, keras.Model], weights: Sequence[float]
) -> keras.Model:
    """Returns one network whose output is the weighted mean of its members' outputs.

    It has the inputs of its members, which share them; each member, with its own
    preprocessing, is a nested model of the given name. Apart from the members' layers
    it has only layers of Keras, so Keras alone can open it. An ensemble of one network
    gives exactly the output of that network.

    Args:
        members: functional networks by name, with the same inputs and output shape.
        weights: of each member, above 0; they are divided by their sum.

    Raises:
        UserError: there is no member, a weight is not above 0, or members have other
            inputs or outputs.
    """
    if not members or len(weights) != len(members) or min(weights) <= 0:
        raise UserError(
            "ensemble: expected one or more networks and a weight above 0 for each, "
            f"found {len(members)} networks and the weights {list(weights)}; leave "
            "members without a weight out"
        )
    first = next(iter(members.values()))
    for name, member in members.items():
        if _form(member) != _form(first):
            raise UserError(
                f"ensemble: expected networks of the form {_form(first)}, found "
                f"{_form(member)} in {name}; leave it out"
            )
    inputs = [
        keras.Input(node.shape[1:], dtype=node.dtype, name=node.name)
        for node in first.inputs
    ]
    by_name = {node.name: node for node in inputs}
    total = sum(weights)
    terms = []
    for (name, member), weight in zip(members.items(), weights, strict=True):
        nested = keras.Model(member.inputs, member.outputs, name=name)
        given = [by_name[node.name] for node in nested.inputs]
        output = keras.tree.flatten(nested(given if len(given) > 1 else given[0]))[0]
        if len(members) > 1:
            output = keras.layers.Rescaling(weight / total, name=f"{name}_weight")(
                output
            )
        terms.append(output)
    mean = keras.layers.Add(name="mean")(terms) if len(terms) > 1 else terms[0]
    return keras.Model(inputs, mean, name="ensemble")


def _form(network: keras.Model) -> tuple[object, ...]:
    """Returns the inputs by name and the shape of the output."""
    inputs = sorted((node.name, tuple(node.shape[1:])) for node in network.inputs)
    return (*inputs, tuple(network.output_shape[1:]))
