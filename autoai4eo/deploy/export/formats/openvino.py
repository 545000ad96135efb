"""OpenVINO: a folder with OpenVINO's own files, for Intel's and AMD's CPUs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from autoai4eo.deploy.export.formats.base import Calibration, RuntimeFormat, output_of
from autoai4eo.runtimes.base import FLOAT32
from autoai4eo.runtimes.openvino import FILE
from autoai4eo.runtimes.openvino import OpenVINO as Runtime


class OpenVINO(RuntimeFormat):
    """A folder with `runtimes.openvino.FILE` and the weights beside it.

    The code in the model card asks for float32: by default OpenVINO computes in
    bfloat16 on CPUs that can.
    """

    contents = r"network\.(xml|bin)"
    framework = "OpenVINO"
    artifact_type = "openvino.save_model"
    media_type = "application/vnd.openvino.ir"
    load = (
        "import openvino\n\n"
        "model = openvino.compile_model(\n"
        f'    {{path!r}} + "/{FILE}",\n'
        '    "CPU",\n'
        '    {{"INFERENCE_PRECISION_HINT": "f32"}},\n'
        ")"
    )
    call = "model(pixels)[{output!r}]"

    def __init__(self) -> None:
        self._openvino = Runtime()
        super().__init__(self._openvino, quantize=("int8",))
        self.suffix = ""

    def write(
        self,
        model: keras.Model,
        out: Path,
        data: Mapping[str, Any],
        quantize: str | None,
        calibration: Calibration | None,
    ) -> None:
        """See `Format.write`."""
        self._openvino.write_folder(
            model, out, output_of(data), quantize or FLOAT32, calibration
        )
