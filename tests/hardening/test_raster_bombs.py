"""Files that declare more than memory holds, or never end: a line, no memory, no wait.

A user may open what others sent: 10 MB that unpack to 10 GB, a pipe among images. Real
scenes pass without an option; what is right although it is large, `--max-gib` allows.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
import rasterio
from rasterio.transform import Affine

from autoai4eo.data.readers.images import accepts
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.scenes.raster_grid import grid_of
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.errors import UserError

_HOW = {"crs": "EPSG:32632", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}
_BIG = "declares .* GiB; where that is right, allow it with max_gib"


def _tiff(path: Path, size: int = 8, bands: int = 1, kind="uint8", **how) -> Path:
    """Sparse: some hundred bytes, whatever its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"width": size, "height": size, "count": bands, "dtype": kind}
    how = {"driver": "GTiff", "sparse_ok": True, **shape, **_HOW, **how}
    with rasterio.open(path, "w", **how):
        pass
    return path


def _one_tile(path: Path, size: int, bands: int) -> Path:
    """A TIFF file in one compressed tile, which GDAL holds in memory as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = zlib.compress(bytes(1000))
    tile = -(-size // 16) * 16
    tags = {
        256: size, 257: size, 258: 8, 259: 8, 262: 1, 277: bands, 322: tile, 323: tile,
        324: 8, 325: len(data), 338: 0,
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in tags.items())
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    path.write_bytes(head + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


def _png(size: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", ["x.tif", "x.png"])
def test_an_image_that_declares_more_than_memory_holds(tmp_path, name, zipped):
    data = tmp_path / "data" / "a"
    data.mkdir(parents=True)
    if name == "x.png":
        (data / name).write_bytes(_png(60_000))
    else:
        _tiff(data / name, 100_000)
    path = data.parent
    if zipped:
        path = tmp_path / "data.zip"
        with zipfile.ZipFile(path, "w") as file:
            file.write(data / name, f"a/{name}")
    with pytest.raises(UserError, match=f"an image of at most 4 GiB.*{_BIG}"):
        open_dataset(path)


def test_a_file_in_a_zip_file_that_unpacks_to_more(tmp_path, monkeypatch):
    """Of images and of scenes: 10 MB may hold 10 GB of zeros."""
    monkeypatch.setenv("AUTOAI4EO_MAX_GIB", "0.001")
    for name in ("a/x_B02.tif", "a/x_B02.tif.aux.xml"):
        with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(name, bytes(2 * 2**20))
            if name.endswith(".xml"):
                file.writestr("a/x_B02.tif", b"")
        for opens in (open_dataset, Scene):
            with pytest.raises(UserError, match=f"a file of at most 0.001 GiB.*{_BIG}"):
                opens(tmp_path / "z.zip")


def test_a_scene_is_read_by_windows_whatever_its_size(tmp_path):
    """A real product of 10,980 × 10,980 pixels in 13 bands, and a mosaic of a land."""
    bands = [f"B{i:02d}" for i in range(1, 14)]
    for size, kind in ((10_980, "uint16"), (300_000, "float32")):
        path = _tiff(
            tmp_path / "s.tif", size, 13, kind, tiled=True, compress="deflate",
            BIGTIFF="YES",
        )  # fmt: skip
        with Scene(path, [*bands[:8], "B8A", *bands[8:12]]) as scene:
            found, _ = scene.read(0, 0, 4, 4, {"image": ["B02"]})
        assert found["image"].shape == (4, 4, 1)
    path = _one_tile(tmp_path / "b.tif", 10_980, 2)
    assert grid_of(path, allow_no_crs=True).height == 10_980


def test_a_scene_in_one_tile_that_is_larger_than_memory(tmp_path, monkeypatch):
    path = _one_tile(tmp_path / "s.tif", 60_000, 2)
    for opens in (
        lambda: Scene(path, ["B02", "B03"], allow_no_crs=True),
        lambda: grid_of(path, allow_no_crs=True),
    ):
        with pytest.raises(UserError, match=f"blocks of at most 4 GiB.*{_BIG}"):
            opens()
    monkeypatch.setenv("AUTOAI4EO_MAX_GIB", "8")
    assert grid_of(path, allow_no_crs=True).height == 60_000


@pytest.mark.parametrize("text", ["0", "-1", "nan", "many"])
def test_a_limit_that_is_none(tmp_path, monkeypatch, text):
    monkeypatch.setenv("AUTOAI4EO_MAX_GIB", text)
    _tiff(tmp_path / "a" / "x.tif")
    with pytest.raises(UserError, match="expected a number of GiB above 0"):
        open_dataset(tmp_path)


def test_the_option_for_the_limit(tmp_path, monkeypatch, run):
    monkeypatch.setenv("AUTOAI4EO_MAX_GIB", "1")
    _tiff(tmp_path / "d" / "a" / "x.tif", 64)
    _tiff(tmp_path / "d" / "b" / "x.tif", 64)
    ended = run("inspect", tmp_path / "d", "--max-gib", "0.000001")
    assert ended.status == 2 and "declares" in ended.err


def test_pipes_are_not_waited_for(tmp_path):
    """As data, as a scene, its mask or its source, and among images with masks."""
    pipe = tmp_path / "pipe.zip"
    os.mkfifo(pipe)
    other = tmp_path / "other"
    os.mkfifo(other)
    assert not accepts(other)
    from autoai4eo.data.readers.image_store import ImageStore

    line = "found a pipe"
    with pytest.raises(UserError, match=line):
        ImageStore(pipe).list()
    for path in (pipe, other, Path("/dev/zero")):
        for opens in (Scene, grid_of):
            with pytest.raises(UserError, match=line):
                opens(path)
    (tmp_path / "s.vrt").write_text(
        '<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand dataType="Byte" '
        'band="1"><SimpleSource><SourceFilename relativeToVRT="1">other'
        "</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    for allow in (False, True):
        with pytest.raises(UserError, match=line):
            Scene(tmp_path / "s.vrt", ["B02"], allow_remote=allow)
    scene = _tiff(tmp_path / "scene" / "s.tif")
    for end in (".msk", ".aux.xml", ".ovr"):
        os.mkfifo(f"{scene}{end}")
        with pytest.raises(UserError, match=line):
            Scene(scene, ["B02"])
        os.unlink(f"{scene}{end}")


def test_a_pipe_among_images(tmp_path):
    _tiff(tmp_path / "a" / "x.tif")
    os.mkfifo(tmp_path / "a" / "y.tif")
    assert "pipe" in open_dataset(tmp_path).notes[0]
    # GDAL would look for what lies beside an image, and wait for this
    os.mkfifo(tmp_path / "a" / "x.tif.aux.xml")
    (tmp_path / "a" / "x.tfw").write_text("10\n0\n0\n-10\n0\n0\n")
    with pytest.raises(UserError, match="expected only files beside images"):
        open_dataset(tmp_path)


def test_links_in_a_ring_end(tmp_path):
    _tiff(tmp_path / "a" / "x_B02.tif")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    assert len(open_dataset(tmp_path)) == 1
    with Scene(tmp_path) as scene:
        assert scene.bands == ("B02",)
    with pytest.raises(UserError):
        Scene(tmp_path / "a" / "self")
