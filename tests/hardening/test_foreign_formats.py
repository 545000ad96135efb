"""Data show their own pixels: no file of them makes GDAL read other files or addresses.

Users open folders, zip files and scenes that they got from others. What these name (a
private file, an address in the network) is not read without the users' word; what the
users name themselves is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.scenes.files import split_paths
from autoai4eo.data.scenes.raster_grid import grid_of
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.errors import UserError

_SECRET = 77  # the pixels of a private file
_HOW = {"crs": "EPSG:32632", "transform": Affine(10, 0, 5e5, 0, -10, 5e6)}
_BANDS = '<VRTRasterBand dataType="Byte" band="1">{}</VRTRasterBand>'
_SIMPLE = (
    '<SimpleSource><SourceFilename relativeToVRT="{1}">{0}</SourceFilename>'
    "<SourceBand>1</SourceBand></SimpleSource>"
)
_WMS = (
    '<GDAL_WMS><Service name="TMS"><ServerUrl>{0}/${{z}}/${{x}}/${{y}}.png</ServerUrl>'
    "</Service><DataWindow><UpperLeftX>-20037508</UpperLeftX><UpperLeftY>20037508"
    "</UpperLeftY><LowerRightX>20037508</LowerRightX><LowerRightY>-20037508"
    "</LowerRightY><TileLevel>1</TileLevel><TileCountX>1</TileCountX><TileCountY>1"
    "</TileCountY></DataWindow><Projection>EPSG:3857</Projection><BlockSizeX>8"
    "</BlockSizeX><BlockSizeY>8</BlockSizeY><BandsCount>3</BandsCount></GDAL_WMS>"
)


def _tiff(path: Path, value: int = 5, bands: int = 1, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = {"width": 8, "height": 8, "count": bands, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **{**size, **_HOW, **how}) as file:
        file.write(np.full((bands, 8, 8), value, np.uint8))
    return path


def _vrt(source: object, relative: int = 0, more: str = "") -> str:
    band = _BANDS.format(_SIMPLE.format(source, relative))
    return (
        f'<VRTDataset rasterXSize="8" rasterYSize="8"><SRS>EPSG:32632</SRS>'
        f"<GeoTransform>500000,10,0,5000000,0,-10</GeoTransform>{more}{band}"
        "</VRTDataset>"
    )


@pytest.fixture
def secret(tmp_path):
    return _tiff(tmp_path / "private" / "secret.tif", _SECRET)


class _Server:
    """Of a folder; a process of its own, as GDAL asks while it holds Python's lock."""

    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        assert process.stdout is not None
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        self._log = log

    @property
    def asked(self) -> list[str]:
        """The paths of all requests."""
        return self._log.read_text().splitlines()


_SERVE = """
import functools, http.server, pathlib, sys
log = pathlib.Path(sys.argv[2])
class Handler(http.server.SimpleHTTPRequestHandler):
    def send_head(self):
        with log.open("a") as file:
            print(self.path, file=file)
        return super().send_head()
    def log_message(self, *_):
        pass
handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves `tmp_path`; GDAL waits for no answer for longer than 5 s."""
    monkeypatch.setenv("GDAL_HTTP_TIMEOUT", "5")
    log = tmp_path / "requests.txt"
    log.touch()
    command = [sys.executable, "-c", _SERVE, str(tmp_path), str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield _Server(process, log)
        process.terminate()


def _folder(tmp_path: Path, name: str, content: str) -> Path:
    """Two classes of an image each; one holds something else."""
    _tiff(tmp_path / "data" / "a" / "whole.tif")
    foreign = tmp_path / "data" / "b" / name
    foreign.parent.mkdir(parents=True)
    foreign.write_text(content)
    return tmp_path / "data"


def _zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder))


def _read(path: Path) -> np.ndarray:
    dataset = open_dataset(path)
    return dataset.read(np.arange(len(dataset)))["image"]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_an_image_that_is_a_vrt_shows_no_private_file(tmp_path, secret, suffix, zipped):
    data = _folder(tmp_path, f"x{suffix}", _vrt(secret))
    with pytest.raises(UserError, match=r"cannot read the image b/x"):
        _read(_zipped(data) if zipped else data)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", ["wms", "vrt", "wmts", "gti", "raw"])
def test_an_image_asks_nobody_in_the_network(tmp_path, server, kind, zipped, secret):
    content = {
        "wms": _WMS.format(server.url),
        "vrt": _vrt(f"/vsicurl/{server.url}/private/secret.tif"),
        "wmts": f"<GDAL_WMTS><GetCapabilitiesUrl>{server.url}</GetCapabilitiesUrl>"
        "</GDAL_WMTS>",
        "gti": f"<GDALTileIndexDataset><IndexDataset>/vsicurl/{server.url}/a.gpkg"
        "</IndexDataset></GDALTileIndexDataset>",
        "raw": _vrt("x").replace(
            'band="1">',
            'band="1" subClass="VRTRawRasterBand"><SourceFilename>'
            f"/vsicurl/{server.url}/private/secret.tif</SourceFilename>",
        ),
    }[kind]
    data = _folder(tmp_path, "x.png", content)
    with pytest.raises(UserError, match=r"cannot read the image b/x"):
        _read(_zipped(data) if zipped else data)
    assert server.asked == []


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("end", [".msk", ".ovr"])
def test_what_lies_beside_an_image_is_a_tiff(tmp_path, server, end, zipped, secret):
    """A mask that is a VRT would tell a private file's zeros, and ask for addresses."""
    data = _folder(
        tmp_path, f"x.tif{end}", _vrt(f"/vsicurl/{server.url}/private/secret.tif")
    )
    _tiff(data / "b" / "x.tif")
    with pytest.raises(UserError, match="expected a mask or overviews in a TIFF file"):
        _read(_zipped(data) if zipped else data)
    assert server.asked == []


def test_metadata_beside_an_image_name_no_file(tmp_path, server, secret):
    address = f"/vsicurl/{server.url}/private/secret.tif"
    data = _folder(
        tmp_path,
        "x.tif.aux.xml",
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
        f"{address}</MDI></Metadata></PAMDataset>",
    )
    _tiff(data / "b" / "x.tif")
    with pytest.raises(UserError, match="OVERVIEW_FILE"):
        _read(data)
    with pytest.raises(UserError, match="OVERVIEW_FILE"):
        Scene(data / "b" / "x.tif", ["B02"])
    assert server.asked == []


def test_metadata_inside_an_image_are_not_followed(tmp_path, server, secret):
    data = _folder(tmp_path, "x.tif", "")
    _tiff(data / "b" / "x.tif")
    with rasterio.open(data / "b" / "x.tif", "r+") as file:
        address = f"/vsicurl/{server.url}/private/secret.tif"
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=address)
    assert (_read(data) == 5).all()
    (data / "b" / "s.vrt").write_text(_vrt("x.tif", 1))
    for name in ("x.tif", "s.vrt"):
        with pytest.raises(UserError, match="OVERVIEW_FILE"):
            Scene(data / "b" / name, ["B02"])
    assert server.asked == []


def test_images_keep_their_masks(tmp_path):
    """The checks of what lies beside leave what is as it should be."""
    data = _folder(tmp_path, "x.tif", "")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="NO"):
        _tiff(data / "b" / "x.tif")
        with rasterio.open(data / "b" / "x.tif", "r+") as file:
            file.write_mask(np.eye(8, dtype=bool))
    assert (data / "b" / "x.tif.msk").is_file()
    for path in (data, _zipped(data)):
        assert np.isnan(_read(path)[1]).sum() == 56


_OUTSIDE = {
    "an absolute path": _vrt("{secret}"),
    "a way out": _vrt("../private/secret.tif", 1),
    "a link": _vrt("link.tif", 1),
    "an address": _vrt("/vsicurl/{url}/private/secret.tif"),
    "an address that leads back": _vrt("/vsicurl/{url}/private/../../../../{inside}"),
    "an address without GDAL's prefix": _vrt("{url}/private/secret.tif"),
    "a VRT in a name": _vrt("&lt;VRTDataset/&gt;"),
    "a name that GDAL opens": _vrt("vrt://{secret}"),
    "a subdataset": _vrt("GTIFF_DIR:1:{secret}"),
    "a nested VRT": _vrt("nested.vrt", 1),
    "a nested VRT with another suffix": _vrt("nested.tif", 1),
    "an image that is a WMS": _vrt("wms.tif", 1),
    "an image that is a tile index, too": _vrt("tiles.jpg", 1),
    "a mask beside an image": _vrt("masked.tif", 1),
    "an attribute": _vrt("x").replace(
        '<SimpleSource><SourceFilename relativeToVRT="0">x</SourceFilename>',
        '<SimpleSource SourceFilename="{secret}">',
    ),
    "a comment in a name": _vrt("{secret}<!-- -->/../../scene/a.tif"),
    "a relative path that is none": _vrt("../private/secret.tif").replace(
        'VRT="0"', 'VRT="1x"'
    ),
    "raw pixels": _vrt("x").replace(
        'band="1">',
        'band="1" subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="0">'
        "{secret}</SourceFilename>",
    ),
    "Python": _vrt("a.tif", 1).replace(
        'band="1">',
        'band="1" subClass="VRTDerivedRasterBand"><PixelFunctionType>f'
        "</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
        "<PixelFunctionCode>def f(*a, **k): open('{done}', 'w')</PixelFunctionCode>",
    ),
    "overviews": _vrt(
        "a.tif",
        1,
        '<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI>'
        "</Metadata>",
    ),
    "a reference system": _vrt("a.tif", 1).replace(
        "EPSG:32632", "+proj=utm +zone=32 +nadgrids={secret}"
    ),
    "geolocation": _vrt(
        "a.tif",
        1,
        '<Metadata domain="GEOLOCATION"><MDI key="X_DATASET">{secret}</MDI></Metadata>',
    ),
    "open options": _vrt("a.tif", 1).replace(
        "<SourceBand>", '<OpenOptions><OOI key="X">1</OOI></OpenOptions><SourceBand>'
    ),
}


def _jpeg_with(text: str) -> bytes:
    """A JPEG file with a comment, and no zero byte before it ends."""
    with rasterio.MemoryFile() as memory:
        how = {"dtype": "uint8", "height": 8, "width": 8, "count": 1, **_HOW}
        with memory.open(driver="JPEG", **how) as image:
            image.write(np.full((1, 8, 8), 7, np.uint8))
        whole = memory.read()
    comment = text.encode().ljust(0x1101)
    length = (len(comment) + 2).to_bytes(2)
    return whole[:2] + b"\xff\xfe" + length + comment + whole[2:]


@pytest.fixture
def place(tmp_path, secret, server):
    """The folder of a VRT, and a function that fills in names."""
    inside = _tiff(tmp_path / "scene" / "a.tif")
    (inside.parent / "link.tif").symlink_to(secret)
    for name in ("nested.vrt", "nested.tif"):
        (inside.parent / name).write_text(_vrt(secret))
    (inside.parent / "wms.tif").write_text(_WMS.format(server.url))
    (inside.parent / "tiles.jpg").write_bytes(
        _jpeg_with(
            f"<GDALTileIndexDataset><IndexDataset>/vsicurl/{server.url}/i.geojson"
            "</IndexDataset></GDALTileIndexDataset>"
        )
    )
    _tiff(inside.parent / "masked.tif")
    (inside.parent / "masked.tif.msk").write_text(_vrt(secret))

    def filled(text: str) -> str:
        for name, value in {
            "secret": secret,
            "url": server.url,
            "inside": inside,
            "done": tmp_path / "done",
        }.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    return inside.parent, filled


@pytest.mark.parametrize("name", ["a.tif.msk", "A.TIF.MSK", "A.tif.msk", "A.Tif.Ovr"])
def test_what_lies_beside_a_scene_is_a_tiff_in_any_case_of_letters(place, name):
    """GDAL finds a mask by its name, whatever the case of its letters."""
    folder, filled = place
    (folder / name).write_text(filled(_vrt("{secret}")))
    with pytest.raises(UserError, match="expected a mask or overviews in a TIFF"):
        Scene(folder / "a.tif", ["B02"])


@pytest.mark.parametrize("kind", _OUTSIDE)
def test_a_vrt_shows_its_own_folder(tmp_path, monkeypatch, server, place, kind):
    folder, filled = place
    monkeypatch.setenv("GDAL_VRT_ENABLE_PYTHON", "YES")
    monkeypatch.chdir(folder)
    (folder / "s.vrt").write_text(filled(_OUTSIDE[kind]))
    with pytest.raises(UserError, match=r"allow_remote=True|expected a mask or"):
        Scene(folder / "s.vrt", ["B02"])
    with pytest.raises(UserError):
        grid_of(folder / "s.vrt")
    assert server.asked == [] and not (tmp_path / "done").exists()


def test_python_in_a_vrt_is_never_run(tmp_path, monkeypatch, place):
    """Not even where remote files are allowed and the environment allows it."""
    folder, filled = place
    (folder / "s.vrt").write_text(filled(_OUTSIDE["Python"]))
    with (
        rasterio.Env(GDAL_VRT_ENABLE_PYTHON="YES"),
        Scene(folder / "s.vrt", ["B02"], allow_remote=True) as scene,
        pytest.raises(UserError),
    ):
        scene.read(0, 0, 8, 8, {"image": ["B02"]})
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("kind", ["an absolute path", "a link", "a nested VRT"])
def test_a_vrt_shows_other_folders_where_that_is_allowed(place, kind):
    folder, filled = place
    (folder / "s.vrt").write_text(filled(_OUTSIDE[kind]))
    with Scene(folder / "s.vrt", ["B02"], allow_remote=True) as scene:
        found, _ = scene.read(0, 0, 8, 8, {"image": ["B02"]})
    assert (found["image"] == _SECRET).all()


def test_a_vrt_of_its_own_folder_and_below(place):
    folder, _ = place
    _tiff(folder / "below" / "b.tif", 9)
    (folder / "below" / "n.vrt").write_text(_vrt("b.tif", 1))
    (folder / "s.vrt").write_text(_vrt("below/n.vrt", 1))
    with Scene(folder / "s.vrt", ["B02"]) as scene:
        found, _ = scene.read(0, 0, 8, 8, {"image": ["B02"]})
    assert (found["image"] == 9).all()


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_gives_no_vrt(tmp_path, secret, zipped):
    """The user names the folder of a scene; what lies in it, others chose."""
    folder = tmp_path / "scene"
    folder.mkdir()
    (folder / "x_B02.vrt").write_text(_vrt(secret))
    with pytest.raises(UserError, match=r"x_B02\.vrt"):
        Scene(_zipped(folder) if zipped else folder)


@pytest.mark.parametrize("allow", [False, True])
def test_scenes_that_the_user_names_are_read_from_the_network(
    tmp_path, server, secret, allow
):
    for name in (f"/vsicurl/{server.url}/private/secret.tif", None):
        address = name or f"{server.url}/private/secret.tif"
        assert split_paths(f"{address},{secret}") == [address, str(secret)]
        with Scene(Path(address), ["B02"], allow_remote=allow) as scene:
            found, _ = scene.read(0, 0, 8, 8, {"image": ["B02"]})
            assert scene.files == []
        assert (found["image"] == _SECRET).all()
        assert grid_of(address) == grid_of(secret)
    assert server.asked


def test_what_lies_beside_a_scene_in_the_network_is_not_asked_for(
    tmp_path, server, secret
):
    """A mask there may be a VRT that names private files."""
    Path(f"{secret}.msk").write_text(_vrt(secret))
    with Scene(f"{server.url}/private/secret.tif", ["B02"]) as scene:
        scene.read(0, 0, 8, 8, {"image": ["B02"]})
    assert {path.split("?")[0] for path in server.asked} == {"/private/secret.tif"}


def test_a_vrt_in_the_network_needs_the_users_word(tmp_path, server, secret):
    (tmp_path / "s.vrt").write_text(_vrt(secret))
    with pytest.raises(UserError, match=r"s\.vrt"):
        Scene(f"{server.url}/s.vrt", ["B02"])
    shutil.copy(tmp_path / "s.vrt", tmp_path / "s.tif")
    with pytest.raises(UserError, match=r"s\.tif"):
        Scene(f"{server.url}/s.tif", ["B02"])


def test_a_mask_in_the_zip_file_of_a_scene_is_a_tiff(tmp_path, secret):
    archive = tmp_path / "s.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(secret, "x_B02.tif")
        file.writestr("x_B02.tif.msk", _vrt(secret))
    with pytest.raises(UserError, match="expected a mask or overviews"):
        Scene(archive)


def test_a_format_that_may_name_files_needs_the_users_word(tmp_path):
    size = {"width": 8, "height": 8, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "s.img", "w", driver="HFA", **size, **_HOW) as file:
        file.write(np.full((1, 8, 8), 3, np.uint8))
    with pytest.raises(UserError, match="can be read"):
        Scene(tmp_path / "s.img", ["B02"])
    with Scene(tmp_path / "s.img", ["B02"], allow_remote=True) as scene:
        assert scene.bands == ("B02",)


def test_the_right_format_under_a_wrong_suffix_is_read(tmp_path):
    _tiff(tmp_path / "data" / "a" / "x.tif")
    _tiff(tmp_path / "data" / "b" / "y.tif")
    os.rename(tmp_path / "data" / "b" / "y.tif", tmp_path / "data" / "b" / "y.png")
    assert _read(tmp_path / "data").shape == (2, 8, 8, 1)


@pytest.mark.parametrize("read", [open_dataset, Scene], ids=["images", "scene"])
def test_text_that_is_no_utf8_is_told(tmp_path, read):
    """Users rely on: band names of an old program end in a line, not a traceback."""
    path = tmp_path / "a" / "height.tif"
    path.parent.mkdir()
    profile = {"driver": "GTiff", "width": 8, "height": 8, "count": 2}
    with rasterio.open(path, "w", **profile, dtype="uint8", **_HOW) as file:
        file.write(np.ones((2, 8, 8), np.uint8))
        file.descriptions = ("Höhe", "B02")
    content = path.read_bytes()
    assert "Höhe".encode() in content
    path.write_bytes(content.replace("Höhe".encode(), b"H\xf6he "))
    with pytest.raises(UserError, match=r"expected band names, .* the byte 0xf6"):
        read(tmp_path if read is open_dataset else path)
