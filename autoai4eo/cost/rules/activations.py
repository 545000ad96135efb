"""FLOPs of an activation function, shared by all layers that hold one."""

from __future__ import annotations

from typing import Any

SOFTMAX_FLOPS = 5  # maximum, subtract, exponential, sum, divide


def activation_flops(activation: Any, count: int) -> int:
    """Returns the FLOPs of `activation` over `count` elements.

    Zero for linear, five per element for softmax and log-softmax (as TensorFlow's
    profiler counts them), one per element for all others.
    """
    name = getattr(activation, "__name__", type(activation).__name__)
    if activation is None or name == "linear":
        return 0
    return count * (SOFTMAX_FLOPS if name in ("softmax", "log_softmax") else 1)
