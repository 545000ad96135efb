"""OpenVINO: runs ``.onnx`` files on Intel's and AMD's CPUs, in bfloat16 where they can.

The file is that of `onnx.ONNX`: OpenVINO reads it without a conversion of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.runtimes.base import FLOAT32, Run, cores
from autoai4eo.runtimes.onnx import ONNX

_BFLOAT16 = "bfloat16"
_HINTS = {FLOAT32: "f32", _BFLOAT16: "bf16", "int8": "f32"}


class OpenVINO(ONNX):
    """See `ONNX` for the conversion."""

    name = "openvino"
    distribution = "openvino"
    extra = "openvino"
    needs = ("tf2onnx", "onnx", "openvino")
    runs_with = "openvino"
    tolerances: ClassVar[Mapping[str, float]] = {
        FLOAT32: 1e-3,
        _BFLOAT16: 0.05,
        "int8": 0.5,
    }

    def check_precision(self, precision: str) -> None:
        """See `Runtime.check_precision`."""
        super().check_precision(precision)
        if precision == _BFLOAT16:
            self.check_installed()
            import openvino

            found = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            if "BF16" not in found:
                raise UserError(
                    "precision bfloat16: expected a CPU that computes in bfloat16 "
                    f"(AVX-512 BF16 or AMX), found one with {', '.join(found)}; use "
                    "float32 or int8"
                )

    def load(
        self, file: Path, precision: str = FLOAT32, threads: int | None = None
    ) -> Run:
        """See `FileRuntime.load`."""
        import openvino

        model = openvino.Core().compile_model(
            str(file),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "INFERENCE_NUM_THREADS": threads or cores(),
                "PERFORMANCE_HINT": "LATENCY",
            },
        )
        request = model.create_infer_request()
        return lambda pixels: np.array(request.infer(dict(pixels))[0])
