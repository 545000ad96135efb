"""The formats that a network is exported in, by name."""

import re
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
from autoai4eo.errors import UserError

_ENDING = re.compile(r"\.[A-Za-z]\w*")
FORMATS: dict[str, Format] = {
    format.name: format
    for format in (SavedModel(), KerasFile(), ONNX(), LiteRT(), OpenVINO())
}


def format_of(out: Path) -> str:
    """Returns the format that a name's ending tells; a SavedModel without one.

    A folder is a SavedModel: OpenVINO's has to be asked for by name.

    Raises:
        UserError: the ending is that of another kind of file; a number, as of a
            version (``lcz_1.2``), is none.
    """
    if out.suffix in OF_SUFFIX:
        return OF_SUFFIX[out.suffix]
    if _ENDING.fullmatch(out.suffix):
        raise UserError(
            f"{out}: expected a name that ends with {' or '.join(OF_SUFFIX)}, or one "
            f"without an ending for a SavedModel, found {out.suffix}; change it, or "
            "give --format"
        )
    return SavedModel.name
