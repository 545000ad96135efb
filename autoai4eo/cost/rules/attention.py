"""Attention: projections, scores and the weighted sum of values (Vaswani 2017)."""

from __future__ import annotations

import math
from typing import Any

import keras

from autoai4eo.cost.registry import Call, Shape, Work, elements, macs_rule
from autoai4eo.cost.rules.activations import SOFTMAX_FLOPS


@macs_rule(keras.layers.MultiHeadAttention)
def multi_head_attention(call: Call) -> Work:
    """Projections of query, key, value and output, `scores` for each head.

    Masks, dropout and a sliding window save nothing: all products are computed.
    """
    config = call.layer.get_config()
    _, _, value = _query_key_value(call)
    heads, key_dim = config["num_heads"], config["key_dim"]
    axes = config["attention_axes"] or range(1, len(value) - 1)
    seen = math.prod(value[axis] for axis in axes)
    return _projected(
        call,
        seen=seen,
        heads=heads,
        key_heads=heads,
        key_dim=key_dim,
        value_dim=config["value_dim"] or key_dim,
        use_bias=config["use_bias"],
        use_gate=config["use_gate"],
    )


@macs_rule(keras.layers.GroupQueryAttention)
def group_query_attention(call: Call) -> Work:
    """As `multi_head_attention`; groups of query heads share a key and value head.

    Ainslie et al., 2023. Repeating the shared heads is free, their products are not.
    """
    config = call.layer.get_config()
    _, _, value = _query_key_value(call)
    return _projected(
        call,
        seen=value[1],
        heads=config["num_query_heads"],
        key_heads=config["num_key_value_heads"],
        key_dim=config["head_dim"],
        value_dim=config["head_dim"],
        use_bias=config["use_bias"],
        use_gate=config["use_gate"],
    )


@macs_rule(keras.layers.Attention)
def attention(call: Call) -> Work:
    """`scores` of one head; with score_mode "concat" add, tanh and sum in FLOPs."""
    query, key, value = _listed(call)
    pairs = elements(query[:-1]) * key[-2]
    if call.layer.score_mode == "dot":
        return scores(pairs, key[-1], value[-1], scaled=call.layer.use_scale)
    other = pairs * (3 * key[-1] + 1 + SOFTMAX_FLOPS)
    return Work(pairs * value[-1], other)


@macs_rule(keras.layers.AdditiveAttention)
def additive_attention(call: Call) -> Work:
    """Add and tanh in FLOPs for each pair and channel, then the scaled sum as MACs.

    Bahdanau et al., 2015.
    """
    query, key, value = _listed(call)
    pairs = elements(query[:-1]) * key[-2]
    other = pairs * (2 * key[-1] + SOFTMAX_FLOPS)
    return Work(pairs * (key[-1] + value[-1]), other)


def scores(pairs: int, key_dim: int, value_dim: int, *, scaled: bool = True) -> Work:
    """Dot products, scaling and softmax of all query-key pairs; weighted values."""
    return Work(pairs * (key_dim + value_dim), pairs * (SOFTMAX_FLOPS + int(scaled)))


def _projected(
    call: Call,
    *,
    seen: int,
    heads: int,
    key_heads: int,
    key_dim: int,
    value_dim: int,
    use_bias: bool,
    use_gate: bool,
) -> Work:
    query, key, value = _query_key_value(call)
    positions, output = elements(query[:-1]), elements(call.output)
    sizes = [  # (output elements, input features) of each projection
        (positions * heads * key_dim, query[-1]),
        (elements(key[:-1]) * key_heads * key_dim, key[-1]),
        (elements(value[:-1]) * key_heads * value_dim, value[-1]),
        (output, heads * value_dim),
    ]
    gate = positions * heads * value_dim
    if use_gate:
        sizes.append((gate, query[-1]))
    work = Work(
        macs=sum(count * features for count, features in sizes),
        other=sum(count for count, _ in sizes) if use_bias else 0,
    )
    if use_gate:
        work += Work(other=2 * gate)  # sigmoid, multiply
    return work + scores(positions * seen * heads, key_dim, value_dim)


def _query_key_value(call: Call) -> tuple[Shape, Shape, Shape]:
    query, value, key = (call.argument(name) for name in ("query", "value", "key"))
    return _shapes(query, value if key is None else key, value)


def _listed(call: Call) -> tuple[Shape, Shape, Shape]:
    query, value, *key = call.argument("inputs")
    return _shapes(query, key[0] if key else value, value)


def _shapes(query: Any, key: Any, value: Any) -> tuple[Shape, Shape, Shape]:
    return tuple(query.shape), tuple(key.shape), tuple(value.shape)
