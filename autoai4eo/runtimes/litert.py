"""LiteRT (TensorFlow Lite): runs ``.tflite`` files, also on phones and drones."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autoai4eo.files import scratch_folder
from autoai4eo.quiet import held_back
from autoai4eo.runtimes.base import FLOAT32, Calibration, FileRuntime, Run, cores

if TYPE_CHECKING:
    import keras

#: These stay float32 in an int8 network. They are few, and their results (standardised
#: pixels, index channels, masks of missing pixels) lose too much in 256 levels for all
#: bands of an input together: on the So2Sat layout the largest difference fell from
#: 0.22 to 0.07, the file grew by 1 % (benchmarks/README.md).
FLOAT = ("ADD", "SUB", "MUL", "DIV", "SELECT_V2")


class LiteRT(FileRuntime):
    """Converts by TensorFlow; inputs and output are float32 in every precision."""

    name = "litert"
    distribution = "ai-edge-litert"
    extra = "litert"
    needs = ("ai_edge_litert",)
    runs_with = "ai_edge_litert"
    suffix = ".tflite"
    # int8: single patches may change class; the loss over many is measured
    tolerances: ClassVar[Mapping[str, float]] = {
        FLOAT32: 1e-3,
        "float16": 0.05,
        "int8": 0.5,
    }

    def write(
        self,
        model: keras.Model,
        out: Path,
        output: str = "output",
        precision: str = FLOAT32,
        calibration: Calibration | None = None,
    ) -> None:
        """See `FileRuntime.write`."""
        import tensorflow as tf

        from autoai4eo.networks.savedmodel import write_signature

        with scratch_folder() as folder:
            write_signature(model, folder / "savedmodel", output)
            converter = tf.lite.TFLiteConverter.from_saved_model(
                str(folder / "savedmodel")
            )
            if precision != FLOAT32:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if precision == "float16":
                converter.target_spec.supported_types = [tf.float16]
            with warnings.catch_warnings(), held_back():
                # TensorFlow's converter uses the interpreter that it deprecates
                warnings.filterwarnings("ignore", message=r"(?s).*tf\.lite\.Interp")
                if precision == "int8":
                    content = _int8(converter, calibration)
                else:
                    content = converter.convert()
        out.write_bytes(content)

    def load(
        self, file: Path, precision: str = FLOAT32, threads: int | None = None
    ) -> Run:
        """See `FileRuntime.load`."""
        from ai_edge_litert.interpreter import Interpreter

        with held_back():
            model = Interpreter(str(file), num_threads=threads or cores())
            model.allocate_tensors()  # which tells how it computes
            signature = model.get_signature_runner()
        return lambda pixels: np.asarray(next(iter(signature(**pixels).values())))


def _int8(converter: Any, calibration: Calibration | None) -> bytes:
    import tensorflow as tf

    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        tf.lite.OpsSet.TFLITE_BUILTINS,
    ]
    converter.representative_dataset = calibration
    # the one public way to leave operations in float32
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter,
        debug_dataset=calibration,
        debug_options=tf.lite.experimental.QuantizationDebugOptions(
            denylisted_ops=list(FLOAT)
        ),
    )
    content: bytes = debugger.get_nondebug_quantized_model()
    return content
