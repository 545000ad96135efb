"""Runtimes by name: what runs a network where it is deployed.

A runtime converts a Keras network to its own form, runs it, and so measures what it
costs there. A new one is a file here and an entry in `RUNTIMES`; each passes
``tests/runtimes/test_contract.py``.
"""

from __future__ import annotations

from autoai4eo.errors import UserError
from autoai4eo.runtimes.base import FileRuntime as FileRuntime
from autoai4eo.runtimes.base import Pixels as Pixels
from autoai4eo.runtimes.base import Prepared as Prepared
from autoai4eo.runtimes.base import Runtime as Runtime
from autoai4eo.runtimes.keras_backend import KerasBackend
from autoai4eo.runtimes.litert import LiteRT
from autoai4eo.runtimes.onnx import ONNX
from autoai4eo.runtimes.openvino import OpenVINO

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        KerasBackend("tensorflow"),
        KerasBackend("jax"),
        ONNX(),
        LiteRT(),
        OpenVINO(),
    )
}


def runtime_of(name: str, precision: str = "float32") -> Runtime:
    """The runtime of a name, checked: it is installed and has this precision.

    Raises:
        UserError: an unknown name or precision, a missing package, or a runtime that
            needs another Keras backend than the one in use.
    """
    if name not in RUNTIMES:
        raise UserError(f"runtime: expected one of {', '.join(RUNTIMES)}, got {name!r}")
    RUNTIMES[name].check(precision)
    return RUNTIMES[name]


def default_runtime() -> str:
    """The runtime that people deploy on: ONNX Runtime on a CPU, else Keras's backend.

    Where Keras runs on JAX it is JAX, because networks are converted by TensorFlow.

    Raises:
        UserError: Keras runs on neither.
    """
    from autoai4eo.networks.device import on_gpu, tensorflow_backend

    if not tensorflow_backend():
        return "jax"
    return "tensorflow" if on_gpu() else "onnx"
