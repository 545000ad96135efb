"""The rules that count the work of layers, and a decorator that adds rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from autoai4eo.errors import UserError
from autoai4eo.networks.graph import Call, Shape


@dataclass(frozen=True)
class Work:
    """The arithmetic of one call of a layer.

    Attributes:
        macs: multiply-adds; one multiplication with its addition counts as one.
        other: other floating point operations: biases, activations, comparisons.
    """

    macs: int = 0
    other: int = 0

    @property
    def flops(self) -> int:
        """Floating point operations, 2 × MACs + the rest."""
        return 2 * self.macs + self.other

    def __add__(self, more: Work) -> Work:
        return Work(self.macs + more.macs, self.other + more.other)


Rule = Callable[[Call], Work]
R = TypeVar("R", bound=Rule)

_RULES: dict[type, Rule] = {}


def macs_rule(*layer_classes: type) -> Callable[[R], R]:
    """Registers the decorated function as the rule of one or more layer classes.

    The function takes a `Call` and returns a `Work`. The rule also applies to
    subclasses that do not override `call`. A second rule for the same class replaces
    the first.

    Example:
        >>> @macs_rule(MyConvolution)
        ... def my_convolution(call: Call) -> Work:
        ...     return Work(macs=elements(call.output) * 9 * call.input[-1])
    """

    def register(rule: R) -> R:
        for layer_class in layer_classes:
            _RULES[layer_class] = rule
        return rule

    return register


def rule_of(layer: Any) -> Rule | None:
    """Returns the rule for a layer, or None if it has no rule."""
    for known in type(layer).__mro__:
        if known in _RULES:
            # A subclass with its own forward pass may do other work than its parent.
            same = getattr(type(layer), "call", None) is getattr(known, "call", None)
            return _RULES[known] if same else None
    return None


def has_rule(layer: Any) -> bool:
    """Returns whether a layer has a rule."""
    return rule_of(layer) is not None


def no_rule(layer: Any) -> UserError:
    """Returns the error for a layer without a rule."""
    kind = type(layer).__name__
    return UserError(
        f"expected layers whose cost is known, found {kind} {layer.name!r}, which has "
        f"weights or layers inside and no rule; add one with "
        f"@autoai4eo.cost.macs_rule({kind})"
    )


def elements(shape: Shape) -> int:
    """Returns the number of elements of a tensor of this shape."""
    return math.prod(shape)
