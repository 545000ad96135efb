"""Computes a map tile by tile into the tile store, and writes it from there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.geotiff import MapFile, map_file
from autoai4eo.deploy.mapping.layers import Layer, MapKind
from autoai4eo.deploy.mapping.patchwise import Forward
from autoai4eo.deploy.mapping.sampling import read
from autoai4eo.deploy.mapping.tile_grid import TileGrid
from autoai4eo.deploy.mapping.tile_store import TileStore
from autoai4eo.deploy.mapping.windows import (
    Tile,
    WindowGrid,
    in_swaths,
    valid_cells,
)
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError
from autoai4eo.log import tracked

# Bytes of GDAL's cache of blocks; its default is a twentieth of the memory.
CACHE = 256 * 2**20
_AHEAD_BYTES = 128 * 2**20  # of pixels that are read ahead


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

    The next tiles are read while one is computed, in an order in which GDAL seldom
    decodes a block of a file twice. The outputs for a window are averaged over the
    scenes that have data in it.

    Raises:
        UserError: a scene cannot be read, or the network fails.
    """
    missing = in_swaths(
        tiles.missing(grid.tiles()), _per_swath(grid, scenes, predictor)
    )
    ahead = read_ahead(
        missing,
        lambda tile: [read(s, tile, predictor) for s in scenes],
        _number_ahead(grid, scenes, predictor),
    )
    # closed here also after an error: nothing reads files that are closed then
    with closing(ahead):
        for tile, seasons in tracked(ahead, "mapping", len(missing), verbose):
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


def _per_swath(grid: WindowGrid, scenes: Sequence[Scene], predictor: Predictor) -> int:
    """How many columns of tiles to compute before the next ones are begun.

    The blocks of files that a row of them touches fit into GDAL's cache, so that the
    row below finds those that it shares.
    """
    names = [name for some in predictor.bands.values() for name in some]
    height, width = grid.tile_size
    step = grid.per_tile[1] * grid.stride
    columns = -(-grid.shape[1] // grid.per_tile[1])
    for number in range(columns, 0, -1):
        across = width + (number - 1) * step
        if sum(s.block_bytes(height, across, names) for s in scenes) <= CACHE:
            return number
    return columns  # strips as wide as the scene: narrower swaths would not help


def _number_ahead(
    grid: WindowGrid, scenes: Sequence[Scene], predictor: Predictor
) -> int:
    """How many tiles are read ahead, 1 to 8, within `_AHEAD_BYTES`."""
    height, width = grid.tile_size
    bands = sum(len(some) for some in predictor.bands.values())
    size = len(scenes) * height * width * bands * np.dtype(np.float32).itemsize
    return int(np.clip(_AHEAD_BYTES // size, 1, 8))


def read_ahead(
    tiles: Sequence[Tile], get: Callable[[Tile], Any], number: int = 1
) -> Generator[tuple[Tile, Any], None, None]:
    """Yields each tile with its data, and reads the next ones meanwhile.

    Blocks are large, so that some tiles take long to read and others no time.
    """
    reader = ThreadPoolExecutor(1)
    try:
        coming: deque[Future[Any]] = deque()
        ahead = iter(tiles)
        for tile in tiles:
            while len(coming) <= number and (after := next(ahead, None)) is not None:
                coming.append(reader.submit(get, after))
            yield tile, coming.popleft().result()
    finally:
        reader.shutdown(cancel_futures=True)


def write_layers(
    tiles: TileStore,
    grid: WindowGrid | TileGrid,
    predictor: Predictor,
    scenes: Sequence[Scene],
    kind: MapKind,
    tags: Mapping[str, str],
) -> None:
    """Writes the layers of a map from its tiles, into the folder of the tiles.

    Args:
        tiles: all of the map's.
        grid: of the map.
        predictor: that made it.
        scenes: that it was made from.
        kind: of the map.
        tags: of the map, besides those of the others.

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
        files[first.name].tag({"MODEL": predictor.path, **grid.tags, **more, **tags})
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
