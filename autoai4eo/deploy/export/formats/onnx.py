"""ONNX: a file that onnxruntime and many others run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from autoai4eo.deploy.export.formats.base import Calibration, Format, output_of


class ONNX(Format):
    """An ``.onnx`` file; its inputs are named as the model's."""

    name = "onnx"
    suffix = ".onnx"
    extra = "onnx"
    needs = ("tf2onnx", "onnx", "onnxruntime")
    tolerances: ClassVar[Mapping[str | None, float]] = {None: 1e-3}
    framework = "ONNX"
    distribution = "onnx"
    artifact_type = "tf2onnx"
    media_type = "application/vnd.onnx"
    load = "import onnxruntime\n\nmodel = onnxruntime.InferenceSession({path!r})"
    call = "model.run([{output!r}], pixels)[0]"

    def write(
        self,
        model: keras.Model,
        out: Path,
        data: Mapping[str, Any],
        quantize: str | None,
        calibration: Calibration | None,
    ) -> None:
        """See `Format.write`.

        By tf2onnx itself: Keras's own ``export(format="onnx")`` calls it, too, but
        leaves the output without a name of its own.
        """
        import tensorflow as tf
        import tf2onnx

        output = output_of(data)
        names = [node.name for node in model.inputs]
        forward = tf.function(
            lambda *pixels: {
                output: model(dict(zip(names, pixels, strict=True)), training=False)
            }
        )
        signature = [
            tf.TensorSpec((None, *node.shape[1:]), tf.float32, name=node.name)
            for node in model.inputs
        ]
        tf2onnx.convert.from_function(
            forward,
            signature,
            custom_op_handlers={"SelectV2": (_where, [])},
            output_path=str(out),
        )


def _where(ctx: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Writes a choice between two tensors as ONNX's Where.

    tf2onnx writes it as a sum of products; there NaN × 0 makes NaN of every missing
    pixel, which the model replaces.
    """
    node.type = "Where"
