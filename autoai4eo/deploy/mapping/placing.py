"""The layers of a map take their names together, however often they are broken off."""

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
        folder: of the map that was broken off, if there is one.
        layers: that will be written.
        others: layers that a map can have, but this one does not.
        overwrite: whether layers may be replaced.

    Raises:
        UserError: a file, or a folder, does; or nothing can be written there.
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
                "map has none; remove it, or write it, too (--probabilities)"
            )


def place(
    folder: Path, layers: Mapping[str, Path], others: Collection[Path], asked: str
) -> None:
    """Gives the layers of a map, which are whole in a folder, their names.

    The old map is removed first, and the new one is moved last: a map that exists has
    all its layers.

    Args:
        folder: with ``class.tif`` and so on.
        layers: by what they hold, where they go; the map itself is ``class``.
        others: see `check_free`; they go, where a map that was broken off placed them.
        asked: what tells this map from others.
    """
    files = {what: folder / f"{what}.tif" for what in layers}
    identities = {layers[what].name: _identity(files[what]) for what in layers}
    # first what a map that was broken off placed: after the next line nothing says any
    # more that these files are ours
    placed = _read(folder).get("layers", {})
    for path in (*layers.values(), *others):
        if placed.get(path.name) == _identity(path):
            path.unlink(missing_ok=True)
    write_json(folder / PLACED, {"asked": asked, "layers": identities})
    out = layers["class"]
    out.unlink(missing_ok=True)
    for what in sorted(layers, key=lambda what: what == "class"):
        os.replace(files[what], layers[what])
    sync(out.parent)


def is_placed(folder: Path, layers: Mapping[str, Path], asked: str) -> bool:
    """Whether a map was broken off when all its layers had their names."""
    identities = {path.name: _identity(path) for path in layers.values()}
    return _read(folder) == {"asked": asked, "layers": identities}


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
