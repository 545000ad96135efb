"""The finished tiles of a map, on disk until it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import warnings
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from autoai4eo.deploy.mapping.geotiff import NODATA
from autoai4eo.deploy.mapping.placing import PLACED
from autoai4eo.deploy.mapping.windows import Tile
from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step, is_plain, read_npz

_OURS = re.compile(
    rf"\d+\.npz|(class|confidence|probabilities)\.tif|{re.escape(PLACED)}|\.writing-.*"
)


def folder_of(out: Path) -> Path:
    """Where the tiles and layers of a map lie until it is whole."""
    return out.with_name(f".mapping-{out.name}")


class TileStore:
    """The finished tiles, in a folder beside the map to be.

    Each carries a digest of what it was computed for; what was computed for another
    question, or is damaged, is computed anew. A context manager: it makes the folder,
    and removes it again where nothing is to be kept.

    Args:
        out: path of the map.
        asked: what tiles depend on.
        classes: how many there are.
        whole: whether the probabilities of all classes are kept.

    Attributes:
        folder: where they lie; a map is written in it, too.

    Raises:
        UserError: something that is not of a map is in the place of the folder or in
            it.
    """

    def __init__(self, out: Path, asked: str, classes: int, whole: bool) -> None:
        self._out, self.folder = out, folder_of(out)
        self._asked, self._classes, self._whole = asked, classes, whole
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
        """Those that are yet to be computed; warns of damaged ones."""
        tiles = list(tiles)
        missing, damaged = [], []
        for tile in tiles:
            try:
                if self._layers(tile) is None:
                    missing.append(tile)
            except UserError as error:
                missing.append(tile)
                damaged.append(error)
        if damaged:
            warnings.warn(
                f"{self._out}: of {len(tiles)} tiles {len(damaged)} are kept damaged "
                f"and are computed anew (the first: {damaged[0]})",
                stacklevel=2,
            )
        return missing

    def keep(self, tile: Tile, probabilities: np.ndarray) -> None:
        """Writes a tile while the next is computed.

        Raises what went wrong with the one before.
        """
        self.wait()
        self._writing = self._writer.submit(self._write, tile, probabilities)

    def _write(self, tile: Tile, probabilities: np.ndarray) -> None:
        confidence = probabilities.max(axis=-1)
        number = probabilities.argmax(axis=-1) + 1
        number[np.isnan(confidence)] = NODATA
        layers = {"class": number.astype(np.uint8), "confidence": confidence}
        if self._whole:
            layers["probabilities"] = probabilities
        with in_one_step(self._path(tile)) as temporary:
            np.savez(temporary, asked=np.array(self._digest(tile)), **layers)

    def wait(self) -> None:
        """Until all that was kept is on disk."""
        if self._writing is not None:
            self._writing.result()

    def read(self, tile: Tile) -> dict[str, np.ndarray]:
        """The layers of a tile, (rows, columns) or (rows, columns, classes).

        Raises:
            UserError: it was damaged since it was written.
        """
        layers = self._layers(tile)
        if layers is None:
            raise UserError(
                f"{self._path(tile)}: expected a tile of the map, found that it was "
                "removed or changed meanwhile; the same call computes it anew"
            )
        return layers

    def _layers(self, tile: Tile) -> dict[str, np.ndarray] | None:
        """The layers of a tile; None where there is none, or one of something else.

        Raises:
            UserError: it is damaged.
        """
        path = self._path(tile)
        if not is_plain(path):
            return None
        shape = (tile.rows, tile.columns)
        wanted: dict[str, tuple[str, tuple[int, ...]]]
        wanted = {"class": ("u", shape), "confidence": ("f", shape)}
        if self._whole:
            wanted["probabilities"] = ("f", (*shape, self._classes))
        try:
            kept = read_npz(path, "the same call computes it anew", ("asked",))
        except MemoryError:  # of a damaged number of values
            raise UserError(f"{path}: expected a tile, found a damaged file") from None
        if str(kept.pop("asked")) != self._digest(tile):
            return None
        found = {name: (v.dtype.kind, v.shape) for name, v in kept.items()}
        return kept if found == wanted else None

    def _digest(self, tile: Tile) -> str:
        return hashlib.sha256(f"{self._asked}\n{tile}".encode()).hexdigest()

    def forget(self) -> None:
        """Removes all of them, and what else is of a map in the folder."""
        ours = [path for path in self.folder.iterdir() if _is_ours(path)]
        # what says that the map is whole goes last
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
    """Whether it is named as what a map keeps; a link is, and is not followed."""
    return _OURS.fullmatch(path.name) is not None and (
        path.is_symlink() or not path.is_dir()
    )
