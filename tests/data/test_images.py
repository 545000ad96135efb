"""Folders and zip files of images."""

import pickle
import zipfile

import numpy as np
import pytest

from autoai4eo.data.images import ImagesReader
from autoai4eo.data.opening import open_dataset
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
        pixels = np.arange(13, dtype=np.uint16) * np.ones((4, 4, 1), np.uint16)
        build.write_image(tmp_path / "d" / name / "1.tif", pixels)
    d = open_dataset(tmp_path / "d", bands=["B8A", "b1"])
    assert d.inputs[0].sensor == "Sentinel-2"
    np.testing.assert_array_equal(d.read([0])["image"][0, 0, 0], [12, 0])


def test_bands_from_descriptions_and_nodata(build, tmp_path):
    for name in "ab":
        build.write_image(
            tmp_path / "d" / name / "1.tif",
            np.ones((4, 4, 2), np.float64),
            descriptions=["B8", "VV"],
            nodata=-9999,
        )
    spec = open_dataset(tmp_path / "d").inputs[0]
    assert [b.name for b in spec.bands] == ["B08", "VV"]
    assert spec.nodata == -9999 and spec.sensor == "unknown"


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
    with pytest.raises(UserError, match=r"expected images \(.jpg.*found none"):
        open_dataset(tmp_path / "empty")
    with zipfile.ZipFile(tmp_path / "no.zip", "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(UserError, match=r"no.zip: expected images .* found none"):
        open_dataset(tmp_path / "no.zip")
    folder = build.class_folders(tmp_path / "d")
    whole = zipped(folder, tmp_path / "d.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="a whole zip file, found one that is cut off"):
        open_dataset(tmp_path / "cut.zip")
    with pytest.raises(UserError, match=r"found one only \(water, 3 samples\)"):
        build.class_folders(tmp_path / "one")
        for p in (tmp_path / "one" / "forest").iterdir():
            p.unlink()
        open_dataset(tmp_path / "one")


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
