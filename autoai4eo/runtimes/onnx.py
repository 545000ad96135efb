"""ONNX Runtime: runs ``.onnx`` files, on a CPU unless another provider is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from autoai4eo.runtimes.base import (
    FLOAT32,
    Calibration,
    FileRuntime,
    Pixels,
    Run,
    cores,
)
from autoai4eo.runtimes.onnx_graph import write_graph

if TYPE_CHECKING:
    import keras

#: What is quantised. The rest are few, small operations on raw pixels.
_QUANTISED = ["Conv", "MatMul", "Gemm"]


class ONNX(FileRuntime):
    """Converts by tf2onnx."""

    name = "onnx"
    distribution = "onnxruntime"
    needs = ("tf2onnx", "onnx", "onnxruntime")
    runs_with = "onnxruntime"
    suffix = ".onnx"
    tolerances: ClassVar[Mapping[str, float]] = {FLOAT32: 1e-3, "int8": 0.5}
    reorders_int8: ClassVar[bool] = True

    def write(
        self,
        model: keras.Model,
        out: Path,
        output: str = "output",
        precision: str = FLOAT32,
        calibration: Calibration | None = None,
    ) -> None:
        """See `FileRuntime.write`.

        By tf2onnx itself: Keras's own ``export(format="onnx")`` calls it, too, but
        leaves the output without a name of its own.
        """
        if precision == "int8":
            plain = out.with_name(f"plain-{out.name}")
            write_graph(model, plain, output, self.reorders_int8)
            _quantise(plain, out, calibration)
            plain.unlink()
        else:
            write_graph(model, out, output)

    def load(
        self, file: Path, precision: str = FLOAT32, threads: int | None = None
    ) -> Run:
        """See `FileRuntime.load`."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        return lambda pixels: np.asarray(session.run(None, dict(pixels))[0])


def _quantise(plain: Path, out: Path, calibration: Calibration | None) -> None:
    """Static quantisation: int8 weights and activations around each convolution."""
    from onnxruntime import quantization

    assert calibration is not None, "int8 needs patches of the training data"

    patches = calibration()

    class Patches(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            found: Pixels | None = next(patches, None)
            return None if found is None else dict(found)

    inferred = plain.with_name(f"inferred-{out.name}")
    quantization.quant_pre_process(str(plain), str(inferred), skip_symbolic_shape=True)
    quantization.quantize_static(
        str(inferred),
        str(out),
        Patches(),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=_QUANTISED,
        per_channel=True,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    inferred.unlink()
