"""ONNX: a file that onnxruntime and many other runtimes run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras

from autoai4eo.deploy.export.formats.base import Calibration, Format, output_of
from autoai4eo.runtimes.onnx import ONNX as Runtime


class ONNX(Format):
    """An ``.onnx`` file; its inputs have the names of the model's inputs."""

    name = "onnx"
    suffix = ".onnx"
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
        """See `Format.write`."""
        Runtime().write(model, out, output_of(data))
