"""The finished tiles of a map, on disk until it is whole."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.deploy.cells import Tile
from autoai4eo.deploy.map_files import NODATA
from autoai4eo.errors import UserError
from autoai4eo.files import in_one_step


def folder_of(out: Path) -> Path:
    """Where the tiles of a map lie until it is whole."""
    return out.with_name(f".mapping-{out.name}")


class KeptTiles:
    """The finished tiles, in a folder beside the map to be.

    What was computed for another question is forgotten.

    Args:
        out: path of the map.
        asked: what tiles depend on.
        whole: whether the probabilities of all classes are kept.
    """

    def __init__(self, out: Path, asked: dict[str, Any], whole: bool) -> None:
        self._folder = folder_of(out)
        self._asked = json.dumps(asked, sort_keys=True)
        self._whole = whole
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def __enter__(self) -> KeptTiles:
        question = self._folder / "asked.json"
        if not question.is_file() or question.read_text() != self._asked:
            self.forget()
            self._folder.mkdir()
            with in_one_step(question) as temporary:
                temporary.write_text(self._asked)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._writer.shutdown()
        if kind is not None and issubclass(kind, UserError):
            self.forget()  # of what cannot be mapped nothing will be gone on with

    def has(self, tile: Tile) -> bool:
        """Whether it was finished."""
        return self._path(tile).is_file()

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
            np.savez(temporary, **layers)

    def wait(self) -> None:
        """Until all that was kept is on disk."""
        if self._writing is not None:
            self._writing.result()

    def read(self, tile: Tile) -> dict[str, np.ndarray]:
        """The layers of a tile, (rows, columns) or (rows, columns, classes)."""
        with np.load(self._path(tile)) as kept:
            return dict(kept)

    def forget(self) -> None:
        """Removes all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, tile: Tile) -> Path:
        return self._folder / f"{tile.number}.npz"
