"""Moves the layers of a map, and what is made from it, to their final names.

The layers get theirs together. A record in the map's folder says what has its name, so
that a map which was interrupted at any instant can go on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from autoai4eo.deploy.mapping.earlier import check_no_scene, check_of_map
from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.files import (
    ANY,
    check_can_write,
    in_one_step,
    is_plain,
    read_json,
    remove_leftovers,
    sync,
    write_json,
    written,
)

#: The record, in the folder of a map, of the map and the identities of its layers and
#: of its products.
PLACED = "placed.json"
_FORM = {"asked": str, "layers": {ANY: [int]}, "products?": {ANY: [int]}}


def check_free(
    folder: Path, layers: Collection[Path], others: Collection[Path], overwrite: bool
) -> None:
    """Checks that the layers of a map can be written.

    Layers that an interrupted run of the same map wrote may be replaced.

    Args:
        folder: of the tiles of an interrupted map; it may not exist.
        layers: the files that will be written.
        others: files of an earlier map that this one does not have.
        overwrite: whether layers may be replaced, and others removed.

    Raises:
        UserError: a file or a folder is in the way, or the folder is not writable.
    """
    placed = _read(folder).get("layers", {})
    for path in (*layers, *others):
        check_can_write(path)
        if not os.path.lexists(path) or placed.get(path.name) == _identity(path):
            continue
        if is_product(folder, path):
            continue
        if not overwrite:
            check_no_scene(path)
            raise UserError(
                f"{path}: exists already; choose another name for the map, or "
                "overwrite it (--overwrite)"
            )
        if path in others:
            check_of_map(path)


def place(
    folder: Path, layers: Mapping[str, Path], others: Collection[Path], cache_key: str
) -> None:
    """Moves the finished layers of a map from a folder to their final names.

    The old map is removed first, and the new one is moved last, so that a map that
    exists has all its layers.

    Args:
        folder: with the layers, ``NAME.tif`` each.
        layers: final path of each layer, by its name; the map itself is the first.
        others: see `check_free`; those of an earlier map are removed with it.
        cache_key: everything that the map depends on.
    """
    files = {what: folder / f"{what}.tif" for what in layers}
    identities = {layers[what].name: _identity(files[what]) for what in layers}
    # removes the files of an interrupted map before their record is overwritten
    earlier = _read(folder)
    placed, products = earlier.get("layers", {}), earlier.get("products", {})
    for path in (*layers.values(), *others):
        if placed.get(path.name) == _identity(path):
            path.unlink(missing_ok=True)
    stale = [path for path in others if os.path.lexists(path)]
    for path in stale:
        check_of_map(path)
    record = {"asked": cache_key, "layers": identities, "products": products}
    write_json(folder / PLACED, record)
    first = next(iter(layers))
    out = layers[first]
    out.unlink(missing_ok=True)
    for path in stale:
        path.unlink()
    for what in sorted(layers, key=lambda what: what == first):
        os.replace(files[what], layers[what])
    sync(out.parent)


def is_placed(folder: Path, layers: Mapping[str, Path], cache_key: str) -> bool:
    """Whether a map was interrupted after all its layers had their final names."""
    identities = {path.name: _identity(path) for path in layers.values()}
    found = _read(folder)
    return (found.get("asked"), found.get("layers")) == (cache_key, identities)


def place_product(folder: Path, path: Path, write: Callable[[Path], object]) -> None:
    """Writes a product of a placed map in one step.

    It is recorded before it gets its name, so that no instant is left in which it lies
    there and is not known as the map's.

    Args:
        folder: of the map.
        path: of the product.
        write: writes it to another path.

    Raises:
        UserError: it cannot be written; the map itself is there.
    """
    remove_leftovers(path.parent, path.name)
    with written(path), in_one_step(path) as temporary:
        write(temporary)
        found = _read(folder)
        products = {**found.get("products", {}), _key(path): _identity(temporary)}
        write_json(folder / PLACED, {**found, "products": products})


def is_product(folder: Path, path: Path) -> bool:
    """Whether the interrupted map of a folder wrote this product."""
    known = _read(folder).get("products", {}).get(_key(path))
    return known is not None and known == _identity(path)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / PLACED
    if is_plain(path) and not folder.is_symlink():
        with contextlib.suppress(MissingError, DamagedError):
            return read_json(path, "", _FORM)
    return {}


def _key(path: Path) -> str:
    """How a product is named in the record: it need not lie beside the map."""
    return os.path.abspath(path)


def _identity(path: Path) -> list[int] | None:
    """Returns inode, size and time of a file, which moving it does not change."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        return [found.st_ino, found.st_size, found.st_mtime_ns]
    return None
