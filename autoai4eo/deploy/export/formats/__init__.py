"""The formats that a network is exported in, by name."""

from pathlib import Path

from autoai4eo.deploy.export.formats.base import OF_SUFFIX
from autoai4eo.deploy.export.formats.base import Format as Format
from autoai4eo.deploy.export.formats.base import RuntimeFormat as RuntimeFormat
from autoai4eo.deploy.export.formats.base import check as check
from autoai4eo.deploy.export.formats.base import output_of as output_of
from autoai4eo.deploy.export.formats.keras_file import KerasFile
from autoai4eo.deploy.export.formats.litert import LiteRT
from autoai4eo.deploy.export.formats.onnx import ONNX
from autoai4eo.deploy.export.formats.openvino import OpenVINO
from autoai4eo.deploy.export.formats.savedmodel import SavedModel

FORMATS: dict[str, Format] = {
    format.name: format
    for format in (SavedModel(), KerasFile(), ONNX(), LiteRT(), OpenVINO())
}


def format_of(out: Path) -> str:
    """Returns the format that a name's ending tells; a SavedModel without one.

    A folder is a SavedModel: OpenVINO's has to be asked for by name.
    """
    return OF_SUFFIX.get(out.suffix, SavedModel.name)
