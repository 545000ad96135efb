"""Dense layers, einsum layers, look-up tables."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras

from autoai4eo.cost.registry import Call, Shape, Work, elements, macs_rule
from autoai4eo.cost.rules.activations import activation_flops


@macs_rule(keras.layers.Dense)
def dense(call: Call) -> Work:
    """Output elements × input features, at each position of inputs of rank > 2."""
    count = elements(call.output)
    bias = count if call.layer.use_bias else 0
    other = bias + activation_flops(call.layer.activation, count)
    return Work(count * call.input[-1], other)


@macs_rule(keras.layers.EinsumDense)
def einsum_dense(call: Call) -> Work:
    """The product of all dimensions that the equation names, see `einsum_macs`."""
    layer = call.layer
    kernel = tuple(layer.kernel.shape)
    count = elements(call.output)
    bias = count if layer.bias_axes else 0
    other = bias + activation_flops(layer.activation, count)
    return Work(einsum_macs(layer.equation, [call.input, kernel]), other)


@macs_rule(keras.layers.Embedding)
def embedding(call: Call) -> Work:
    """A look-up moves data and computes nothing."""
    return Work()


@macs_rule(keras.layers.Dot)
def dot(call: Call) -> Work:
    """Output elements × length of the contracted axis; normalising is not counted."""
    axes = call.layer.axes
    axis = axes if isinstance(axes, int) else axes[0]
    return Work(elements(call.output) * call.input[axis])


def einsum_macs(equation: str, shapes: Sequence[Shape]) -> int:
    """Returns the multiply-adds of an einsum: the product of all dimensions.

    That is for two operands; each further operand costs the same again (no order of
    contraction is searched).
    """
    sizes: dict[str, int] = {}
    unnamed = 1
    terms = equation.replace(" ", "").split("->")[0].split(",")
    for term, shape in zip(terms, shapes, strict=True):
        left, _, right = term.partition("...")
        named = len(left) + len(right)
        tail = shape[len(shape) - len(right) :]
        for letter, size in [
            *zip(left, shape[: len(left)], strict=True),
            *zip(right, tail, strict=True),
        ]:
            sizes[letter] = max(size, sizes.get(letter, 1))
        middle = shape[len(left) : len(left) + len(shape) - named]
        unnamed = max(unnamed, math.prod(middle))
    return math.prod(sizes.values()) * unnamed * max(len(terms) - 1, 1)
