"""Scenes: bands by name, one grid, windows over the edges."""

import numpy as np
import pytest
import rasterio
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.shutil import copy
from rasterio.transform import Affine

from autoai4eo.data.scene import Scene
from autoai4eo.data.scene_files import has_offset, level_in, scene_files
from autoai4eo.errors import UserError

INPUT = {"image": scenes.BANDS}
TWICE = Affine(20.0, 0.0, 300_000.0, 0.0, -20.0, 4_200_000.0)  # as coarse as UTM


@pytest.fixture(scope="module")
def pixels():
    return scenes.digits(31, 45)


@pytest.fixture(scope="module")
def path(tmp_path_factory, pixels):
    return scenes.write_scene(tmp_path_factory.mktemp("scene") / "s.tif", pixels)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(-20, 40), st.integers(-20, 50), st.integers(1, 40), st.integers(1, 50)
)
def test_a_window_over_the_edges_is_reflected_there(
    path, pixels, top, left, height, width
):
    with Scene(path) as scene:
        found, valid = scene.read(top, left, height, width, INPUT)
    # NumPy's own reflection
    whole = np.pad(pixels, ((90, 90), (90, 90), (0, 0)), mode="reflect")
    there = np.pad(np.ones(pixels.shape[:2], bool), 90)
    rows, columns = (
        slice(90 + top, 90 + top + height),
        slice(90 + left, 90 + left + width),
    )
    np.testing.assert_array_equal(found["image"], whole[rows, columns])
    np.testing.assert_array_equal(valid, there[rows, columns])


def test_bands_are_taken_by_name_not_by_place(path, pixels):
    with Scene(path) as scene:
        found, _ = scene.read(0, 0, 5, 5, {"a": ("B04",), "b": ("B03", "B02")})
    np.testing.assert_array_equal(found["a"][..., 0], pixels[:5, :5, 2])
    np.testing.assert_array_equal(found["b"], pixels[:5, :5, 1::-1])


def test_names_that_are_given_are_those_of_the_file_in_its_order(path, pixels):
    with Scene(path, ["B8A", "b2", "B11"]) as scene:
        assert scene.bands == ("B8A", "B02", "B11")
        found, _ = scene.read(0, 0, 5, 5, {"a": ("B02",)})
    np.testing.assert_array_equal(found["a"][..., 0], pixels[:5, :5, 1])


def test_a_scale_holds_for_reflectance_and_not_for_radar(tmp_path):
    optical = scenes.write_scene(tmp_path / "o.tif", scenes.digits(9, 9, 1), ["B02"])
    radar = np.full((9, 9, 1), -12.5, np.float32)
    radar_path = scenes.write_scene(tmp_path / "r.tif", radar, ["VV"])
    with Scene([optical, radar_path], scale=0.0001, offset=-0.1) as scene:
        found, _ = scene.read(0, 0, 9, 9, {"s2": ["B02"], "s1": ["VV"]})
    np.testing.assert_array_equal(found["s1"], radar)
    expected = scenes.digits(9, 9, 1) * 0.0001 - 0.1
    np.testing.assert_allclose(found["s2"], expected, atol=1e-6)


def test_coarser_bands_are_resampled_to_the_finest(tmp_path):
    rows, columns = np.mgrid[0:24, 0:36] + 0.5
    plane = (2 * rows + 3 * columns).astype(np.float32)
    coarse = plane.reshape(12, 2, 18, 2).mean(axis=(1, 3))  # of the same plane
    scenes.write_scene(tmp_path / "x_B02_10m.tif", plane[..., None], None)
    scenes.write_scene(
        tmp_path / "x_B05_20m.tif", coarse[..., None], None, transform=TWICE
    )
    with Scene(tmp_path) as scene:
        assert (scene.grid.height, scene.grid.width) == (24, 36)
        found, valid = scene.read(0, 0, 24, 36, {"a": ["B02"], "b": ["B05"]})
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_array_equal(found["a"][..., 0], plane)
    np.testing.assert_allclose(found["b"][..., 0][inner], plane[inner], atol=1e-3)
    assert valid.all()


def test_windows_of_a_resampled_scene_fit_together(tmp_path):
    scenes.write_scene(tmp_path / "a_B02.tif", scenes.digits(40, 40, 1), None)
    scenes.write_scene(
        tmp_path / "a_B11.tif",
        scenes.digits(20, 20, 1),
        None,
        transform=TWICE,
    )
    wanted = {"a": ["B11"]}
    with Scene(tmp_path) as scene:
        whole, _ = scene.read(0, 0, 40, 40, wanted)
        parts = [scene.read(i, 0, 10, 40, wanted)[0]["a"] for i in range(0, 40, 10)]
    np.testing.assert_allclose(np.concatenate(parts), whole["a"], atol=1e-3)


def test_a_file_that_covers_a_part_has_no_data_elsewhere(tmp_path):
    a = scenes.write_scene(tmp_path / "a.tif", scenes.digits(20, 20, 1), ["B02"])
    half = scenes.digits(20, 10, 1)
    b = scenes.write_scene(tmp_path / "b.tif", half, ["B03"])
    with Scene([a, b]) as scene:
        _, valid = scene.read(0, 0, 20, 20, {"a": ["B02"], "b": ["B03"]})
    assert valid[:, :9].all() and not valid[:, 11:].any()


def test_pixels_without_data_in_all_bands_of_an_input_are_told(tmp_path):
    pixels = scenes.digits(20, 20).astype(np.float32)
    pixels[:5, :, :] = -9999
    pixels[10, 10, 0] = -9999  # in one band only
    pixels[15:, :, :] = np.nan
    path = scenes.write_scene(tmp_path / "s.tif", pixels, nodata=-9999)
    with Scene(path) as scene:
        found, valid = scene.read(0, 0, 20, 20, INPUT)
        medians = scene.medians(scenes.BANDS)
    assert not valid[:5].any() and valid[5:15].all() and not valid[15:].any()
    assert np.isfinite(found["image"]).all() and found["image"].min() > 0
    assert found["image"][10, 10, 0] == pytest.approx(medians[0])


def test_zero_is_no_data_in_a_product_of_sentinel_2(tmp_path):
    empty = scenes.digits(20, 20, 1)
    empty[:, :8] = 0
    for name, pixels, transform in [
        ("B02", empty, scenes.UTM),
        ("B03", empty, scenes.UTM),
        ("B11", empty[::2, ::2], TWICE),
    ]:
        path = scenes.write_scene(tmp_path / "x.tif", pixels, None, transform=transform)
        band = tmp_path / "safe" / f"T33UUB_20170527T102031_{name}.jp2"
        band.parent.mkdir(exist_ok=True)
        copy(
            str(path), str(band), driver="JP2OpenJPEG", quality="100", reversible="YES"
        )
    with Scene(tmp_path / "safe", scale=1e-4, offset=-0.1) as scene:
        found, valid = scene.read(0, 0, 20, 20, {"a": ["B02", "B03"], "b": ["B11"]})
        coarse, known = scene.read(0, 0, 20, 20, {"b": ["B11"]})
    assert not valid[:, :8].any() and valid[:, 9:].all()
    assert not known[:, :7].any() and known[:, 9:].all()
    np.testing.assert_allclose(
        found["a"][:, 8:, 0], empty[:, 8:, 0] * 1e-4 - 0.1, atol=1e-6
    )
    assert coarse["b"].min() > -0.08  # no zeros were mixed into what is there


def test_zero_is_black_in_a_picture(tmp_path):
    pixels = np.zeros((9, 9, 3), np.uint8)
    path = scenes.write_scene(tmp_path / "p.tif", pixels, ["R", "G", "B"])
    with Scene(path) as scene:
        found, valid = scene.read(0, 0, 9, 9, {"image": ["R", "G", "B"]})
    assert valid.all() and (found["image"] == 0).all()


def test_a_safe_folder_gives_the_finest_of_each_band(tmp_path):
    safe = (
        tmp_path / "S2A_MSIL2A_20230101T105441_N0509_R051_T30SXH_20230101T150000.SAFE"
    )
    images = safe / "GRANULE" / "L2A_T30SXH" / "IMG_DATA"
    for metres, names in {10: ["B02", "B8A"], 20: ["B02", "B11"], 60: ["B01"]}.items():
        for name in names:
            path = (
                images / f"R{metres}m" / f"T30SXH_20230101T105441_{name}_{metres}m.tif"
            )
            scenes.write_scene(path, scenes.digits(12, 12, 1), None)
    quality = safe / "GRANULE" / "L2A_T30SXH" / "QI_DATA" / "MSK_DETFOO_B02.tif"
    scenes.write_scene(quality, scenes.digits(12, 12, 1), None)
    assert sorted(p.stem.split("_", 2)[2] for p in scene_files([safe])) == [
        "B01_60m",
        "B02_10m",
        "B11_20m",
        "B8A_10m",
    ]
    with Scene(safe) as scene:
        assert scene.level == "L2A"
        (note,) = scene.notes
    assert "--offset -0.1" in note


def test_a_real_patch_of_single_bands(shared):
    with Scene(shared / "bigearthnet_patch") as scene:
        assert len(scene.bands) == 12 and scene.level == "L2A"
        assert (scene.grid.height, scene.grid.width) == (120, 120)
        found, valid = scene.read(0, 0, 120, 120, {"a": ["B02", "B05", "B01"]})
    assert valid.all()
    with rasterio.open(next((shared / "bigearthnet_patch").glob("*_B01.tif"))) as file:
        mean = file.read(1).mean()
    assert found["a"][..., 2].mean() == pytest.approx(mean, rel=0.01)


def test_a_vrt(tmp_path, path, pixels):
    from rasterio.vrt import WarpedVRT

    with rasterio.open(path) as file, WarpedVRT(file) as vrt:
        copy(vrt, tmp_path / "s.vrt", driver="VRT")
    with Scene(tmp_path / "s.vrt", scenes.BANDS) as scene:
        found, _ = scene.read(0, 0, 31, 45, INPUT)
    np.testing.assert_array_equal(found["image"], pixels)


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("S2A_MSIL1C_20170527T102031.SAFE", "L1C"),
        ("S2B_MSIL2A_20200101T105441_N0213", "L2A"),
        ("Level-1C", "L1C"),
        ("T30SXH_L2A_B02.tif", "L2A"),
        ("Spain_7370579_S2Hand.tif", None),
    ],
)
def test_the_level_that_a_name_tells(name, level):
    assert level_in([name]) == level


def test_the_baseline_that_a_name_tells(tmp_path):
    assert has_offset(tmp_path / "S2A_MSIL2A_2022_N0400_R051.SAFE" / "B02.jp2")
    assert not has_offset(tmp_path / "S2A_MSIL2A_2020_N0213_R051.SAFE" / "B02.jp2")


def refused(*arguments, **more):
    with pytest.raises(UserError) as error, Scene(*arguments, **more) as scene:
        scene.check_bands(INPUT)
        scene.read(0, 0, scene.grid.height, scene.grid.width, INPUT)
    return str(error.value)


def test_missing_bands_list_both_sides(tmp_path):
    path = scenes.write_scene(
        tmp_path / "s.tif", scenes.digits(9, 9), ["B2", "B8", "B4"]
    )
    message = refused(path)
    assert "expected the bands B02, B03, B04" in message
    assert "found B02, B08, B04; B03 missing" in message


def test_bands_without_names_are_asked_for(tmp_path):
    path = scenes.write_scene(tmp_path / "s.tif", scenes.digits(9, 9), None)
    assert "--bands" in refused(path)
    assert "one name for each of its 3 bands, found 2" in refused(path, ["B02", "B03"])


def test_the_same_band_twice(tmp_path):
    for name in ("a", "b"):
        scenes.write_scene(tmp_path / f"{name}.tif", scenes.digits(9, 9))
    message = refused([tmp_path / "a.tif", tmp_path / "b.tif"])
    assert "found B02 in a.tif and b.tif" in message


def test_no_reference_system(tmp_path):
    path = scenes.write_scene(
        tmp_path / "s.tif", scenes.digits(9, 9), crs=None, transform=None
    )
    assert "--allow-no-crs" in refused(path)
    with Scene(path, allow_no_crs=True) as scene:
        assert scene.grid.crs is None


def test_a_file_that_is_cut_off(tmp_path):
    path = scenes.write_scene(tmp_path / "s.tif", scenes.digits(200, 200))
    path.write_bytes(path.read_bytes()[:100_000])
    assert "cut off" in refused(path)
    path.write_bytes(b"no raster")
    assert "cut off, damaged or something else" in refused(path)


def test_a_path_that_is_not_there(tmp_path):
    assert "check the path" in refused(tmp_path / "none.tif")
    assert "found none" in refused(tmp_path)
