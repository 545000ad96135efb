"""Computes a map tile by tile into the tile store, and writes it from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.geotiff import MapFile, map_file
from autoai4eo.deploy.mapping.layers import Layer, MapKind
from autoai4eo.deploy.mapping.patchwise import Forward
from autoai4eo.deploy.mapping.sampling import read
from autoai4eo.deploy.mapping.tile_store import TileStore
from autoai4eo.deploy.mapping.windows import Tile, WindowGrid, valid_cells
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError


def compute_tiles(
    predictor: Predictor,
    scenes: Sequence[Scene],
    grid: WindowGrid,
    forward: Forward,
    kind: MapKind,
    tiles: TileStore,
    verbose: int,
) -> None:
    """Computes the tiles that the store lacks.

    The next tile is read while one is computed. The outputs for a window are averaged
    over the scenes that have data in it.

    Raises:
        UserError: a scene cannot be read, or the network fails.
    """
    from rich.progress import track

    missing = tiles.missing(grid.tiles())
    ahead = _ahead(missing, lambda tile: [read(s, tile, predictor) for s in scenes])
    for tile, seasons in track(
        ahead, "mapping", total=len(missing), disable=not verbose, transient=True
    ):
        shape = (tile.rows, tile.columns)
        total = np.zeros((*shape, len(predictor.target.classes)), np.float32)
        number = np.zeros(shape, np.int64)
        for pixels, valid in seasons:
            wanted = valid_cells(valid, grid.window, grid.stride)
            if wanted.any():
                total[wanted] += forward(pixels, wanted)
                number += wanted
        total[number == 0] = np.nan
        tiles.keep(tile, kind.split(total / np.maximum(number, 1)[..., None]))


def _ahead(tiles: Sequence[Tile], get: Callable[[Tile], Any]) -> Iterator[Any]:
    """Yields each tile with its data, and reads the next one meanwhile."""
    with ThreadPoolExecutor(1) as reader:
        coming: Future[Any] | None = None
        for tile, after in zip(tiles, [*tiles[1:], None], strict=False):
            now = coming or reader.submit(get, tile)
            values = now.result()
            coming = None if after is None else reader.submit(get, after)
            yield tile, values


def write_layers(
    tiles: TileStore,
    grid: WindowGrid,
    predictor: Predictor,
    scenes: Sequence[Scene],
    kind: MapKind,
) -> None:
    """Writes the layers of a map from its tiles, into the folder of the tiles.

    Raises:
        UserError: no window has data, or a tile was changed meanwhile.
        OSError: a layer cannot be written.
    """
    tiles.wait()
    coarse = scenes[0].grid.coarser(grid.stride)
    first = kind.layers[0]
    with ExitStack() as opened:

        def opened_file(layer: Layer) -> MapFile:
            return opened.enter_context(
                map_file(
                    tiles.folder / f"{layer.name}.tif",
                    coarse,
                    layer.dtype,
                    layer.nodata,
                    layer.bands,
                    average=layer.average,
                )
            )

        files = {layer.name: opened_file(layer) for layer in kind.layers}
        more = kind.describe(files[first.name])
        files[first.name].tag(
            {
                "MODEL": predictor.path,
                "WINDOW": "{}x{}".format(*grid.window),
                "STRIDE": str(grid.stride),
                **more,
            }
        )
        some = False
        for tile in grid.tiles():
            kept = tiles.read(tile)
            some = some or first.has_data(kept[first.name])
            values = kind.finish(kept)
            for name, file in files.items():
                file.write(values[name], tile.row, tile.column)
        if not some:
            tiles.forget()
            raise UserError(
                f"expected a scene with data, found that most of each window of "
                f"{' and '.join(map(str, scenes))} is nodata; check the scene and its "
                "nodata value"
            )
