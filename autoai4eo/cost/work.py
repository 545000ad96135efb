"""The work of any call, with or without a rule."""

from __future__ import annotations

import keras

from autoai4eo.cost.registry import Call, Work, elements, no_rule, rule_of
from autoai4eo.cost.rules.operations import operation


def work_of(call: Call) -> Work:
    """Returns the work of one call.

    A layer without weights and without a rule counts one FLOP per output element.

    Raises:
        UserError: a layer has weights but no rule.
    """
    rule = rule_of(call.layer)
    if rule is not None:
        return rule(call)
    if not isinstance(call.layer, keras.Layer):
        return operation(call)
    if call.layer.weights:
        raise no_rule(call.layer)
    return Work(other=sum(elements(shape) for shape in call.outputs))
