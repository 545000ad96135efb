"""Keeps the finished tiles of a map on disk until the map is whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.deploy.mapping.layers import Layer
from autoai4eo.deploy.mapping.placing import PLACED
from autoai4eo.deploy.mapping.windows import Tile
from autoai4eo.errors import DamagedError, UserError, warn
from autoai4eo.files import in_one_step, is_plain, read_npz

_OURS = re.compile(
    r"\d+\.npz|(class|confidence|labels|probabilities|unlike|values)\.tif|"
    rf"{re.escape(PLACED)}|\.writing-.*"
)


def folder_of(out: Path) -> Path:
    """Returns the folder of the tiles and layers of a map that is not whole yet."""
    return out.with_name(f".mapping-{out.name}")


class TileStore:
    """Finished tiles, in a folder beside the future map.

    Each tile has a digest of its cache key. A tile of another key, or a damaged one, is
    computed again. A context manager: it makes the folder, and removes it if it is
    empty at the end.

    Args:
        out: path of the map.
        cache_key: everything that the values of a tile depend on.
        layers: of the map.

    Attributes:
        folder: of the tiles; the map is written there, too.

    Raises:
        UserError: the path of the folder is a link or a file, or the folder holds files
            that are not of a map.
    """

    def __init__(self, out: Path, cache_key: str, layers: Sequence[Layer]) -> None:
        self._out, self.folder = out, folder_of(out)
        self._cache_key, self._layers = cache_key, layers
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def __enter__(self) -> TileStore:
        if os.path.lexists(self.folder):
            _check_ours(self.folder)
        else:
            self.folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.shutdown()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def missing(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Returns the tiles that must be computed; warns of damaged ones."""
        tiles = list(tiles)
        missing, damaged = [], []
        for tile in tiles:
            try:
                if self._read(tile) is None:
                    missing.append(tile)
            except UserError as error:
                missing.append(tile)
                damaged.append(error)
        if damaged:
            warn(
                f"{self._out}: of {len(tiles)} tiles {len(damaged)} are kept damaged "
                f"and are computed anew (the first: {damaged[0]})"
            )
        return missing

    def keep(self, tile: Tile, values: Mapping[str, np.ndarray]) -> None:
        """Writes the layers of a tile while the next tile is computed.

        Raises the error of the previous tile, if it could not be written.
        """
        shape = (tile.rows, tile.columns)
        layers = {
            one.name: values[one.name].reshape(one.shape(*shape))
            for one in self._layers
        }
        self.wait()
        self._writing = self._writer.submit(self._write, tile, layers)

    def _write(self, tile: Tile, layers: dict[str, Any]) -> None:
        with in_one_step(self._path(tile)) as temporary:
            # the old name of the digest, so that kept tiles stay valid
            np.savez(temporary, asked=np.array(self._digest(tile)), **layers)

    def wait(self) -> None:
        """Waits until all kept tiles are on disk."""
        if self._writing is not None:
            self._writing.result()

    def read(self, tile: Tile) -> dict[str, np.ndarray]:
        """Reads the layers of a tile by name, (rows, columns[, bands]).

        Raises:
            UserError: the tile was removed or changed since it was written.
        """
        layers = self._read(tile)
        if layers is None:
            raise UserError(
                f"{self._path(tile)}: expected a tile of the map, found that it was "
                "removed or changed meanwhile; rerun to compute it again"
            )
        return layers

    def _read(self, tile: Tile) -> dict[str, np.ndarray] | None:
        """Reads the layers of a tile; None if it is missing or has another key.

        Raises:
            UserError: the tile is damaged.
        """
        path = self._path(tile)
        if not is_plain(path):
            return None
        wanted = {
            layer.name: (
                np.dtype(layer.dtype).kind,
                layer.shape(tile.rows, tile.columns),
            )
            for layer in self._layers
        }
        try:
            kept = read_npz(path, "rerun to compute it again", ("asked",))
        except MemoryError:  # a damaged shape asks for too much memory
            raise DamagedError(
                f"{path}: expected a tile, found a damaged file"
            ) from None
        if str(kept.pop("asked")) != self._digest(tile):
            return None
        found = {name: (v.dtype.kind, v.shape) for name, v in kept.items()}
        return kept if found == wanted else None

    def _digest(self, tile: Tile) -> str:
        return hashlib.sha256(f"{self._cache_key}\n{tile}".encode()).hexdigest()

    def forget(self) -> None:
        """Removes all files of a map from the folder."""
        ours = [path for path in self.folder.iterdir() if _is_ours(path)]
        # removes last the record that the map is whole
        for path in sorted(ours, key=lambda path: path.name == PLACED):
            path.unlink()

    def _path(self, tile: Tile) -> Path:
        return self.folder / f"{tile.number}.npz"


def _check_ours(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise UserError(
            f"{folder}: expected a folder for the tiles of a map, found a link or a "
            "file; remove it"
        )
    foreign = [path.name for path in folder.iterdir() if not _is_ours(path)]
    if foreign:
        raise UserError(
            f"{folder}: expected tiles of a map alone, found {sorted(foreign)[0]}; "
            "move it elsewhere, or choose another name for the map"
        )


def _is_ours(path: Path) -> bool:
    """Whether a path is named as a file of a map; links are not followed."""
    return _OURS.fullmatch(path.name) is not None and (
        path.is_symlink() or not path.is_dir()
    )
