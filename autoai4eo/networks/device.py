"""The device that a network runs on: its name, its memory."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import keras

from autoai4eo.errors import UserError


def device_name() -> str:
    """The device on which Keras computes here, as people know it.

    Such as ``"CPU Intel(R) Xeon(R) Processor @ 2.50GHz (2 cores)"``, counting the
    cores that this process may use, or ``"GPU NVIDIA H200"``.

    Raises:
        UserError: the Keras backend is neither TensorFlow nor JAX.
    """
    if tensorflow_backend():
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        if not tf.config.list_logical_devices("GPU"):
            return cpu_name()
        details = tf.config.experimental.get_device_details(devices[0])
        return f"GPU {details.get('device_name', devices[0].name)}"
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return cpu_name()
    return f"{device.platform.upper()} {device.device_kind}"


def on_gpu() -> bool:
    """Whether Keras computes on something else than a CPU here."""
    return not device_name().startswith("CPU ")


def forget_peak_memory() -> None:
    """Starts the count of peak memory anew where the backend can (TensorFlow, GPU)."""
    if tensorflow_backend():
        import tensorflow as tf

        if tf.config.list_logical_devices("GPU"):
            tf.config.experimental.reset_memory_stats("GPU:0")


def peak_memory_bytes() -> int | None:
    """Most memory that was in use on the device, in bytes; None where it cannot tell.

    CPUs do not tell. On TensorFlow since `forget_peak_memory`, on JAX since the
    process began.
    """
    if tensorflow_backend():
        import tensorflow as tf

        if not tf.config.list_logical_devices("GPU"):
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    import jax

    told = jax.devices()[0].memory_stats()
    return None if told is None else told.get("peak_bytes_in_use")


def tensorflow_backend() -> bool:
    """Whether Keras runs on TensorFlow; if not, it runs on JAX.

    Raises:
        UserError: it runs on neither.
    """
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise UserError(
            f"expected the Keras backend tensorflow or jax to measure latency, found "
            f"{backend}; set KERAS_BACKEND, or ask for the counts alone "
            "(latency=False)"
        )
    return backend == "tensorflow"


def cpu_name() -> str:
    """The processor, and how many of its cores this process may use."""
    return f"CPU {_cpu_model()} ({_cores()} cores)"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
