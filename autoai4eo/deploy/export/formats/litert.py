"""LiteRT (TensorFlow Lite): a small file for phones, drones and microcontrollers."""

from __future__ import annotations

from autoai4eo.deploy.export.formats.base import RuntimeFormat
from autoai4eo.runtimes.litert import LiteRT as Runtime


class LiteRT(RuntimeFormat):
    """A ``.tflite`` file; inputs and output are float32 in every quantisation."""

    framework = "LiteRT"
    artifact_type = "tf.lite.TFLiteConverter.convert"
    media_type = "application/vnd.tflite"
    load = (
        "from ai_edge_litert.interpreter import Interpreter\n\n"
        "model = Interpreter({path!r}).get_signature_runner()"
    )
    call = "model(**pixels)[{output!r}]"

    def __init__(self) -> None:
        super().__init__(Runtime(), quantize=("float16", "int8"))
