"""The files beside a map, and how those of an earlier map are known."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

from autoai4eo.deploy.mapping.reference import COMPARISON
from autoai4eo.deploy.mapping.unlike import BAND, UNLIKE
from autoai4eo.errors import UserError
from autoai4eo.files import is_plain, read_json

#: The layers that a map can have besides the map itself.
BESIDE = ("confidence", "probabilities", UNLIKE)


def beside(out: Path, what: str) -> Path:
    """Returns the path of a layer beside a map, see `BESIDE`."""
    return out.with_name(f"{out.stem}_{what}.tif")


def layers_of(out: Path) -> list[Path]:
    """Returns a map that was written, and the layers beside it."""
    return [out, *(path for what in BESIDE if (path := beside(out, what)).exists())]


def check_of_map(path: Path) -> None:
    """Checks that a file has the content of one that `map_scene` writes.

    Raises:
        UserError: it is something else, which must not be removed with a map.
    """
    other = (
        f"{path}: expected a file of the earlier map, which goes with it, found "
        "something else; move it elsewhere"
    )
    if not is_plain(path):
        raise UserError(other)
    try:
        ours = _is_comparison(path) if path.suffix == ".json" else _is_layer(path)
    except UserError as error:  # it cannot be read
        raise UserError(other) from error
    if not ours:
        raise UserError(other)


def check_no_scene(path: Path) -> None:
    """Checks that no raster is at a path which `map_scene` did not write.

    One that cannot be read may be the damaged map of an earlier run.

    Raises:
        UserError: there is one, such as a scene after which the map was not named.
    """
    is_scene = False
    with contextlib.suppress(UserError):
        is_scene = path.is_file() and not _is_ours(path)
    if is_scene:
        raise UserError(
            f"{path}: expected nothing or an earlier map there, found another raster; "
            "give the scene, and then a new name for the map (files of a --season have "
            "commas between them)"
        )


def _is_comparison(path: Path) -> bool:
    return bool(read_json(path, "move it elsewhere", COMPARISON))


def _is_layer(path: Path) -> bool:
    from autoai4eo.data.scenes.opening import opened

    with opened(path, vrt=False, allow_remote=False) as file:
        cloud_optimized = file.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
        return cloud_optimized and _is_known(file)


def _is_ours(path: Path) -> bool:
    """Whether a raster is a map, or has the name and content of a layer beside one."""
    from autoai4eo.data.scenes.opening import opened

    with opened(path, vrt=True, allow_remote=False) as file:
        if "MODEL" in file.tags():
            return True
    return path.stem.endswith(tuple(f"_{n}" for n in BESIDE)) and _is_layer(path)


def _is_known(file: Any) -> bool:
    """Whether a raster has the bands of one of the layers `BESIDE`."""
    names = file.descriptions
    if names == (BAND,):
        return True
    return (
        set(file.dtypes) == {"float32"} and math.isnan(file.nodata or 0) and all(names)
    )
