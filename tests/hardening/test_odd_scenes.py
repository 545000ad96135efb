"""Scenes and images that are odd: one line that tells what is wrong, or they are read.

Users see no traceback, and no advice that does not help.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from autoai4eo.cli.options import parse_bands
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.scenes.files import split_paths
from autoai4eo.data.scenes.raster_grid import grid_of
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.errors import UserError

_PLACE = (10.0, 0.0, 5e5, 0.0, -10.0, 5e6)
_LOCAL = 'LOCAL_CS["arbitrary",UNIT["metre",1],AXIS["X",EAST],AXIS["Y",NORTH]]'


def _tiff(path: Path, crs: str | None = "EPSG:32632", place=_PLACE) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8",
            crs=crs, transform=Affine(*place),
        ) as file:  # fmt: skip
            file.write(np.full((1, 8, 8), 3, np.uint8))
    return path


def _vrt(folder: Path, place: str, crs: str = "EPSG:32632", size: int = 8) -> Path:
    _tiff(folder / "a.tif")
    (folder / "s.vrt").write_text(
        f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>{crs}</SRS>'
        f'<GeoTransform>{place}</GeoTransform><VRTRasterBand dataType="Byte" band="1">'
        '<SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return folder / "s.vrt"


@pytest.mark.parametrize(
    "place",
    [
        "0,0,0,0,0,0",
        "0,10,0,0,10,0",
        "nan,10,0,0,0,-10",
        "0,inf,0,0,0,-10",
        "0,1e308,0,0,0,-1e308",
        "5e5,10,10,5e6,10,10",
    ],
)
def test_pixels_without_a_place(tmp_path, place):
    path = _vrt(tmp_path, place)
    for opens in (lambda: Scene(path, ["B02"]), lambda: grid_of(path)):
        with pytest.raises(UserError, match="expected pixels with a place and a size"):
            opens()


@pytest.mark.parametrize("crs", [_LOCAL, "EPSG:4978"])
def test_a_reference_system_without_a_place_on_the_earth(tmp_path, crs):
    path = _tiff(tmp_path / "s.tif", crs)
    with pytest.raises(UserError, match="allow_no_crs=True"):
        Scene(path, ["B02"])
    with Scene(path, ["B02"], allow_no_crs=True) as scene:
        found, _ = scene.read(0, 0, 8, 8, {"image": ["B02"]})
    assert (found["image"] == 3).all()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    place=st.tuples(
        *[st.floats(width=64) | st.sampled_from([0.0, 1e308, -1e-308])] * 6
    ),
    crs=st.sampled_from(["EPSG:32632", "EPSG:4326", "EPSG:3857", _LOCAL, "EPSG:4978"]),
    like=st.booleans(),
)
def test_any_transform_is_a_line_or_read(tmp_path, place, crs, like):
    path = _vrt(tmp_path, ",".join(map(repr, place)), crs.replace('"', "&quot;"))
    grid = grid_of(tmp_path / "a.tif") if like else None
    try:
        with Scene(path, ["B02"], grid=grid, allow_no_crs=True) as scene:
            found, _ = scene.read(0, 0, 8, 8, {"image": ["B02"]})
            assert np.isfinite(found["image"]).all()
            assert math.isfinite(scene.grid.metres())
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("size", [0, -1])
def test_no_pixels(tmp_path, size):
    with pytest.raises(UserError, match=r"s\.vrt"):
        Scene(_vrt(tmp_path, "5e5,10,0,5e6,0,-10", size=size), ["B02"])


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".zip", "x/" * 3000, "a\0b"])
def test_names_that_no_file_can_have(name):
    for opens in (Scene, grid_of):
        with pytest.raises(UserError, match="expected a path that can be read"):
            opens(name)
    assert split_paths(name) == [name]


def test_an_image_whose_name_is_not_utf8_is_read(tmp_path):
    (tmp_path / "a").mkdir()
    _tiff(tmp_path / "a" / "x.tif")
    odd = os.fsdecode(os.fsencode(tmp_path / "a") + b"/caf\xe9.tif")
    os.rename(_tiff(tmp_path / "a" / "y.tif"), odd)
    dataset = open_dataset(tmp_path)
    assert (dataset.read(np.arange(2))["image"] == 3).all()


def test_a_class_whose_name_is_not_utf8_is_to_be_renamed(tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    for folder in (tmp_path / "a", odd):
        folder.mkdir()
        _tiff(tmp_path / "x.tif").rename(folder / "x.tif")
    with pytest.raises(UserError, match=r"UTF-8.*rename it"):
        open_dataset(tmp_path)


def test_a_scene_whose_name_is_not_utf8_is_to_be_renamed(tmp_path):
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.tif"))
    _tiff(tmp_path / "x.tif").rename(odd)
    for opens in (lambda: Scene(odd, ["B02"]), lambda: grid_of(odd)):
        with pytest.raises(UserError, match=r"UTF-8.*rename it"):
            opens()


@pytest.mark.parametrize("texts", [[""], [","], ["sen2="], ["image=B02", "sen1=,"]])
def test_an_empty_choice_of_bands_is_refused(texts):
    with pytest.raises(UserError, match="expected names of bands"):
        parse_bands(texts)


def test_a_name_of_a_band_that_is_empty(tmp_path):
    with pytest.raises(UserError, match="expected names of bands"):
        Scene(_tiff(tmp_path / "s.tif"), [""])


def test_a_vrt_of_a_folder_is_a_line(tmp_path):
    place = '<SourceFilename relativeToVRT="1">a.tif</SourceFilename>'
    source = f"<SimpleSource>{place}<SourceBand>1</SourceBand></SimpleSource>"
    (tmp_path / "s.vrt").write_text(
        '<VRTDataset rasterXSize="8" rasterYSize="8">'
        f'<VRTRasterBand dataType="Byte" band="1">{source}</VRTRasterBand></VRTDataset>'
    )
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(UserError, match="made of files, found the folder"):
        Scene(tmp_path / "s.vrt", ["B02"])
