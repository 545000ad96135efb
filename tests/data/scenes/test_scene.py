"""Scenes: bands by name, one grid, windows over the edges."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scenes
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio import warp
from rasterio.shutil import copy
from rasterio.transform import Affine

from autoai4eo.data.scenes.files import (
    has_offset,
    level_in,
    scene_files,
    split_paths,
)
from autoai4eo.data.scenes.sample import scaled
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.errors import UserError

INPUT = {"image": scenes.BANDS}
TWICE = Affine(20.0, 0.0, 300_000.0, 0.0, -20.0, 4_200_000.0)  # as coarse as UTM


def read(scene, names, window):
    """Bands in a window inside of the scene, float32, NaN without data."""
    return scaled(scene._stored.read(names, window), scene.units)


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
    with Scene(path, ["B8A", "b5", "B11"]) as scene:
        assert scene.bands == ("B8A", "B05", "B11")
        found, _ = scene.read(0, 0, 5, 5, {"a": ("B05",)})
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
        assert scene.offset_is_due
    with Scene(safe, offset=-0.1) as scene:
        assert not scene.offset_is_due


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

    source = shutil.copy(path, tmp_path / "source.tif")
    with rasterio.open(source) as file, WarpedVRT(file) as vrt:
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
    assert "with bands" in refused(path)
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
    assert "allow_no_crs=True" in refused(path)
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


def written(path, bands, *, masks=None, **how):
    """A file of bands by name, (h, w) each; `masks` as GDAL writes them inside."""
    pixels = np.stack(list(bands.values()), axis=-1)
    scenes.write_scene(path, pixels, list(bands), **how)
    if masks is not None:
        inside = rasterio.Env(GDAL_TIFF_INTERNAL_MASK=masks == "internal")
        with inside, rasterio.open(path, "r+") as file:
            mask = np.full(pixels.shape[:2], 255, np.uint8)
            mask[:, :6] = 0
            file.write_mask(mask)
    return path


def sea(kind=np.uint16, height=20, width=20):
    """Three bands of a border of 0, columns 0 to 5, and land beside it."""
    pixels = scenes.digits(height, width).astype(kind)
    pixels[:, :6] = 0
    return {name: pixels[..., i] for i, name in enumerate(scenes.BANDS)}


@pytest.mark.parametrize(
    "extra", ["none", "SCL", "QA60", "alpha", "unused", "float", "dataMask"]
)
def test_the_border_of_zeros_is_no_data_whatever_else_is_in_the_stack(tmp_path, extra):
    bands = sea(np.float32 if extra == "float" else np.uint16)
    if extra not in ("none", "float"):
        fill = {"SCL": 4, "alpha": 255, "dataMask": 1}.get(extra, 0)
        bands[extra] = np.full((20, 20), fill, np.uint16)
    path = written(tmp_path / "s.tif", bands)
    with Scene(path) as scene:
        _, valid = scene.read(0, 0, 20, 20, INPUT)
        (note,) = scene.notes(scenes.BANDS)
    assert not valid[:, :6].any() and valid[:, 6:].all()
    assert "0 is taken for nodata" in note and "all bands 30.0%" in note


def test_a_dark_sea_is_data_in_float_files(tmp_path):
    bands = {n: v.astype(np.float32) for n, v in sea().items()}
    bands["B02"][:, 3:6] = 0.01
    path = written(tmp_path / "s.tif", bands)
    short = {"B12": np.zeros((10, 10), np.float32)}  # clipped, on a grid of its own
    other = written(tmp_path / "swir.tif", short, transform=TWICE)
    with Scene([path, other]) as scene:
        found, valid = scene.read(0, 0, 20, 20, {"a": scenes.BANDS, "b": ["B12"]})
    assert not valid[:, :2].any() and valid[:, 3:].all()
    assert (found["a"][:, 3:6, 1:] == 0).all() and (found["b"][:, 7:] == 0).all()


@pytest.mark.parametrize("masks", ["internal", "beside"])
@pytest.mark.parametrize("transform", [scenes.UTM, TWICE])
@pytest.mark.parametrize("nodata", [None, 7])
def test_masks_hold_beside_nodata_values_and_when_resampled(
    tmp_path, masks, transform, nodata
):
    bands = {n: v + np.uint16(100) for n, v in sea().items()}
    bands["B03"][:, 10:12] = 7
    path = written(
        tmp_path / "s.tif", bands, masks=masks, transform=transform, nodata=nodata
    )
    fine = written(tmp_path / "f.tif", {"B08": np.full((40, 40), 9, np.uint16)})
    with Scene([path, fine] if transform is TWICE else path) as scene:
        times = 2 if transform is TWICE else 1
        size = 20 * times
        values = read(scene, ["B02", "B03"], ((0, size), (0, size)))
    expected = np.zeros((2, 20, 20), bool)
    expected[:, :, :6] = True
    expected[1, :, 10:12] = nodata is not None
    for name, one in zip(("B02", "B03"), expected, strict=True):
        grown = one.repeat(times, axis=0).repeat(times, axis=1)
        np.testing.assert_array_equal(np.isnan(values[name]), grown)


@pytest.mark.parametrize("alpha_is", ["colour", "name"])
def test_an_alpha_band_is_a_mask_beside_a_nodata_value(tmp_path, alpha_is):
    bands = {n: v + np.uint16(100) for n, v in sea().items()}
    bands["B03"][0, 10] = 7
    alpha = np.full((20, 20), 255, np.uint16)
    alpha[:, :6] = 0
    bands["alpha" if alpha_is == "name" else "x"] = alpha
    path = written(tmp_path / "s.tif", bands, nodata=7)
    if alpha_is == "colour":
        from rasterio.enums import ColorInterp as Colour

        with rasterio.open(path, "r+") as file:
            file.colorinterp = [Colour.gray, *[Colour.undefined] * 2, Colour.alpha]
    for names in (None, list(scenes.BANDS)):
        with Scene(path, names) as scene:
            assert scene.bands == scenes.BANDS
            missing = np.isnan(read(scene, ["B03"], ((0, 20), (0, 20)))["B03"])
        assert missing[:, :6].all() and missing[0, 10] and missing.sum() == 121


def nearest_and_bilinear(values):
    """Twice as fine, by hand: weights of 1/16, 3/16, 9/16 of what has data."""
    around = np.pad(values, 1, mode="constant", constant_values=np.nan)
    found = np.full([2 * n for n in values.shape], np.nan)
    for i, j in np.ndindex(found.shape):
        if np.isnan(values[i // 2, j // 2]):
            continue
        total = weight = 0.0
        for di, wi in ((0, 0.75), (1 if i % 2 else -1, 0.25)):
            for dj, wj in ((0, 0.75), (1 if j % 2 else -1, 0.25)):
                value = around[i // 2 + di + 1, j // 2 + dj + 1]
                if not np.isnan(value):
                    total, weight = total + wi * wj * value, weight + wi * wj
        found[i, j] = total / weight
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([-9999.0, np.nan, 0.0]))
def test_nodata_of_one_band_holds_through_resampling(tmp_path_factory, seed, nodata):
    folder = tmp_path_factory.mktemp("mixed")
    rng = np.random.default_rng(seed)
    values = rng.uniform(-30, -3, (2, 9, 11))
    values[rng.random(values.shape) < 0.3] = np.nan
    stored = {
        name: np.where(np.isnan(v), nodata, v).astype(np.float32)
        for name, v in zip(("VV", "VH"), values, strict=True)
    }
    radar = written(folder / "r.tif", stored, transform=TWICE, nodata=nodata)
    fine = written(folder / "f.tif", {"B02": np.full((18, 22), 9, np.uint16)})
    with Scene([radar, fine]) as scene:
        found = read(scene, ["VH", "VV"], ((0, 18), (0, 22)))
        part = read(scene, ["VH"], ((4, 13), (3, 17)))["VH"]
    for name, v in zip(("VV", "VH"), values, strict=True):
        np.testing.assert_allclose(found[name], nearest_and_bilinear(v), rtol=1e-4)
    np.testing.assert_allclose(part, found["VH"][4:13, 3:17], rtol=1e-4)


def test_nodata_of_one_band_holds_through_reprojection(tmp_path):
    step = 1.8e-4
    there = Affine(step, 0, -5.2766, 0, -step, 37.9245)
    values = np.full((60, 60), -12.0, np.float32)
    holes = values.copy()
    holes[10:20, 10:20] = -9999
    radar = written(
        tmp_path / "r.tif",
        {"VV": values, "VH": holes},
        crs="EPSG:4326",
        transform=there,
        nodata=-9999,
    )
    optical = written(tmp_path / "o.tif", {"B02": np.full((90, 90), 9, np.uint16)})
    with Scene([radar, optical]) as scene:
        assert scene.grid.crs == "EPSG:32630"
        found = read(scene, ["VV", "VH"], ((0, 90), (0, 90)))
    assert np.isfinite(found["VV"]).any()
    both = np.isnan(found["VH"]) & np.isfinite(found["VV"])
    assert 150 < both.sum() < 700
    np.testing.assert_allclose(found["VH"][np.isfinite(found["VH"])], -12)


def test_classes_of_scl_are_never_mixed_and_mask_what_they_say(tmp_path):
    classes = np.full((10, 10), 4, np.uint8)
    for column, value in enumerate((0, 1, 8, 9, 10, 11, 3)):
        classes[:, column] = value
    optical = {n: v + np.uint16(200) for n, v in sea().items()}
    written(tmp_path / "T30SXH_B02_10m.tif", {"B02": optical["B02"]})
    written(tmp_path / "T30SXH_SCL_20m.tif", {"SCL": classes}, transform=TWICE)
    radar = written(tmp_path / "r.tif", {"VV": np.full((20, 20), -9, np.float32)})
    expected = np.zeros((2, 20), bool)
    expected[0, :4] = expected[1, :12] = True
    for clouds in (False, True):
        paths = [tmp_path, radar] if clouds else [tmp_path]
        with Scene(paths, scale=1e-4, mask_clouds=clouds) as scene:
            _, valid = scene.read(0, 0, 20, 20, {"a": ["B02"]})
            raw, _ = scene.read(0, 0, 20, 20, {"a": ["SCL"]})
            notes = scene.notes(["B02"])
            if clouds:
                _, radar_valid = scene.read(0, 0, 20, 20, {"a": ["VV"]})
                assert radar_valid.all()
        np.testing.assert_array_equal(~valid, np.tile(expected[int(clouds)], (20, 1)))
        whole = classes.repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(raw["a"][..., 0], whole)
        assert "masked by SCL: B02" in notes[0]
        assert any("--mask-clouds leaves them out" in n for n in notes) != clouds


def test_the_bits_of_qa60_are_clouds(tmp_path):
    quality = np.zeros((20, 20), np.uint16)
    quality[:, 8:10], quality[:, 10:12], quality[:, 12:14] = 1024, 2048, 512
    bands = {**{n: v + np.uint16(200) for n, v in sea().items()}, "QA60": quality}
    path = written(tmp_path / "s.tif", bands)
    for clouds in (False, True):
        with Scene(path, mask_clouds=clouds) as scene:
            _, valid = scene.read(0, 0, 20, 20, INPUT)
        assert valid[:, 8:12].any() != clouds and valid[:, 12:].all()


def test_clouds_cannot_be_masked_without_what_tells_them(path):
    with pytest.raises(UserError, match="SCL or QA60 to mask clouds"):
        Scene(path, mask_clouds=True)


def test_the_grid_does_not_depend_on_the_order_of_the_files(tmp_path):
    step = 8.983152841195215e-05  # 9.98 m of latitude, 7.9 m of longitude
    geographic = Affine(step, 0, -5.2766, 0, -step, 37.9245)
    a = written(
        tmp_path / "a.tif",
        {"VV": np.ones((30, 30), np.float32)},
        crs="EPSG:4326",
        transform=geographic,
    )
    b = written(tmp_path / "b.tif", {"B03": np.ones((30, 30), np.uint16)})
    shifted = Affine(10, 0, 300_050, 0, -10, 4_200_000)
    c = written(
        tmp_path / "c.tif", {"B02": np.ones((31, 30), np.uint16)}, transform=shifted
    )
    for files in ([a, b, c], [c, b, a], [b, a, c]):
        with Scene(files) as scene:
            assert scene.grid.crs == "EPSG:32630" and scene.grid.height == 31
    fine = written(
        tmp_path / "d.tif",
        {"VH": np.ones((30, 30), np.float32)},
        crs="EPSG:4326",
        transform=Affine(step / 2, 0, -5.2766, 0, -step / 2, 37.9245),
    )
    for files in ([b, fine], [fine, b]):
        with Scene(files) as scene:
            assert scene.grid.crs == "EPSG:4326"


NO_SCALES = ("abc", "nan", "inf", "-inf", "0", 0.0, -0.0001, "1e-400", 1e300, None)


def test_tags_that_no_scale_can_be_are_refused(tmp_path, pixels):
    """A scale of 0 would make every pixel the same."""
    path = scenes.write_scene(tmp_path / "s.tif", pixels)
    with rasterio.open(path, "r+") as file:
        file.scales = (0.0001, 0.0, 0.0001)
    with pytest.raises(UserError, match="a scale other than 0, found 0 of B03"):
        Scene(path, scale="tags")


def test_tags_are_of_each_band(tmp_path):
    bands = {"B02": np.full((9, 9), 1000, np.int16), "SCL": np.full((9, 9), 4, "i2")}
    path = written(tmp_path / "s.tif", {**bands, "B03": bands["B02"]})
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.001, 1, 0.002), (-0.5, 0, 0)
    with Scene(path, scale="tags") as scene:
        found, _ = scene.read(0, 0, 9, 9, {"a": ["B02", "B03", "SCL"]})
    assert found["a"][0, 0] == pytest.approx([0.5, 2.0, 4.0])
    for scale, offset, told in [
        ("tags", 1.0, "leave it out"),
        *((s, 0.0, "expected a number above 0, or tags") for s in NO_SCALES),
        *((0.5, o, "offset: expected a number") for o in (np.nan, np.inf, -1e39)),
    ]:
        with pytest.raises(UserError, match=told) as error:
            Scene(path, scale=scale, offset=offset)
        assert "\n" not in str(error.value)
    with Scene(path, scale="0.5") as scene:
        assert scene.units == {"B02": (0.5, 0), "SCL": (1, 0), "B03": (0.5, 0)}


def test_a_zipped_product_is_read_in_place(tmp_path, pixels):
    product = tmp_path / "S2A.SAFE"
    for band in ("B02", "B03"):
        file = product / "R10m" / f"T30_{band}_10m.tif"
        scenes.write_scene(file, pixels[..., :1], None)
    archive = shutil.make_archive(str(product), "zip", tmp_path, product.name)
    window = (0, 0, 9, 9, {"x": ["B03", "B02"]})
    with Scene(archive) as zipped, Scene(product) as folder:
        np.testing.assert_equal(zipped.read(*window), folder.read(*window))
        assert zipped.files == [Path(archive)]  # what a map's kept tiles go by
    Path(archive).write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="expected a whole zip file"):
        Scene(archive)


def test_a_vrt_whose_source_is_gone(tmp_path, path):
    source = Path(shutil.copy(path, tmp_path / "source.tif"))
    copy(source, tmp_path / "all.vrt", driver="VRT")
    source.unlink()
    with pytest.raises(UserError, match=rf"this VRT is made of, found no {source}"):
        Scene(tmp_path / "all.vrt")


def test_commas_part_paths_and_may_be_in_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a,b.tif").touch()
    assert split_paths("c.tif,a,b.tif,d.tif") == ["c.tif", "a,b.tif", "d.tif"]
    assert split_paths("a,b.tif") == ["a,b.tif"]
    assert split_paths("a.tif,b.tif") == ["a.tif", "b.tif"]


def test_bands_that_contradict_the_file_are_refused_or_told(path):
    with pytest.raises(UserError, match=r"band 1 to be B03, .* the file calls it B02"):
        Scene(path, bands=["B03", "B02", "B04"])
    with Scene(path, bands=["B05", "B06", "B07"]) as scene:
        assert "B02 is B05, B03 is B06" in scene.notes(["B05"])[-1]


def test_a_file_without_any_band_of_the_network_is_told(tmp_path, path, pixels):
    other = tmp_path / "map.tif"
    scenes.write_scene(other, pixels[..., :2], ["class", "confidence"])
    more = tmp_path / "B08.tif"  # a product's bands are more than a network reads
    scenes.write_scene(more, pixels[..., :1], ["B08"])
    with Scene([path, other, more]) as scene:
        (note,) = scene.notes(["B02", "B03"])
        assert str(other) in note and "found class, confidence; the file" in note
        assert not scene.notes(["B02", "class"])


def test_a_band_that_lies_elsewhere_is_no_constant(tmp_path, path, pixels):
    far = scenes.UTM @ Affine.translation(5000, 0)
    scenes.write_scene(tmp_path / "far.tif", pixels[..., :1], ["B08"], transform=far)
    wanted = {"x": ["B02", "B08"]}
    with (
        Scene([path, tmp_path / "far.tif"]) as scene,
        pytest.raises(UserError, match=r"found none of B08 .*far\.tif lie else"),
    ):
        scene.check_bands(wanted)
    width = pixels.shape[1]
    half = scenes.UTM @ Affine.translation(width // 2, 0)
    scenes.write_scene(tmp_path / "half.tif", pixels[..., :1], ["B08"], transform=half)
    with Scene([path, tmp_path / "half.tif"]) as scene:
        scene.check_bands(wanted)
        (note,) = scene.notes(wanted["x"])
        assert "no data where other bands have some, in B08 " in note


@pytest.mark.parametrize("west", [179.4, -180.6])
def test_the_antimeridian_is_no_edge(tmp_path, west):
    x, y = warp.transform("EPSG:4326", "EPSG:32660", [180.0], [60.0])
    utm = Affine(100, 0, x[0] - 10_000, 0, -100, y[0] + 10_000)
    ones = np.ones((200, 200, 1), np.float32)
    scenes.write_scene(
        tmp_path / "a.tif", ones, ["B02"], crs="EPSG:32660", transform=utm
    )
    scenes.write_scene(
        tmp_path / "b.tif",
        -np.ones((400, 1200, 1), np.float32),
        ["VV"],
        crs="EPSG:4326",
        transform=Affine(0.001, 0, west, 0, -0.001, 60.2),
    )
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    with Scene(paths) as scene:
        pixels, valid = scene.read(0, 0, 200, 200, {"x": ["VV"]})
    assert valid.all() and (pixels["x"] == -1).all()


def test_files_with_commas_are_asked_for_with_spaces(tmp_path):
    files = [tmp_path / name for name in ("a.tif", "b.tif")]
    for file in files:
        file.touch()
    both = ",".join(map(str, files))
    with pytest.raises(UserError, match=f"with commas .*; give {files[0]} {files[1]}"):
        Scene(both)
