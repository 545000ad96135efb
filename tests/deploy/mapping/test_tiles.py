"""Reading ahead, in swaths and by several threads: the map stays the same."""

import itertools
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import scenes

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.scenes import opening, rasters
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy import map_scene
from autoai4eo.deploy.mapping import tiles as computing
from autoai4eo.deploy.mapping.windows import WindowGrid, in_swaths
from autoai4eo.errors import UserError

GRID = WindowGrid((100, 130), (8, 8), 4)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr("autoai4eo.deploy.mapping.windows.TILE", 24)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return scenes.save(scenes.classifier(), tmp_path_factory.mktemp("m"))


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    """Three files of one scene in JPEG 2000, of which one has pixels of 20 m."""
    folder = tmp_path_factory.mktemp("safe")
    pixels = scenes.digits(96, 128)
    for i, name in enumerate(scenes.BANDS):
        step = 2 if name == "B04" else 1
        scenes.write_scene(
            folder / f"T30SXH_{name}.jp2",
            pixels[::step, ::step, i : i + 1],
            [name],
            transform=scenes.UTM @ scenes.Affine.scale(step),
            driver="JP2OpenJPEG",
            blockxsize=32,
            blockysize=32,
            quality=100,
            reversible="yes",
        )
    return folder


def read(path):
    with rasterio.open(path) as file:
        return file.read()


def test_a_map_is_the_same_whatever_reads_it(
    tmp_path, monkeypatch, small_tiles, model, safe
):
    """Users rely on: threads and the size of the cache change no pixel."""
    how = {"stride": 4, "scale": 1e-4, "verbose": 0, "probabilities": True}
    found = []
    for threads, cache, ahead in ((1, 2**28, 1), (2, 2**28, 2**20), (4, 1, 2**27)):
        monkeypatch.setattr(opening, "THREADS", threads)
        monkeypatch.setattr(computing, "CACHE", cache)
        monkeypatch.setattr(computing, "_AHEAD_BYTES", ahead)
        out = tmp_path / f"{threads}.tif"
        map_scene(model, safe, out, **how)
        found.append([read(out), read(tmp_path / f"{threads}_probabilities.tif")])
    assert len(np.unique(found[0][0])) > 2
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, same)


def test_files_are_read_at_the_same_time(monkeypatch, safe):
    """Each file waits until another is read, too: one thread alone would wait long."""
    monkeypatch.setattr(opening, "THREADS", 2)
    both = threading.Barrier(2, timeout=30)
    plain = rasters.declared_missing

    def meets(source, *more):
        if source.height == 96:  # the two of 10 m
            both.wait()
        return plain(source, *more)

    with Scene(safe) as scene:
        monkeypatch.setattr(rasters, "declared_missing", meets)
        scene.read(0, 0, 96, 128, {"image": scenes.BANDS})
    assert not both.broken


def test_a_damaged_file_is_one_line_also_from_a_thread(monkeypatch, safe, tmp_path):
    monkeypatch.setattr(opening, "THREADS", 4)
    for path in safe.iterdir():
        content = path.read_bytes()
        cut = content[: len(content) // 2] if path.name.endswith("B03.jp2") else content
        (tmp_path / path.name).write_bytes(cut)
    with (
        pytest.raises(UserError, match=r"B03.*damaged or something else") as error,
        Scene(tmp_path) as scene,
    ):
        scene.read(0, 0, 96, 128, {"image": scenes.BANDS})
    assert "\n" not in str(error.value)


def test_gdal_threads_hide_no_damaged_block(monkeypatch, safe, tmp_path):
    """GDAL's threads lose the error of a block of JPEG 2000 and leave it 0."""
    monkeypatch.setenv("GDAL_NUM_THREADS", "4")
    content = (safe / "T30SXH_B03.jp2").read_bytes()
    (tmp_path / "T30SXH_B03.jp2").write_bytes(content[: len(content) // 2])
    with (
        pytest.raises(UserError, match=r"B03.*damaged or something else"),
        Scene(tmp_path) as scene,
    ):
        scene.read(0, 0, 96, 128, {"image": ("B03",)})
    for name in ("water/1.jp2", "town/2.jp2"):
        (tmp_path / "patches" / name).parent.mkdir(parents=True)
        shutil.copy(tmp_path / "T30SXH_B03.jp2", tmp_path / "patches" / name)
    patches = open_dataset(tmp_path / "patches")
    with pytest.raises(UserError, match=r"cannot read the image water/1\.jp2"):
        patches.read(np.arange(1, 2))


def test_swaths_have_each_tile_once_and_rows_from_the_top(small_tiles):
    tiles = list(GRID.tiles())
    columns = len({tile.column for tile in tiles})
    assert columns > 3 and in_swaths(tiles, columns) == tiles
    found = in_swaths(reversed(tiles), 2)
    assert sorted(found, key=lambda tile: tile.number) == tiles
    places = [(t.row // GRID.per_tile[0], t.column // GRID.per_tile[1]) for t in found]
    assert places[:4] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    below = [b[0] - a[0] for a, b in itertools.pairwise(places)]
    assert min(below) < 0 and set(below) <= {0, 1, min(below)}  # begins anew on top


def test_a_swath_is_as_wide_as_the_cache_allows(
    tmp_path, monkeypatch, small_tiles, model
):
    """A block that no longer fits is decoded again for the next row of tiles."""
    from autoai4eo.deploy import load_predictor

    pixels = scenes.digits(96, 256)
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    tiled = scenes.write_scene(tmp_path / "tiled.tif", pixels, **blocks)
    strips = scenes.write_scene(tmp_path / "strips.tif", pixels, blockysize=1)
    predictor = load_predictor(model)
    grid = WindowGrid((96, 256), (8, 8), 4)
    columns = len({tile.column for tile in grid.tiles()})

    def wide(path, cache):
        monkeypatch.setattr(computing, "CACHE", cache)
        with Scene(path) as scene:
            return computing._per_swath(grid, [scene], predictor)

    whole = (grid.tile_size[0] + 16) * 256 * 3 * 2  # bytes of a row of blocks
    assert wide(tiled, whole) == columns
    assert 1 < wide(tiled, whole // 2) < columns
    assert wide(tiled, 1) == columns  # nothing fits: the order does not matter
    assert wide(strips, whole // 2) == columns  # a strip is as wide as the scene


@pytest.mark.parametrize("number", [1, 3, 99])
def test_so_many_tiles_are_read_ahead_and_no_more(number):
    tiles, begun = list(GRID.tiles()) * 4, []

    def get(tile):
        begun.append(tile)
        return tile.number

    seen = 0
    for tile, found in computing.read_ahead(tiles, get, number):
        assert found == tile.number
        seen += 1
        assert seen <= len(begun) <= min(len(tiles), seen + number)
    assert seen == len(begun) == len(tiles)


def test_what_fails_while_it_is_read_ahead_is_raised_in_its_turn():
    tiles, begun = list(GRID.tiles()) * 9, []

    def get(tile):
        begun.append(tile)
        if len(begun) == 3:
            raise UserError("a damaged block")
        return None

    ahead = computing.read_ahead(tiles, get, 5)
    next(ahead)
    next(ahead)
    with pytest.raises(UserError, match="a damaged block"):
        next(ahead)
    assert len(begun) <= 8 < len(tiles)


def test_a_forked_process_reads_scenes(monkeypatch, tmp_path):
    """GDAL's threads, which have begun here, do not exist there."""
    monkeypatch.setattr(opening, "THREADS", 2)
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}
    path = scenes.write_scene(tmp_path / "s.tif", scenes.digits(96, 128), **blocks)
    names = {"image": list(scenes.BANDS)}

    def read():
        with Scene(path) as scene:
            scene.read(0, 0, 96, 128, names)

    read()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)  # which ends it
        read()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_reads_the_scene_after_an_error(monkeypatch, tmp_path):
    """Its files are closed then: a thread that reads them would crash the process."""
    from autoai4eo.deploy import load_predictor

    scenes.save(scenes.classifier(), tmp_path)
    path = scenes.write_scene(tmp_path / "s.tif", scenes.digits(200, 200))
    reading, plain = [], computing.read

    def slowly(*arguments):
        reading.append(1)
        time.sleep(0.2)
        found = plain(*arguments)
        reading.pop()
        return found

    def interrupted(pixels):
        raise KeyboardInterrupt

    monkeypatch.setattr(computing, "read", slowly)
    monkeypatch.setattr("autoai4eo.deploy.mapping.windows.TILE", 64)
    predictor = load_predictor(tmp_path / "net.keras")
    breaks = replace(predictor, predict=interrupted)
    with pytest.raises(KeyboardInterrupt):
        map_scene(breaks, path, tmp_path / "m.tif", scale=0.0001, stride=5, verbose=0)
    assert not reading
