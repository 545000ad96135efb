"""Zeros of radar are no data; fill that no file declares is told, with what to do."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scenes
from rasterio.transform import Affine

from autoai4eo.data.scenes.scene import Scene

SIZE = 40
TWICE = Affine(20.0, 0.0, 300_000.0, 0.0, -20.0, 4_200_000.0)


def decibels(size=SIZE):
    rng = np.random.default_rng(0)
    return rng.normal((-11, -18), 2, (size, size, 2)).astype(np.float32)


def read(path, bands, **how):
    with Scene(path, **how) as scene:
        size = scene.grid.height
        pixels, valid = scene.read(0, 0, size, size, {"x": bands})
        return pixels["x"], valid, scene.notes(bands)


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("int16", -9999), ("float32", -9999), ("float32", 65535), ("uint16", 65535)],
)
@pytest.mark.parametrize("coarse", [False, True])
def test_undeclared_fill_is_told_and_the_cure_works(tmp_path, dtype, fill, coarse):
    pixels = scenes.digits(SIZE, SIZE).astype(dtype)
    pixels[:, :10] = fill
    path = scenes.write_scene(
        tmp_path / "s.tif", pixels, transform=TWICE if coarse else scenes.UTM
    )
    paths = [path]
    if coarse:  # resampled: fill is mixed with measurements
        fine = np.full((2 * SIZE, 2 * SIZE, 1), 500, np.uint16)
        paths.append(scenes.write_scene(tmp_path / "f.tif", fine, ["B08"]))
    _, valid, (note,) = read(paths, scenes.BANDS)
    assert valid.all()  # never masked by a guess
    assert f"{fill}, probably fill that is not declared" in note
    assert all(f"{name} 25.0%" in note for name in scenes.BANDS) or coarse
    command = re.search(r"\((rio edit-info --nodata \S+) FILE\)", note)[1]
    rio = Path(sys.executable).with_name("rio")
    subprocess.run([str(rio), *command.split()[1:], str(path)], check=True)
    _, valid, notes = read(paths, scenes.BANDS)
    edge = 20 if coarse else 10
    assert not valid[:, :edge].any() and valid[:, edge:].all() and notes == []


def test_fill_does_not_enter_medians_and_advice(tmp_path):
    pixels = scenes.digits(SIZE, SIZE).astype(np.float32)
    whole = pixels.copy()
    pixels[:30] = -9999
    path = scenes.write_scene(tmp_path / "s.tif", pixels)
    with Scene(path) as scene:
        np.testing.assert_array_equal(
            scene.medians(scenes.BANDS), np.median(whole[30:], axis=(0, 1))
        )
        sample = scene.sample(scenes.BANDS)
    assert min(one.min() for one in sample.raw.values()) > 0
    assert sample.fill["B02"] == (-9999, pytest.approx(0.75))


def test_a_file_that_declares_another_value_is_to_be_rewritten(tmp_path):
    pixels = scenes.digits(SIZE, SIZE).astype(np.int16)
    pixels[:, :10] = -9999
    path = scenes.write_scene(tmp_path / "s.tif", pixels, nodata=-32768)
    _, _, (note,) = read(path, scenes.BANDS)
    assert f"write -32768, the declared nodata, in its place in {path}" in note


@pytest.mark.parametrize("unit", ["decibels", "power", "apart", "resampled"])
def test_zeros_of_all_radar_bands_are_no_data(tmp_path, unit):
    pixels = decibels()
    if unit == "power":
        pixels = 10 ** (pixels / 10)
    pixels[:, :20] = 0
    paths = [scenes.write_scene(tmp_path / "s.tif", pixels, ["VV", "VH"])]
    if unit == "apart":
        paths = [
            scenes.write_scene(tmp_path / f"{n}.tif", pixels[..., [i]], [n])
            for i, n in enumerate(("VV", "VH"))
        ]
    times = 1
    if unit == "resampled":
        times = 2
        paths = [
            scenes.write_scene(
                tmp_path / "s.tif", pixels, ["VV", "VH"], transform=TWICE
            ),
            scenes.write_scene(
                tmp_path / "f.tif", np.full((80, 80, 1), 9, np.uint16), ["B02"]
            ),
        ]
    found, valid, (note,) = read(paths, ["VV", "VH"])
    assert not valid[:, : 20 * times].any() and valid[:, 20 * times :].all()
    assert "0 is taken for nodata, which is not declared, in all bands 50." in note
    assert (found[:, 20 * times :] != 0).all()  # no zeros were mixed in


def test_zeros_of_one_radar_band_are_told_and_not_masked(tmp_path):
    pixels = decibels()
    pixels[:, :20, 1] = 0
    path = scenes.write_scene(tmp_path / "s.tif", pixels, ["VV", "VH"])
    found, valid, (note,) = read(path, ["VV", "VH"])
    assert valid.all() and (found[:, :20, 1] == 0).all()
    assert "0, probably fill that is not declared, in VH 50.0%" in note
    assert "--nodata 0 FILE" in note


def test_a_single_radar_band_of_zeros(tmp_path):
    pixels = decibels()[..., :1]
    pixels[:, :20] = 0
    path = scenes.write_scene(tmp_path / "float.tif", pixels, ["VV"])
    _, valid, notes = read(path, ["VV"])
    assert not valid[:, :20].any() and "taken for nodata" in notes[0]
    # whole decibels: 0 may be one
    whole = scenes.write_scene(tmp_path / "int.tif", pixels.astype(np.int16), ["VV"])
    _, valid, notes = read(whole, ["VV"])
    assert valid.all() and "0, probably fill" in notes[0]


def test_real_and_imaginary_parts_may_be_zero(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(-5, 6, (SIZE, SIZE, 2)).astype(np.int16)
    pixels[:, :10] = 0
    names = ["VV_real", "VV_imag"]
    path = scenes.write_scene(tmp_path / "s.tif", pixels, names)
    _, valid, (note,) = read(path, names)
    np.testing.assert_array_equal(valid, pixels.any(axis=-1))
    assert "0 is taken for nodata" in note


@pytest.mark.parametrize("names", [["R", "G", "B"], ["x1", "x2", "x3"]])
def test_a_black_border_of_a_picture_is_told_and_not_masked(tmp_path, names):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    path = scenes.write_scene(tmp_path / "p.tif", pixels, names)
    assert read(path, names)[2] == []
    pixels[:, :10] = 0
    path = scenes.write_scene(tmp_path / "b.tif", pixels, names)
    found, valid, (note,) = read(path, names)
    assert valid.all() and (found[:, :10] == 0).all()
    assert "25.0% of the pixels" in note and "0 in all bands, along an edge" in note
    assert "--nodata 0 FILE" in note
    # in the middle it is a shadow
    pixels[:, :10] = 99
    pixels[10:20, 10:20] = 0
    path = scenes.write_scene(tmp_path / "m.tif", pixels, names)
    assert read(path, names)[2] == []
