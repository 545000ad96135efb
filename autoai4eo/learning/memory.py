"""Recognises that the device ran out of memory."""

from __future__ import annotations


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error of TensorFlow, JAX or Python means out of memory."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
    )
