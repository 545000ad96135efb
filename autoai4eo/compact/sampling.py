"""Draws one operation for each edge, so that the draw has a gradient."""

from __future__ import annotations

from typing import Any

from keras import ops, random


def gumbel(shape: tuple[int, ...], seed: Any) -> Any:
    """Returns standard Gumbel noise, float32; all values are finite.

    It is drawn from the open interval (0, 1), so no value has to be drawn again.
    """
    least = 1e-20
    uniform = random.uniform(
        shape, minval=least, maxval=1.0, dtype="float32", seed=seed
    )
    # 1.0 cannot be drawn, but rounding may reach it
    uniform = ops.clip(uniform, least, 1 - 6e-8)
    return -ops.log(-ops.log(uniform))


def hard_sample(logits: Any, noise: Any, temperature: Any) -> tuple[Any, Any]:
    """Draws an operation for each edge (Jang et al. 2017, arXiv:1611.01144).

    The gate is 1, and its gradient is that of the softmax at this temperature
    (straight through, as GDAS does, arXiv:1910.04465).

    Args:
        logits: (edges, operations).
        noise: Gumbel noise of the same shape.
        temperature: of the softmax, above 0.

    Returns:
        The drawn operations, int32 (edges,), and their gates, float32 (edges,).
    """
    soft = ops.softmax((ops.log_softmax(logits, axis=-1) + noise) / temperature)
    drawn = ops.cast(ops.argmax(soft, axis=-1), "int32")
    chosen = ops.one_hot(drawn, logits.shape[-1], dtype="float32")
    share = ops.sum(chosen * soft, axis=-1)
    return drawn, 1 + share - ops.stop_gradient(share)
