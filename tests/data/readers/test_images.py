"""Folders and zip files of images."""

import pickle
import warnings
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from autoai4eo.data.readers import image_header, images
from autoai4eo.data.readers.images import ImagesReader
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.sensors import SENTINEL2
from autoai4eo.errors import UserError


def zipped(folder, path, root=""):
    with zipfile.ZipFile(path, "w") as file:
        for p in sorted(folder.rglob("*")):
            file.write(p, f"{root}{p.relative_to(folder).as_posix()}")
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_folder_and_zip_are_the_same(build, tmp_path, suffix):
    folder = build.class_folders(tmp_path / "data", suffix=suffix)
    (folder / "notes.txt").write_text("not an image")
    (folder / "water" / "._water_0.png").write_text("what macOS leaves behind")
    d = open_dataset(folder)
    z = open_dataset(zipped(folder, tmp_path / "d.zip", root="EuroSAT/all/"))
    assert d.class_names == z.class_names == ("forest", "water")
    assert d.inputs[0].sensor == "RGB" and d.inputs[0].shape == (8, 8, 3)
    assert d.fingerprint() == z.fingerprint()
    for dataset in (d, z):
        np.testing.assert_array_equal(dataset.labels, [0, 0, 0, 1, 1, 1])
        pixels = dataset.read([5, 0])["image"]
        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(pixels[:, 0, 0, 0], [12, 0])
    assert d.names[0] == "forest/forest_0" + suffix


def test_jpeg(build, tmp_path):
    d = open_dataset(build.class_folders(tmp_path / "d", suffix=".jpg"))
    np.testing.assert_allclose(d.read([4])["image"], 11, atol=2)


def test_thirteen_bands_are_eurosat(build, tmp_path):
    for name in "ab":
        pixels = np.arange(100, 113, dtype=np.uint16) * np.ones((4, 4, 1), np.uint16)
        pixels[..., 9] = 10  # the cirrus band is dark
        build.write_image(tmp_path / "d" / name / "1.tif", pixels)
    d = open_dataset(tmp_path / "d", bands=["B8A", "b1"])
    assert d.inputs[0].sensor == "Sentinel-2"
    np.testing.assert_array_equal(d.read([0])["image"][0, 0, 0], [112, 100])
    assert "taken for EuroSAT's" in open_dataset(tmp_path / "d").notes[0]


def test_thirteen_bands_in_another_order_are_asked_for(build, tmp_path):
    for name in "ab":
        pixels = np.arange(100, 113, dtype=np.uint16) * np.ones((4, 4, 1), np.uint16)
        pixels[..., 10] = 10  # in Sentinel-2's own order B10 is the eleventh
        build.write_image(tmp_path / name / "1.tif", pixels)
    with pytest.raises(UserError, match=r"the darkest, here it is band 11 .* bands"):
        open_dataset(tmp_path)
    order = [band.name for band in SENTINEL2.bands]
    d = open_dataset(tmp_path, bands=order)
    assert [b.name for b in d.inputs[0].bands] == order
    np.testing.assert_array_equal(d.read([0])["image"][0, 0, 0, [9, 10]], [109, 10])


def test_bands_from_descriptions_and_nodata(build, tmp_path):
    for name in "ab":
        build.write_image(
            tmp_path / "d" / name / "1.tif",
            np.array([[[1, 2], [-9999, 2]]], np.float64),
            descriptions=["B8", "VV"],
            nodata=-9999,
        )
    d = open_dataset(tmp_path / "d")
    spec = d.inputs[0]
    assert [b.name for b in spec.bands] == ["B08", "VV"] and spec.sensor == "unknown"
    np.testing.assert_array_equal(d.read([0])["image"][0, 0], [[1, 2], [np.nan, 2]])


def test_decoded_once(build, tmp_path, monkeypatch):
    d = open_dataset(build.class_folders(tmp_path / "d"))
    first = d.read([1, 4])["image"]
    asked = []
    real = ImagesReader.read
    monkeypatch.setattr(
        ImagesReader, "read", lambda s, rows, n: asked.extend(rows) or real(s, rows, n)
    )
    np.testing.assert_array_equal(d.subset([4, 1]).read([1, 0])["image"], first)
    d.read(range(6))
    assert asked == [0, 2, 3, 5]


def test_pickled(build, tmp_path):
    d = open_dataset(zipped(build.class_folders(tmp_path / "d"), tmp_path / "d.zip"))
    d.read([0])
    copy = pickle.loads(pickle.dumps(d))
    np.testing.assert_array_equal(copy.read([5])["image"], d.read([5])["image"])


def test_coordinates(build, tmp_path):
    for i, name in enumerate("ab"):
        build.write_image(
            tmp_path / "d" / name / "1.tif", np.ones((4, 4, 1)), place=(11 + i, 48)
        )
    found = open_dataset(tmp_path / "d").coordinates()
    np.testing.assert_allclose(found, [[11.0002, 47.9998], [12.0002, 47.9998]])
    assert open_dataset(build.class_folders(tmp_path / "e")).coordinates() is None


def test_bad_folders(build, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"expected images \(.*\.jpg.*found none"):
        open_dataset(tmp_path / "empty")
    with zipfile.ZipFile(tmp_path / "no.zip", "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(UserError, match=r"no.zip: expected images .* found none"):
        open_dataset(tmp_path / "no.zip")
    with pytest.raises(UserError, match=r"give the file .*no.zip instead of its"):
        open_dataset(tmp_path)
    folder = build.class_folders(tmp_path / "d")
    whole = zipped(folder, tmp_path / "d.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="complete zip file, found one that is cut off"):
        open_dataset(tmp_path / "cut.zip")


def test_unequal_size_names_both(build, tmp_path):
    folder = build.class_folders(tmp_path / "d")
    build.write_image(folder / "water" / "x.png", np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(UserError) as caught:
        open_dataset(folder)
    message = str(caught.value)
    for part in ("8×8", "8×9", "forest_0.png", "water/x.png"):
        assert part in message


def test_a_broken_image_is_named(build, tmp_path):
    folder = build.class_folders(tmp_path / "d")
    (folder / "water" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(UserError, match=r"cannot read the image water/broken\.png"):
        open_dataset(folder)


def test_real_eurosat(shared):
    d = open_dataset(shared / "eurosat_rgb" / "EuroSAT_RGB.zip")
    assert len(d) == 21568 and d.num_classes == 10
    assert d.class_names[0] == "AnnualCrop" and d.label_counts().min() == 1601
    pixels = d.read([0, 21567])["image"]
    assert pixels.shape == (2, 64, 64, 3) and 20 < pixels.mean() < 200


def test_real_geotiff(shared, tmp_path):
    tiles = sorted((shared / "bigearthnet_patch").glob("*_B0[234].tif"))
    for i, tile in enumerate(tiles):
        folder = tmp_path / f"class{i}"
        folder.mkdir()
        (folder / tile.name).symlink_to(tile)
    d = open_dataset(tmp_path)
    assert d.inputs[0].shape == (120, 120, 1)
    lon, lat = d.coordinates()[0]
    assert -10 < lon < 30 and 35 < lat < 70


@contextmanager
def edited(path, mode="r+"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, mode) as image:
            yield image


def dark(value, dtype=np.uint8, bands=3, size=8):
    return np.full((size, size, bands), value, dtype)


def two(build, root, first, second, a=None, b=None, suffix=".tif"):
    """A folder of two images in two classes, written with these arguments."""
    build.write_image(root / "a" / f"1{suffix}", first, **(a or {}))
    build.write_image(root / "b" / f"2{suffix}", second, **(b or {}))
    return root


# Missing values ----------------------------------------------------------------------


def masked_reading(path):
    """What rasterio itself takes for missing, (height, width, bands) with NaN."""
    with edited(path, "r") as image:
        read = image.read(masked=True).astype(np.float32)
    return np.moveaxis(read.filled(np.nan), 0, -1)


def test_nodata_is_missing_in_every_file_not_in_the_first_only(build, tmp_path):
    pixels = dark(5, np.float32)
    pixels[:4] = -9999
    d = open_dataset(
        two(build, tmp_path, dark(5, np.float32), pixels, {}, {"nodata": -9999})
    )
    read = d.read([0, 1])["image"]
    assert np.isfinite(read[0]).all()
    np.testing.assert_array_equal(read[1], masked_reading(tmp_path / "b" / "2.tif"))
    assert np.isnan(read[1, :4]).all() and (read[1, 4:] == 5).all()


@pytest.mark.parametrize("sidecar", [False, True])
def test_masks_are_missing(build, tmp_path, sidecar):
    two(build, tmp_path / "d", dark(5), dark(6))
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=not sidecar),
        edited(tmp_path / "d" / "b" / "2.tif") as image,
    ):
        mask = np.full((8, 8), 255, np.uint8)
        mask[2:5, 3] = 0
        image.write_mask(mask)
    assert (tmp_path / "d" / "b" / "2.tif.msk").exists() == sidecar
    for source in (tmp_path / "d", zipped(tmp_path / "d", tmp_path / "d.zip")):
        read = open_dataset(source).read([1])["image"][0]
        expected = masked_reading(tmp_path / "d" / "b" / "2.tif")
        np.testing.assert_array_equal(read, expected)
        assert np.isnan(read).sum() == 9


def test_alpha_is_a_mask_and_no_band(build, tmp_path):
    pixels = dark(7, bands=4)
    pixels[..., 3] = 255
    pixels[:2, :, 3] = 0
    d = open_dataset(two(build, tmp_path, pixels, pixels, suffix=".png"))
    assert [b.name for b in d.inputs[0].bands] == ["R", "G", "B"]
    read = d.read([0])["image"][0]
    assert np.isnan(read[:2]).all() and (read[2:] == 7).all()
    assert any("2 of 2 images have an alpha band: it is a mask" in n for n in d.notes)
    taken = open_dataset(tmp_path, bands=["R", "G", "B", "alpha"])
    np.testing.assert_array_equal(taken.read([0])["image"][0], pixels)


def test_nodata_does_not_shadow_alpha(build, tmp_path):
    pixels = dark(7, bands=4)
    pixels[..., 3] = 255
    pixels[0, 0, 3] = 0
    pixels[1, 1, :3] = 99
    two(build, tmp_path, pixels, pixels, {"nodata": 99}, {"nodata": 99})
    read = open_dataset(tmp_path).read([0])["image"][0]
    assert np.isnan(read[[0, 1], [0, 1]]).all() and np.isnan(read).sum() == 6


def test_alpha_that_holds_a_measurement_is_refused_and_can_be_named(build, tmp_path):
    # GDAL declares the fourth of four bands of 8 bits to be alpha
    pixels = np.random.default_rng(0).integers(1, 250, (8, 8, 4), np.uint8)
    two(build, tmp_path, pixels, pixels)
    with pytest.raises(UserError, match="name all 4 bands in their order"):
        open_dataset(tmp_path)
    d = open_dataset(tmp_path, bands=["B04", "B03", "B02", "B08"])
    assert d.inputs[0].sensor == "Sentinel-2"
    np.testing.assert_array_equal(d.read([0])["image"][0], pixels)


def test_a_described_band_is_no_alpha(build, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 250, (8, 8, 4), np.uint8)
    how = {"descriptions": ["B04", "B03", "B02", "B08"]}
    d = open_dataset(two(build, tmp_path, pixels, pixels, how, how))
    assert [b.name for b in d.inputs[0].bands] == how["descriptions"]
    np.testing.assert_array_equal(d.read([1])["image"][0], pixels)


@pytest.mark.parametrize("suffix", [".png", ".gif", ".tif"])
def test_palettes_are_applied(build, tmp_path, suffix):
    indices = (np.arange(64).reshape(8, 8, 1) % 3).astype(np.uint8)
    table = {0: (10, 20, 30, 255), 1: (200, 100, 50, 255), 2: (1, 2, 3, 255)}
    for name in "ab":
        path = tmp_path / name / f"1{suffix}"
        build.write_image(path.with_suffix(".tif"), indices)
        with edited(path.with_suffix(".tif")) as image:
            image.write_colormap(1, table)
        if suffix != ".tif":
            rasterio.shutil.copy(
                path.with_suffix(".tif"),
                path,
                driver={".png": "PNG", ".gif": "GIF"}[suffix],
            )
            path.with_suffix(".tif").unlink()
    d = open_dataset(tmp_path)
    assert d.inputs[0].shape == (8, 8, 3) and d.inputs[0].sensor == "RGB"
    expected = np.array([table[i][:3] for i in indices.ravel()]).reshape(8, 8, 3)
    np.testing.assert_array_equal(d.read([1])["image"][0], expected)
    assert any("table of colours" in note for note in d.notes)


# Every file's own metadata ------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "a", "b", "message"),
    [
        (dark(9), dark(0.3, np.float32), {}, {}, "type, found 8 bits .*fractions"),
        (dark(9), dark(300, np.uint16), {}, {}, "type, found 8 bits .*whole numbers"),
        (
            dark(9, np.uint16),
            dark(0.3, np.float32),
            {},
            {},
            "type, found whole numbers .*fractions",
        ),
        (
            dark(9, np.uint16, 2),
            dark(9, np.uint16, 2),
            {"descriptions": ["B2", "B3"]},
            {"descriptions": ["B2", "B4"]},
            "set of bands, found B02, B03 .*B02, B04",
        ),
        (
            dark(9, np.uint16, 2),
            dark(9, np.uint16, 2),
            {"descriptions": ["B2", "B3"]},
            {},
            "set of bands, found B02, B03 .*bands without names",
        ),
        (dark(9), dark(9, bands=4, dtype=np.uint16), {}, {}, "found 8×8 with 3 bands"),
    ],
)
def test_mixed_files_are_refused_by_name(build, tmp_path, first, second, a, b, message):
    two(build, tmp_path, first, second, a, b)
    with pytest.raises(UserError, match=message) as caught:
        open_dataset(tmp_path)
    assert "(a/1.tif)" in str(caught.value) and "(b/2.tif)" in str(caught.value)


def test_every_file_is_looked_at(build, tmp_path):
    """One odd file among many, wherever it lies."""
    for i in range(300):
        build.write_image(tmp_path / "ab"[i % 2] / f"{i:03}.tif", dark(3))
    build.write_image(tmp_path / "a" / "151.tif", dark(0.2, np.float32))
    with pytest.raises(UserError, match=r"a/151\.tif"):
        open_dataset(tmp_path)


def test_scales_that_differ_are_refused_and_equal_ones_told(build, tmp_path):
    two(build, tmp_path, dark(900, np.uint16), dark(900, np.uint16))
    for path in ("a/1.tif", "b/2.tif"):
        with edited(tmp_path / path) as image:
            image.scales = (0.0001,) * 3
        if path == "a/1.tif":
            with pytest.raises(UserError, match=r"one unit, found scale 0\.0001 .*a/1"):
                open_dataset(tmp_path)
    assert "scale 0.0001" in open_dataset(tmp_path).notes[-1]


def test_bands_are_matched_by_their_names(build, tmp_path):
    pixels = np.arange(2, dtype=np.uint16) + np.zeros((8, 8, 1), np.uint16)
    two(
        build,
        tmp_path,
        pixels,
        pixels,
        {"descriptions": ["B2", "B3"]},
        {"descriptions": ["B03", "b2"]},
    )
    read = open_dataset(tmp_path).read([0, 1])["image"]
    assert read[:, 0, 0].tolist() == [[0, 1], [1, 0]]


def test_complex_numbers_and_pages_are_refused(build, tmp_path):
    two(build, tmp_path / "c", dark(1, np.complex64), dark(1, np.complex64))
    with pytest.raises(UserError, match="real numbers, found complex64"):
        open_dataset(tmp_path / "c")
    two(build, tmp_path / "p", dark(1), dark(1))
    rasterio.shutil.copy(
        tmp_path / "p" / "a" / "1.tif",
        tmp_path / "p" / "b" / "2.tif",
        driver="GTiff",
        append_subdataset=True,
    )
    with pytest.raises(UserError, match=r"several pages \(b/2\.tif\)"):
        open_dataset(tmp_path / "p")


def test_headers_of_many_images_are_kept(build, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(image_header, "KEPT_FROM", 4)
    folder = build.class_folders(tmp_path / "d")
    first = open_dataset(folder)
    with monkeypatch.context() as patch:
        patch.setattr(images, "header_of", lambda *a: pytest.fail("read again"))
        again = open_dataset(folder)
    assert again.inputs == first.inputs and again.fingerprint() == first.fingerprint()
    build.write_image(folder / "water" / "water_1.png", dark(3, np.uint16))
    with pytest.raises(UserError, match=r"water_1\.png"):
        open_dataset(folder)  # a file has changed: the cache is not believed
    build.class_folders(folder)
    (kept,) = (tmp_path / "cache" / "autoai4eo").iterdir()
    kept.write_text("{")
    assert open_dataset(folder).fingerprint() == first.fingerprint()


# Files that cannot be read -----------------------------------------------------------


def test_a_jpeg_that_is_cut_off_is_no_grey_image(build, tmp_path):
    rng = np.random.default_rng(0)
    for name in "ab":
        pixels = rng.integers(0, 255, (64, 64, 3), np.uint8)
        build.write_image(tmp_path / name / "1.jpg", pixels)
    whole = (tmp_path / "b" / "1.jpg").read_bytes()
    (tmp_path / "b" / "1.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cannot read the image b/1\.jpg"):
        open_dataset(tmp_path).read([0, 1])


def test_zips_say_what_is_wrong_in_one_line(build, tmp_path):
    folder = build.class_folders(tmp_path / "d")
    whole = zipped(folder, tmp_path / "d.zip").read_bytes()
    local, central = b"PK\x03\x04", b"PK\x01\x02"

    def changed(name, local_at, central_at, value):
        content = bytearray(whole)
        for mark, at in ((local, local_at), (central, central_at)):
            start = content.find(mark)
            while start >= 0:
                content[start + at] = value
                start = content.find(mark, start + 4)
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    with pytest.raises(UserError, match="found encrypted ones") as caught:
        open_dataset(changed("e.zip", 6, 8, 1))
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="found compression method 9") as caught:
        open_dataset(changed("m.zip", 8, 10, 9))
    content = bytearray(whole)
    start = content.find(b"IDAT")
    content[start + 8] ^= 255
    (tmp_path / "crc.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read the image forest/forest_0\.png"):
        open_dataset(tmp_path / "crc.zip")


def test_backslashes_of_windows_are_folders(build, tmp_path):
    folder = build.class_folders(tmp_path / "d")
    with zipfile.ZipFile(tmp_path / "w.zip", "w") as file:
        for p in sorted(folder.rglob("*.png")):
            name = str(p.relative_to(folder)).replace("/", "\\")
            file.writestr(zipfile.ZipInfo("data\\" + name), p.read_bytes())
    z = open_dataset(tmp_path / "w.zip")
    assert z.class_names == ("forest", "water")
    assert z.fingerprint() == open_dataset(folder).fingerprint()


def test_mask_and_nodata_count_together(build, tmp_path):
    pixels = dark(3, np.uint16)
    pixels[0, 0] = 7
    two(build, tmp_path, pixels, pixels, {"nodata": 7}, {"nodata": 7})
    for internal, name in ((True, "a/1.tif"), (False, "b/2.tif")):
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal),
            edited(tmp_path / name) as f,
        ):
            mask = np.full((8, 8), 255, np.uint8)
            mask[1, 1] = 0
            f.write_mask(mask)
    read = open_dataset(tmp_path).read([0, 1])["image"]
    assert np.isnan(read[:, [0, 1], [0, 1]]).all() and np.isnan(read).sum() == 12


def test_an_alpha_band_in_front_is_a_mask(build, tmp_path):
    pixels = dark(5, bands=2)
    pixels[..., 0] = 255
    pixels[2, 2, 0] = 0
    two(build, tmp_path, pixels, pixels)
    for name in ("a/1.tif", "b/2.tif"):
        with edited(tmp_path / name) as file:
            file.colorinterp = [ColorInterp.alpha, ColorInterp.gray]
    d = open_dataset(tmp_path)
    read = d.read([0])["image"]
    assert d.inputs[0].shape == (8, 8, 1)
    assert np.isnan(read[0, 2, 2]).all() and np.isnan(read).sum() == 1


@pytest.mark.parametrize(
    "change", [dark(9, np.uint16), dark(0.5, np.float32), dark(9, bands=1)]
)
def test_an_image_that_changed_since_opening_is_refused(build, tmp_path, change):
    d = open_dataset(two(build, tmp_path, dark(1), dark(2)))
    build.write_image(tmp_path / "b" / "2.tif", change)
    with pytest.raises(UserError, match=r"expected b/2\.tif as it was on opening"):
        d.read([1])


def test_partly_named_bands_are_refused(build, tmp_path):
    how = {"descriptions": ["B04", "B03", None]}
    two(build, tmp_path, dark(1), dark(1), how, how)
    with pytest.raises(UserError, match="names of all bands or of none"):
        open_dataset(tmp_path)


def test_scales_of_bands_without_names_are_compared_by_place(build, tmp_path):
    two(build, tmp_path, dark(9, np.uint16), dark(9, np.uint16))
    with edited(tmp_path / "a" / "1.tif") as file:
        file.scales = (1e-4, 1e-4, 1)
    with pytest.raises(UserError, match="expected all images of one unit"):
        open_dataset(tmp_path)


def test_a_damaged_member_is_found_beside_sidecars(build, tmp_path):
    folder = build.class_folders(tmp_path / "d", suffix=".tif")
    (folder / "water" / "water_0.tif.aux.xml").write_text("<PAMDataset/>")
    whole = bytearray(zipped(folder, tmp_path / "d.zip").read_bytes())
    d = open_dataset(tmp_path / "d.zip")
    d.read([0])
    with zipfile.ZipFile(tmp_path / "d.zip") as archive:
        info = archive.getinfo("forest/forest_0.tif")
    whole[info.header_offset + 30 + len(info.filename) + info.file_size - 5] ^= 255
    (tmp_path / "d.zip").write_bytes(whole)
    with pytest.raises(UserError, match="cannot read the image forest/forest_0"):
        open_dataset(tmp_path / "d.zip").read([0])


def test_an_image_twice_in_a_zip_file_is_refused(build, tmp_path):
    folder = build.class_folders(tmp_path / "d")
    path = zipped(folder, tmp_path / "d.zip")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(zipfile.ZipInfo("./water\\water_0.png"), b"another")
    with pytest.raises(UserError, match=r"found water/water_0\.png twice"):
        open_dataset(path)


def test_what_lies_beside_images_is_no_old_header(build, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(image_header, "KEPT_FROM", 2)
    folder = two(build, tmp_path / "d", dark(5, np.uint16), dark(5, np.uint16))
    assert np.isfinite(open_dataset(folder).read([0])["image"]).all()
    (folder / "a" / "1.tif.aux.xml").write_text(
        "<PAMDataset>"
        + "".join(
            f"<PAMRasterBand band='{i}'><NoDataValue>5</NoDataValue></PAMRasterBand>"
            for i in (1, 2, 3)
        )
        + "</PAMDataset>"
    )
    assert np.isnan(open_dataset(folder).read([0])["image"]).all()


def test_images_of_other_bits_are_refused(build, tmp_path):
    two(build, tmp_path, dark(1, bands=1), dark(1, bands=1), {"nbits": 4})
    with pytest.raises(UserError, match=r"one type, found 4 bits .* 8 bits"):
        open_dataset(tmp_path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("unit", ["decibel", "intensity"])
def test_the_unit_of_radar_images_is_seen(tmp_path, unit):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        pixels = rng.normal(-12, 2, (2, 8, 8)).astype("float32")
        if unit == "intensity":
            pixels = 10 ** (pixels / 10)
        (tmp_path / name).mkdir()
        with rasterio.open(
            tmp_path / name / "0.tif",
            "w",
            driver="GTiff",
            height=8,
            width=8,
            count=2,
            dtype="float32",
        ) as file:
            file.write(pixels)
            file.descriptions = ("VV", "VH")
    d = open_dataset(tmp_path)
    assert {b.quantity for b in d.inputs[0].bands} == {unit}
    told = any("VV and VH are taken for intensity" in note for note in d.notes)
    assert told == (unit == "intensity")
