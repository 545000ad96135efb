"""OpenVINO: runs networks on Intel's and AMD's CPUs, in bfloat16 where they can.

It reads the ``.onnx`` files of `onnx.ONNX` without a conversion of its own, and folders
with its own files: `FILE`, and the weights beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.files import scratch_folder
from autoai4eo.runtimes.base import FLOAT32, Calibration, Run, cores
from autoai4eo.runtimes.onnx import ONNX

if TYPE_CHECKING:
    import keras

#: The network in a folder of OpenVINO's own files; ``.bin`` beside it has the weights.
FILE = "network.xml"

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
    # next to a quantised convolution, OpenVINO would quantise the standardisation, too
    reorders_int8 = False

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
                    "(AVX-512 BF16 or AMX), found one that does not; use float32 or "
                    "int8"
                )

    def write_folder(
        self,
        model: keras.Model,
        out: Path,
        output: str = "output",
        precision: str = FLOAT32,
        calibration: Calibration | None = None,
    ) -> None:
        """Writes a network as a folder of OpenVINO's own files.

        Args:
            model: see `FileRuntime.write`.
            out: the folder; it does not exist yet.
            output: see `FileRuntime.write`.
            precision: ``"float32"`` or ``"int8"``.
            calibration: see `FileRuntime.write`.
        """
        import openvino

        with scratch_folder() as folder:
            file = folder / "network.onnx"
            self.write(model, file, output, precision, calibration)
            read = openvino.Core().read_model(str(file))
            out.mkdir()
            openvino.save_model(read, str(out / FILE), compress_to_fp16=False)

    def reads(self, path: Path) -> bool:
        """See `FileRuntime.reads`."""
        return super().reads(path) or (path / FILE).is_file()

    def load(
        self, file: Path, precision: str = FLOAT32, threads: int | None = None
    ) -> Run:
        """See `FileRuntime.load`; `file` may also be a folder of `write_folder`."""
        import openvino

        model = openvino.Core().compile_model(
            str(file / FILE if file.is_dir() else file),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "INFERENCE_NUM_THREADS": threads or cores(),
                "PERFORMANCE_HINT": "LATENCY",
            },
        )
        request = model.create_infer_request()
        return lambda pixels: np.array(request.infer(dict(pixels))[0])
