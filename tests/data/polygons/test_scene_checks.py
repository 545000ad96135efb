"""Scenes to cut patches from: none twice, and in reflectance or said otherwise."""

import os
import warnings

import polygons
import pytest
import rasterio
import scenes

import autoai4eo as ae
from autoai4eo.errors import AutoAI4EOWarning, UserError

HOW = {"field": "use", "size": 8, "stride": 4, "verbose": 0, "overwrite": True}
DIGITAL = "digital numbers are cut as they are"


@pytest.fixture
def folder(tmp_path):
    scenes.write_scene(tmp_path / "scene.tif", scenes.digits(40, 60))
    made = [
        polygons.polygon(polygons.square(9 + 20 * i, 9, 6), use=use)
        for i, use in enumerate(("town", "wood"))
    ]
    polygons.write_geojson(tmp_path / "areas.geojson", made)
    return tmp_path


def cut(folder, *paths, **how):
    """Cuts patches of these scenes, and returns the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", AutoAI4EOWarning)
        ae.data.cut_patches(
            list(paths), folder / "areas.geojson", folder / "p.h5", **{**HOW, **how}
        )
    return [str(one.message) for one in told]


def test_digital_numbers_are_told_in_one_line(folder):
    """Users rely on: So2Sat's layout holds reflectance, and `map` needs the same."""
    (told,) = cut(folder, folder / "scene.tif")
    assert DIGITAL in told and "give scale=0.0001, here and to map" in told
    assert "\n" not in told
    assert not cut(folder, folder / "scene.tif", scale=0.0001)


def test_reflectance_is_not_told(folder):
    pixels = (scenes.digits(40, 60) * 1e-4).astype("float32")
    bright = scenes.write_scene(folder / "bright.tif", pixels)
    dark = scenes.write_scene(folder / "dark.tif", pixels / 50)  # a sea
    colours = scenes.write_scene(
        folder / "rgb.tif", scenes.digits(40, 60), ("R", "G", "B")
    )
    assert not cut(folder, bright) and not cut(folder, dark)
    assert not cut(folder, colours)  # no reflectance


def test_scenes_of_several_units_are_counted(folder):
    scene = folder / "scene.tif"
    pixels = scenes.digits(40, 60)
    again = scenes.write_scene(folder / "again.tif", pixels)
    other = scenes.write_scene(folder / "other.tif", (pixels * 1e-4).astype("float32"))
    (told,) = cut(folder, scene, again, other)
    assert f"{scene} and 1 more" in told and "(2 of the 3 scenes)" in told


def test_only_a_conversion_that_fits_is_advised(folder):
    scene = folder / "scene.tif"
    with rasterio.open(scene, "r+") as file:
        file.scales = (0.0002,) * 3
    (told,) = cut(folder, scene)
    assert "give scale='tags', as its file tells" in told
    assert not cut(folder, scene, scale="tags")
    huge = scenes.write_scene(
        folder / "huge.tif", (scenes.digits(40, 60) * 1e6).astype("float32")
    )
    (told,) = cut(folder, huge)
    assert "check scale and offset" in told and "0.0001" not in told


def test_the_offset_of_a_product_is_told_once(folder):
    """That advice has the scale and the offset."""
    new = folder / "S2A_MSIL2A_20220801T100000_N0400_R022_T30SXH_20220801T120000.SAFE"
    scenes.write_scene(new / "a.tif", scenes.digits(40, 60))
    (told,) = cut(folder, new / "a.tif")
    assert "give scale=0.0001, offset=-0.1" in told


def test_a_scene_that_is_given_twice_is_refused(folder, monkeypatch):
    """Its patches would be there twice, and a random split would leak."""
    monkeypatch.chdir(folder)
    (folder / "link.tif").symlink_to("scene.tif")
    os.link(folder / "scene.tif", folder / "hard.tif")
    scenes.write_scene(
        folder / "radar.tif",
        (scenes.digits(40, 60)[..., :2] / -100).astype("float32"),
        ("VV", "VH"),
    )
    for again in (
        "scene.tif",
        "./scene.tif",
        folder / "scene.tif",
        "link.tif",
        "hard.tif",
        ["radar.tif", "scene.tif"],
    ):
        with pytest.raises(UserError, match="expected each scene once, found") as told:
            cut(folder, "scene.tif", again, scale=0.0001)
        assert "\n" not in str(told.value) and not (folder / "p.h5").exists()


def test_dates_may_have_a_file_in_common(folder):
    """Radar of one date beside optical scenes of two is no scene twice."""
    pixels = scenes.digits(40, 60)
    june = scenes.write_scene(folder / "june.tif", pixels + 1)
    radar = (pixels[..., :2] / -100).astype("float32")
    radar = scenes.write_scene(folder / "radar.tif", radar, ("VV", "VH"))
    may = folder / "scene.tif"
    assert not cut(folder, [may, radar], [june, radar], scale=0.0001)
    assert len(ae.open_dataset(folder / "p.h5")) == 16
