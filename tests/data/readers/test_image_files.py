"""Images in folders and zip files, their classes, and skipped files."""

import os
import shutil

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning

from autoai4eo.data.readers.image_files import suffixes
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError

PIXELS = np.full((8, 8, 3), 9, np.uint8)


@pytest.fixture
def tree(build, tmp_path):
    """Makes images by their names."""

    def make(*names, root="d"):
        for name in names:
            build.write_image(tmp_path / root / name, PIXELS)
        return tmp_path / root

    return make


def classes(dataset):
    return [None if i < 0 else dataset.class_names[i] for i in dataset.labels]


def test_hidden_names_are_no_classes(tree):
    root = tree("a/1.png", "b/2.png", ".ipynb_checkpoints/3.png", "a/.4.png")
    tree("__MACOSX/a/5.png", "@eaDir/6.png")
    d = open_dataset(root)
    assert d.class_names == ("a", "b") and d.names == ["a/1.png", "b/2.png"]
    assert "skipped: hidden file or folder" in d.notes[0] and "(4)" in d.notes[0]


def test_links_are_followed_once(tree, tmp_path):
    far = tree("x/1.png", root="far")
    root = tree("b/2.png")
    (root / "linked").symlink_to(far / "x")
    (root / "b" / "around").symlink_to(root)
    (root / "again").symlink_to(root / "b")
    (root / "nowhere").symlink_to(tmp_path / "none")
    d = open_dataset(root)
    assert d.names == ["b/2.png", "linked/1.png"] and classes(d) == ["b", "linked"]
    (note,) = d.notes
    assert "broken link: nowhere" in note
    assert "read already: again, b/around" in note


def test_the_first_level_is_the_class(tree):
    root = tree("Forest/2019/1.png", "Forest/2020/2.png", "River/2020/3.png")
    d = open_dataset(root)
    assert classes(d) == ["Forest", "Forest", "River"]
    assert "--class-level 2 makes them the classes" in d.notes[0]
    years = open_dataset(root, class_level=2)
    assert classes(years) == ["2019", "2020", "2020"] and not years.notes
    with pytest.raises(UserError, match=r"a class level from 1 to 2.*found 3"):
        open_dataset(root, class_level=3)


def test_folders_around_all_do_not_count(tree):
    root = tree("all/EuroSAT/a/1.png", "all/EuroSAT/b/2.png")
    d = open_dataset(root)
    assert classes(d) == ["a", "b"]
    assert d.notes == ("the classes are the folders in EuroSAT",)


def test_known_classes_determine_their_level(tree):
    root = tree("2019/Forest/1.png", "2020/River/2.png", "2020/Forest/3.png")
    assert classes(open_dataset(root)) == ["2019", "2020", "2020"]
    d = open_dataset(root, class_names=["River", "Forest"])
    assert classes(d) == ["Forest", "Forest", "River"]
    one = tree("Forest/2019/1.png", "Forest/2020/2.png", root="one")
    d = open_dataset(one, class_names=["River", "Forest"])
    assert classes(d) == ["Forest", "Forest"]


def test_the_parts_of_a_split_are_no_classes(tree):
    root = tree("train/a/1.png", "train/b/2.png", "val/a/3.png", "val/b/4.png")
    with pytest.raises(UserError, match=r"parts of a split \(train, val\)"):
        open_dataset(root)
    assert classes(open_dataset(root, class_level=2)) == ["a", "b", "a", "b"]


def test_images_beside_the_class_folders_have_no_label(tree):
    root = tree("a/1.png", "b/2.png", "3.png")
    d = open_dataset(root)
    assert d.names == ["a/1.png", "b/2.png"]
    assert "1 of 3 images are in no class folder" in d.notes[0]
    assert classes(open_dataset(root, unlabelled=True)) == [None, "a", "b"]


def test_a_folder_of_plain_images_can_be_predicted(tree):
    d = open_dataset(tree("1.png", "2.png"))
    assert len(d) == 2 and d.class_names == () and classes(d) == [None, None]
    known = open_dataset(tree("1.png", "2.png"), class_names=["a", "b"])
    assert known.class_names == ("a", "b") and classes(known) == [None, None]


def test_files_that_are_no_images_are_counted(tree):
    root = tree("a/1.png", "b/2.png")
    (root / "a" / "notes.txt").touch()
    (root / "b" / "labels.csv").touch()
    (root / "b" / "more.csv").touch()
    (root / "b" / "2.png.aux.xml").write_text("<PAMDataset/>")  # belongs to its image
    (note,) = open_dataset(root).notes
    assert note == "skipped: 3 that GDAL does not read as images (.csv 2, .txt 1)"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("suffix", "driver"),
    [(".webp", "WEBP"), (".jp2", "JP2OpenJPEG"), (".BMP", "BMP"), (".gif", "GIF")],
)
def test_every_image_format_of_gdal_is_read(tree, tmp_path, suffix, driver):
    assert suffix.lower() in suffixes()
    assert NotGeoreferencedWarning  # which reading does not show
    root = tree("a/1.png", "b/2.png")
    bands = 1 if driver == "GIF" else 3
    how = {"WEBP": {"LOSSLESS": "YES"}, "JP2OpenJPEG": {"QUALITY": "100"}}
    for name in "ab":
        (root / name / ("1.png" if name == "a" else "2.png")).unlink()
        with rasterio.open(
            tmp_path / "x.tif",
            "w",
            driver="GTiff",
            height=8,
            width=8,
            count=bands,
            dtype="uint8",
        ) as image:
            image.write(PIXELS.transpose(2, 0, 1)[:bands])
        rasterio.shutil.copy(
            tmp_path / "x.tif",
            root / name / f"1{suffix}",
            driver=driver,
            **how.get(driver, {}),
        )
    d = open_dataset(root)
    assert len(d) == 2
    np.testing.assert_allclose(d.read([0])["image"], 9, atol=1)


def test_names_that_are_not_utf8_are_reported(tree):
    root = tree("a/1.png", "b/2.png")
    os.rename(root / "b" / "2.png", os.fsencode(root / "b") + b"/\xe9.png")
    try:
        d = open_dataset(root)
    except UserError as error:
        assert "cannot read the image" in str(error)
    else:
        assert d.read([1])["image"].mean() == 9


def test_one_class_with_years_in_a_zip_file_is_reported(tree, tmp_path):
    root = tree("Forest/2019/1.png", "Forest/2020/2.png")
    archive = shutil.make_archive(str(tmp_path / "forest_only"), "zip", root)
    d = open_dataset(archive)
    assert d.notes == ("the classes are the folders in Forest",)


def test_images_in_folders_that_are_no_classes_can_be_predicted(tree):
    root = tree("2019/1.png", "2020/2.png")
    with pytest.raises(UserError, match="unknown: 2019, 2020"):
        open_dataset(root, class_names=["a", "b"])
    d = open_dataset(root, kind="none")
    assert d.target.kind == "none" and len(d) == 2


def test_an_unreadable_folder_is_reported(tree, monkeypatch):
    root = tree("a/1.png", "b/2.png")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match=r"/b: cannot be read .Permission denied."):
        open_dataset(root)


def test_a_pipe_is_not_waited_for(tree):
    root = tree("a/1.png", "b/2.png")
    os.mkfifo(root / "a" / "3.png")
    (note,) = open_dataset(root).notes
    assert note == "skipped: pipe or broken link: a/3.png"


def test_a_class_of_unread_files_is_named(tree):
    root = tree("a/1.png", "b/2.png")
    (root / "c").mkdir()
    (root / "c" / "3.heic").touch()
    skipped, missing = open_dataset(root).notes
    assert (
        ".heic 1" in skipped and "no image that GDAL reads in: c; a folder" in missing
    )


def test_folders_of_systems_are_no_classes(tree):
    root = tree("a/1.png", "b/2.png", "$RECYCLE.BIN/3.png", "lost+found/4.png")
    assert open_dataset(root).class_names == ("a", "b")


def test_every_ending_of_jpeg_is_read(tree):
    root = tree("a/1.jpg", "b/2.jpg")
    (root / "a" / "1.jpg").rename(root / "a" / "1.jfif")
    (root / "b" / "2.jpg").rename(root / "b" / "2.JPE")
    assert len(open_dataset(root)) == 2
