"""Whether a training ended because the device's memory did."""

from __future__ import annotations


def is_out_of_memory(error: BaseException) -> bool:
    """Whether TensorFlow, JAX or Python say so."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )
