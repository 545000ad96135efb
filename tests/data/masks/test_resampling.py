"""Inputs of another resolution than their masks."""

import h5py
import numpy as np
import pytest
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject
from scenes import UTM, digits, write_scene

from autoai4eo.data.masks.resampling import are_multiples, on_grid
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError

RNG = np.random.default_rng(0)


def warped(image, shape, how):
    """As GDAL resamples an image (height, width)."""
    height, width = image.shape
    found = np.zeros(shape, np.float32)
    crs = {"src_crs": "EPSG:32630", "dst_crs": "EPSG:32630"}
    here = Affine(60 / width, 0, 0, 0, -60 / height, 0)
    there = Affine(60 / shape[1], 0, 0, 0, -60 / shape[0], 0)
    reproject(
        image, found, src_transform=here, dst_transform=there, resampling=how, **crs
    )
    return found


@pytest.mark.parametrize(
    ("stored", "shape", "how"),
    [
        ((6, 6), (12, 12), Resampling.bilinear),
        ((5, 4), (15, 24), Resampling.bilinear),
        ((1, 2), (4, 4), Resampling.bilinear),
        ((12, 12), (6, 6), Resampling.average),
        ((12, 8), (4, 8), Resampling.average),
    ],
)
def test_images_are_resampled_as_gdal_does(stored, shape, how):
    values = RNG.random((3, *stored, 2), np.float32)
    found = on_grid(values, shape)
    assert found.shape == (3, *shape, 2) and found.dtype == np.float32
    for i in range(3):
        for band in range(2):
            wanted = warped(values[i, ..., band], shape, how)
            np.testing.assert_allclose(found[i, ..., band], wanted, atol=2e-4)


def test_missing_values_do_not_spread():
    values = np.full((1, 4, 4, 1), 7, np.float32)
    values[0, 1, 2] = np.nan
    finer = on_grid(values, (8, 8))[0, ..., 0]
    missing = np.zeros((8, 8), bool)
    missing[2:4, 4:6] = True
    np.testing.assert_array_equal(np.isnan(finer), missing)
    np.testing.assert_allclose(finer[~missing], 7)
    np.testing.assert_allclose(on_grid(values, (2, 2)), 7)
    values[0, :2, 2:] = np.nan
    coarser = on_grid(values, (2, 2))[0, ..., 0]
    assert np.isnan(coarser).tolist() == [[False, True], [False, False]]


def test_grids_that_fit_together():
    assert are_multiples((60, 60), (120, 120)) and are_multiples((9, 6), (3, 6))
    assert not are_multiples((60, 60), (120, 90))
    assert not are_multiples((60, 120), (120, 60))


@pytest.mark.parametrize("form", ["h5", "npz", "arrays"])
def test_sensors_of_two_resolutions_with_masks(form, tmp_path):
    pixels = {
        "sen1": RNG.random((5, 12, 12, 2), np.float32),
        "sen2": RNG.random((5, 6, 6, 4), np.float32),
    }
    mask = RNG.integers(0, 3, (5, 12, 12), np.uint8)
    path = tmp_path / f"a.{form}"
    if form == "h5":
        with h5py.File(path, "w") as file:
            for name, values in {**pixels, "mask": mask}.items():
                file[name] = values
    elif form == "npz":
        np.savez(path, mask=mask, **pixels)
    arrays = form == "arrays"
    d = open_dataset(pixels, labels=mask) if arrays else open_dataset(path)
    assert [spec.shape for spec in d.inputs] == [(12, 12, 2), (12, 12, 4)]
    found = d.read([3, 1])
    np.testing.assert_array_equal(found["sen1"], pixels["sen1"][[3, 1]])
    wanted = on_grid(pixels["sen2"][[3, 1]], (12, 12))
    np.testing.assert_array_equal(found["sen2"], wanted)
    np.testing.assert_array_equal(d.read_targets([3, 1]), mask[[3, 1]])
    told = "sen2: its 6 × 6 pixels are interpolated (bilinear) to the 12 × 12"
    assert any(told in note for note in d.notes)


def test_other_sizes_are_one_error(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["sen1"] = RNG.random((5, 12, 12, 2), np.float32)
        file["sen2"] = RNG.random((5, 5, 5, 4), np.float32)
        file["mask"] = RNG.integers(0, 3, (5, 12, 12), np.uint8)
    with pytest.raises(UserError, match="5 × 5 pixels as sen2 has, or whole") as caught:
        open_dataset(tmp_path / "a.h5")
    assert "\n" not in str(caught.value)


def test_scenes_of_bands_of_several_resolutions(tmp_path):
    """On the grid of the finest, whatever the grid of the mask."""
    coarse = Affine(20, 0, UTM.c, 0, -20, UTM.f)
    write_scene(tmp_path / "fine.tif", digits(24, 24))
    swir = digits(12, 12, 1, seed=1)
    write_scene(tmp_path / "swir.tif", swir, ("B11",), transform=coarse)
    mask = RNG.integers(0, 2, (12, 12, 1), np.uint8)
    write_scene(tmp_path / "m.tif", mask, None, transform=coarse)
    scene = f"{tmp_path}/fine.tif,{tmp_path}/swir.tif"
    d = open_dataset(scene, masks=tmp_path / "m.tif", tile=24)
    (spec,) = d.inputs
    assert [b.name for b in spec.bands] == ["B02", "B03", "B04", "B11"]
    found = d.read([0])["sen2"][0]
    np.testing.assert_array_equal(found[..., :3], digits(24, 24))
    wanted = on_grid(swir[None].astype(np.float32), (24, 24))[0, ..., 0]
    np.testing.assert_allclose(found[..., 3], wanted, atol=1)
    np.testing.assert_array_equal(
        d.read_targets([0])[0], mask[..., 0].repeat(2, 0).repeat(2, 1)
    )
