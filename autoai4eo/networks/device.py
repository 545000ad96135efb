"""The device that a network runs on: its name, its memory."""

from __future__ import annotations

import re

import keras

from autoai4eo.errors import UserError
from autoai4eo.networks.processor import cpu_name as cpu_name


def device_name() -> str:
    """Returns the name of the device on which Keras computes here.

    For example ``"CPU Intel(R) Xeon(R) Processor @ 2.50GHz (2 cores)"``, counting the
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


def cuda_version() -> str | None:
    """Returns the version of CUDA that Keras computes with here; None without a GPU."""
    if not on_gpu():
        return None
    if tensorflow_backend():
        import tensorflow as tf

        version = tf.sysconfig.get_build_info().get("cuda_version")
        return None if version is None else str(version)
    import jax

    # of 12.9 it tells "cuda 12090"
    told = re.search(r"cuda (\d+)", jax.devices()[0].client.platform_version)
    if told is None:
        return None
    number = int(told[1])
    return f"{number // 1000}.{number % 1000 // 10}"


def forget_peak_memory() -> None:
    """Resets the peak memory, if the backend supports that (TensorFlow on a GPU)."""
    if tensorflow_backend():
        import tensorflow as tf

        if tf.config.list_logical_devices("GPU"):
            tf.config.experimental.reset_memory_stats("GPU:0")


def peak_memory_bytes() -> int | None:
    """Returns the peak memory on the device in bytes, or None if it is not reported.

    CPUs do not report it. On TensorFlow it counts since `forget_peak_memory`, on JAX
    since the process began.
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
    """Returns whether Keras runs on TensorFlow; otherwise it runs on JAX.

    Raises:
        UserError: Keras runs on neither.
    """
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise UserError(
            f"expected the Keras backend tensorflow or jax to measure latency, found "
            f"{backend}; set KERAS_BACKEND, or ask for the counts alone "
            "(latency=False)"
        )
    return backend == "tensorflow"
