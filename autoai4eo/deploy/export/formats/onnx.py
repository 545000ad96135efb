"""ONNX: a file that onnxruntime and many other runtimes run."""

from __future__ import annotations

from autoai4eo.deploy.export.formats.base import RuntimeFormat
from autoai4eo.runtimes.onnx import ONNX as Runtime


class ONNX(RuntimeFormat):
    """An ``.onnx`` file; its inputs have the names of the model's inputs."""

    framework = "ONNX"
    artifact_type = "tf2onnx"
    media_type = "application/vnd.onnx"
    load = "import onnxruntime\n\nmodel = onnxruntime.InferenceSession({path!r})"
    call = "model.run([{output!r}], pixels)[0]"

    def __init__(self) -> None:
        super().__init__(Runtime(), quantize=("int8",))
        self.distribution = "onnx"
