"""How fast `map` reads a scene, against a windowed read for each patch.

    python benchmarks/reading_scenes.py make FOLDER
    python benchmarks/reading_scenes.py read FOLDER [--rounds 5] [--rows 2]
    python benchmarks/reading_scenes.py wait FOLDER --weights S2_RESNET20….h5

`make` writes two scenes of 10,980 × 10,980 pixels and 10 bands, of a real crop of
Sentinel-2 that is mirrored on and on: a GeoTIFF in tiles of 512 pixels, DEFLATE, and a
folder like a SAFE product, JPEG 2000 without loss, a file for each band, four of 10 m
and six of 20 m. `read` reads what 32 × 32 windows each 10 pixels need, in windows per
second and in seconds of CPU: tile by tile as `map` does, with 1, 2 and 4 threads, and
one window at a time from open files, in the order of the map and at random. `wait` maps
the first `--rows` of tiles (by the LCZ ResNet-20 the first `--few` tiles), and tells
which share of the time the network waits for pixels.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import rasterio
from rasterio.windows import Window

from autoai4eo.data.lcz42 import LCZ42_SEN2_BANDS
from autoai4eo.data.scenes import opening
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy import load_predictor
from autoai4eo.deploy.mapping import tiles as tiles_of_map
from autoai4eo.deploy.mapping.patchwise import Forward, dense_windows, exact_windows
from autoai4eo.deploy.mapping.sampling import read
from autoai4eo.deploy.mapping.windows import Tile, WindowGrid, valid_cells
from autoai4eo.networks.dense import dense_classifier

SIZE, STRIDE, WINDOW = 10_980, 10, 32
CROP = "../shared/data/scenes/S2A_MSIL1C_20170527_T33UUB.npz"
TEN, TWENTY = ("B04", "B03", "B02", "B08"), ("B05", "B06", "B07", "B8A", "B11", "B12")
BANDS = tuple(band.name for band in LCZ42_SEN2_BANDS)
SAFE = "S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301.SAFE"
INPUTS = {"image": BANDS}


def make(folder: Path, crop: Path) -> None:
    """Writes both scenes."""
    with np.load(crop) as kept:
        bands = dict(zip(TEN, kept["im10"], strict=True))
        bands |= dict(zip(TWENTY, kept["im20"], strict=True))
    images = folder / SAFE / "GRANULE" / "IMG_DATA"
    images.mkdir(parents=True)
    for name, pixels in bands.items():
        metres = 10 if name in TEN else 20
        size = SIZE * 10 // metres
        tile = 1024 if metres == 10 else 640
        with rasterio.open(
            images / f"T33UUB_20170527T102031_{name}.jp2",
            "w",
            **_profile("JP2OpenJPEG", size, metres, 1, tile),
            quality=100,
            reversible="yes",
        ) as file:
            more = size - len(pixels)
            file.write(np.pad(pixels, (0, more), "symmetric"), 1)
    fine = [b if len(b) == 600 else b.repeat(2, 0).repeat(2, 1) for b in bands.values()]
    ordered = dict(zip(bands, fine, strict=True))
    stack = np.stack([ordered[name] for name in BANDS])
    more = SIZE - stack.shape[1]
    wide = np.pad(stack, ((0, 0), (0, 0), (0, more)), "symmetric")
    rows = np.pad(np.arange(stack.shape[1]), (0, more), "symmetric")
    with rasterio.open(
        folder / "scene.tif",
        "w",
        **_profile("GTiff", SIZE, 10, len(BANDS), 512),
        tiled=True,
        compress="DEFLATE",
        predictor=2,
        bigtiff="yes",
    ) as file:
        file.descriptions = BANDS
        for top in range(0, SIZE, 512):
            some = wide[:, rows[top : top + 512]]
            file.write(some, window=Window(0, top, SIZE, some.shape[1]))


def _profile(
    driver: str, size: int, metres: int, count: int, tile: int
) -> dict[str, Any]:
    return {
        "driver": driver,
        "dtype": "uint16",
        "count": count,
        "height": size,
        "width": size,
        "crs": "EPSG:32633",
        "transform": rasterio.transform.from_origin(3e5, 5.7e6, metres, metres),
        "blockxsize": tile,
        "blockysize": tile,
    }


def first_tiles(scene: Scene, rows: int) -> tuple[WindowGrid, list[Tile]]:
    """The grid of the map, and the tiles of its first rows of tiles."""
    size = (scene.grid.height, scene.grid.width)
    grid = WindowGrid(size, (WINDOW, WINDOW), STRIDE)
    return grid, [t for t in grid.tiles() if t.row < rows * grid.per_tile[0]]


def by_tiles(path: Path, rows: int, threads: int) -> int:
    """Reads as `map` does; returns the number of windows."""
    opening.THREADS = threads
    with rasterio.Env(GDAL_CACHEMAX=tiles_of_map.CACHE), Scene(path) as scene:
        _, some = first_tiles(scene, rows)
        for tile in some:
            scene.read(tile.top, tile.left, tile.height, tile.width, INPUTS)
    return sum(tile.rows * tile.columns for tile in some)


def by_windows(path: Path, limit: int, at_random: bool) -> int:
    """Reads one window after the other; returns their number."""
    files = [path] if path.is_file() else sorted(path.rglob("*.jp2"))
    per_row = (SIZE - WINDOW) // STRIDE + 1
    numbers = np.arange(limit)
    if at_random:
        numbers = np.random.default_rng(0).integers(0, per_row**2, limit)
    sources = [rasterio.open(file) for file in files]
    for number in numbers:
        row, column = divmod(int(number), per_row)
        for source in sources:
            zoom = source.height / SIZE
            places = (column * STRIDE, row * STRIDE, WINDOW, WINDOW)
            source.read(
                window=Window(*(n * zoom for n in places)),
                out_shape=(source.count, WINDOW, WINDOW),
            ).astype("float32")
    for source in sources:
        source.close()
    return limit


def reading(folder: Path, rounds: int, rows: int) -> None:
    """Prints a table of windows per second; every way in turn, medians."""
    print("| stored | read | windows/s | CPU s for 1,000 windows |\n|---|---|---|---|")
    for stored, path in (("GeoTIFF", folder / "scene.tif"), ("JP2", folder / SAFE)):
        few = 2000 if stored == "GeoTIFF" else 20
        ways: dict[str, Callable[[], int]] = {
            "a window at a time, at random": partial(by_windows, path, few, True),
            "a window at a time, in order": partial(by_windows, path, 3000, False),
        }
        for n in (1, 2, 4):
            ways[f"tiles, {n} threads"] = partial(by_tiles, path, rows, n)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _, (name, way) in itertools.product(range(rounds), ways.items()):
            begin, cpu = time.perf_counter(), time.process_time()
            number = way()
            seconds = time.perf_counter() - begin
            used = time.process_time() - cpu
            found[name].append((number / seconds, 1000 * used / number))
        for name, figures in found.items():
            rate, used = map(statistics.median, zip(*figures, strict=True))
            print(f"| {stored} | {name} | {rate:,.0f} | {used:.3f} |", flush=True)


def small_network(name: str) -> keras.Model:
    """A network that pads nothing, so that windows share its work; untrained."""
    image = keras.Input((WINDOW, WINDOW, len(BANDS)), name=name)
    x = keras.layers.Conv2D(16, 3, strides=2, activation="relu")(image)
    x = keras.layers.Conv2D(32, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(17, "softmax")(x))


def waiting(folder: Path, weights: Path, rows: int, rounds: int, few: int) -> None:
    """Prints which share of a map's time is waiting for pixels."""
    lcz = load_predictor("lcz42-resnet20-s2", weights=weights)
    trunk = dense_classifier(small_network(next(iter(lcz.bands))), STRIDE)
    print("| stored | network | threads, tiles ahead | seconds | waiting |")
    print("|---|---|---|---|---|")
    for stored, path in (("GeoTIFF", folder / "scene.tif"), ("JP2", folder / SAFE)):
        with Scene(path, scale=1e-4) as scene:
            grid, some = first_tiles(scene, rows)
        networks: dict[str, tuple[Forward, Sequence[Tile]]] = {
            "small, shared": (dense_windows(trunk, grid), some),
            "LCZ ResNet-20": (exact_windows(lcz, grid), some[:few]),
        }
        for name, (forward, tiles) in networks.items():
            next(_computed(path, forward, tiles[:1], grid, lcz, 1))  # compiles
            ways: tuple[tuple[int, int], ...] = ((1, 1), (2, 1), (2, 8), (4, 8))
            found: dict[tuple[int, int], list[tuple[float, float]]] = {}
            for _, (threads, ahead) in itertools.product(range(rounds), ways):
                opening.THREADS = threads
                begin = time.perf_counter()
                waited = sum(_computed(path, forward, tiles, grid, lcz, ahead))
                spent = time.perf_counter() - begin
                found.setdefault((threads, ahead), []).append((spent, waited / spent))
            for way, figures in found.items():
                spent, share = map(statistics.median, zip(*figures, strict=True))
                told = f"{way[0]}, {way[1]}"
                print(
                    f"| {stored} | {name} | {told} | {spent:.1f} | {share:.1%} |",
                    flush=True,
                )


def _computed(
    path: Path,
    forward: Forward,
    tiles: Sequence[Tile],
    grid: WindowGrid,
    predictor: Any,
    number: int,
) -> Iterator[float]:
    """Computes tiles; yields the seconds that each was waited for."""
    with (
        rasterio.Env(GDAL_CACHEMAX=tiles_of_map.CACHE),
        Scene(path, scale=1e-4) as scene,
    ):
        begin = time.perf_counter()
        ahead = tiles_of_map.read_ahead(
            tiles, lambda tile: read(scene, tile, predictor), number
        )
        for _, (pixels, valid) in ahead:
            waited = time.perf_counter() - begin
            forward(pixels, valid_cells(valid, grid.window, grid.stride))
            yield waited
            begin = time.perf_counter()


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("make", "read", "wait"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--crop", type=Path, default=Path(CROP))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--few", type=int, default=8)
    given = parser.parse_args()
    if given.what == "make":
        make(given.folder, given.crop)
    elif given.what == "read":
        reading(given.folder, given.rounds, given.rows)
    else:
        waiting(given.folder, given.weights, given.rows, given.rounds, given.few)


if __name__ == "__main__":
    main()
