"""Gives the layers of a map their names together, also after interruptions."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from autoai4eo.errors import UserError
from autoai4eo.files import (
    ANY,
    check_can_write,
    is_plain,
    read_json,
    sync,
    write_json,
)

#: In the folder of a map: which map its layers are of, and which files they are.
PLACED = "placed.json"


def check_free(
    folder: Path, layers: Collection[Path], others: Collection[Path], overwrite: bool
) -> None:
    """Whether nothing stands in the way of the layers of a map.

    Layers that an interrupted run of the same map wrote do not stand in its way.

    Args:
        folder: of the tiles of an interrupted map, if there is one.
        layers: the files that will be written.
        others: the layers that a map can have and this one does not.
        overwrite: whether layers may be replaced.

    Raises:
        UserError: a file or a folder stands in the way, or nothing can be written.
    """
    placed = _read(folder).get("layers", {})
    for path in (*layers, *others):
        check_can_write(path)
        if not os.path.lexists(path) or placed.get(path.name) == _identity(path):
            continue
        if not overwrite:
            raise UserError(
                f"{path}: exists already; choose another name for the map, or "
                "overwrite it (--overwrite)"
            )
        if path in others:
            raise UserError(
                f"{path}: expected no such layer of another map, found one, and this "
                "map has no such layer; remove it"
            )


def place(
    folder: Path, layers: Mapping[str, Path], others: Collection[Path], cache_key: str
) -> None:
    """Gives the layers of a map, which are whole in a folder, their names.

    The old map is removed first, and the new one is moved last: a map that exists has
    all its layers.

    Args:
        folder: with the layers, ``NAME.tif`` each.
        layers: where each layer goes, by its name; the map itself is the first.
        others: see `check_free`; they are removed if an interrupted map placed them.
        cache_key: everything that the map depends on.
    """
    files = {what: folder / f"{what}.tif" for what in layers}
    identities = {layers[what].name: _identity(files[what]) for what in layers}
    # first the files of an interrupted map: the next line overwrites the record that
    # they are ours
    placed = _read(folder).get("layers", {})
    for path in (*layers.values(), *others):
        if placed.get(path.name) == _identity(path):
            path.unlink(missing_ok=True)
    write_json(folder / PLACED, {"asked": cache_key, "layers": identities})
    first = next(iter(layers))
    out = layers[first]
    out.unlink(missing_ok=True)
    for what in sorted(layers, key=lambda what: what == first):
        os.replace(files[what], layers[what])
    sync(out.parent)


def is_placed(folder: Path, layers: Mapping[str, Path], cache_key: str) -> bool:
    """Whether a map was interrupted when all its layers had their names."""
    identities = {path.name: _identity(path) for path in layers.values()}
    return _read(folder) == {"asked": cache_key, "layers": identities}


def _read(folder: Path) -> dict[str, Any]:
    path = folder / PLACED
    if is_plain(path) and not folder.is_symlink():
        with contextlib.suppress(UserError):
            return read_json(path, "", {"asked": str, "layers": {ANY: [int]}})
    return {}


def _identity(path: Path) -> list[int] | None:
    """What tells a file from any other, wherever it is moved to."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        return [found.st_ino, found.st_size, found.st_mtime_ns]
    return None
