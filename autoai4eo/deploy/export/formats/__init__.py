"""The formats that a network is exported in, by name."""

import re
from pathlib import Path

from autoai4eo.deploy.export.formats.base import OF_SUFFIX
from autoai4eo.deploy.export.formats.base import Format as Format
from autoai4eo.deploy.export.formats.base import RuntimeFormat as RuntimeFormat
from autoai4eo.deploy.export.formats.base import output_of as output_of
from autoai4eo.deploy.export.formats.keras_file import KerasFile
from autoai4eo.deploy.export.formats.litert import LiteRT
from autoai4eo.deploy.export.formats.onnx import ONNX
from autoai4eo.deploy.export.formats.openvino import OpenVINO
from autoai4eo.deploy.export.formats.savedmodel import SavedModel
from autoai4eo.errors import UserError
from autoai4eo.runtimes.base import check_backend, check_packages
from autoai4eo.text import with_nearest

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
            f"without an ending for a SavedModel, found "
            f"{with_nearest(out.suffix, OF_SUFFIX)}; change it, or give --format"
        )
    return SavedModel.name


def check(format: Format, out: Path, quantize: str | None) -> None:
    """Checks that a format can be written here.

    Raises:
        UserError: the format lacks this quantisation, the name has another suffix,
            Keras runs on another backend than the format needs, or a package is
            missing.
    """
    if quantize not in format.tolerances:
        ways = [way for way in format.tolerances if way is not None]
        able = [name for name, one in FORMATS.items() if quantize in one.tolerances]
        expected = f"one of {', '.join(ways)}" if ways else "none"
        more = f" ({', '.join(able)})" if able else ""
        raise UserError(
            f"--quantize, for format {format.name}: expected {expected}, got "
            f"{quantize!r}; leave it out, or choose another format{more}"
        )
    if (other := OF_SUFFIX.get(out.suffix)) not in (None, format.name):
        raise UserError(
            f"{out}: expected a name for format {format.name}, found that of format "
            f"{other}; leave --format out, or take another name"
        )
    if format.suffix and out.suffix != format.suffix:
        raise UserError(
            f"{out}: expected a name that ends with {format.suffix}; add it"
        )
    told = f"format {format.name}"
    check_backend(told, format.backend, "and export again")
    check_packages(told, format.needs, format.extra)
