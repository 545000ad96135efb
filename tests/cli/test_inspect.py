"""``inspect`` for a data manager: figures, problems, JSON, a picture, exit status."""

import json

import h5py
import numpy as np
import pytest
import small_masks
from matplotlib.image import imread
from rasterio import Affine
from scenes import digits, write_scene

NAMES = ["forest", "water [1]"]


@pytest.fixture
def write(tmp_path):
    """Writes a file in So2Sat's layout with a city for each patch."""

    def call(name="a.h5", change=lambda x: x, cities=("Rome", "Oslo"), seed=0):
        rng = np.random.default_rng(seed)
        with h5py.File(tmp_path / name, "w") as file:
            file["sen2"] = change(rng.random((24, 8, 8, 2), dtype=np.float32) * 0.4)
            file["label"] = np.eye(2)[np.arange(24) % 2]
            file["city"] = np.array(cities)[np.arange(24) // 2 % len(cities)].tolist()
            file.attrs["class_names"] = NAMES
            file.attrs["sen2_bands"] = ["B02", "B08"]
        return tmp_path / name

    return call


def test_clean_data_have_status_0(write, run):
    result = run("inspect", write())
    assert (result.status, result.err) == (0, "")
    for word in ("24 samples", "B08", "water [1]", "city Oslo", "no problems found"):
        assert word in result.out


def test_json_is_whole(write, run):
    def fill(x):
        x[::2, :2, :, 1] = -9999
        x[3, 4, 4, 0] = np.nan
        return x

    result = run("inspect", write(change=fill), "--json")
    assert result.status == 2  # fill would make results wrong
    told = json.loads(result.out)
    assert told["samples"] == 24 and told["classes"] == dict.fromkeys(NAMES, 12)
    assert told["groups"]["city"]["Rome"] == dict.fromkeys(NAMES, 6)
    b02, b08 = told["inputs"]["sen2"]["bands"]
    assert (b08["fill"], b08["fill_share"], b02["fill"]) == (-9999, 0.125, None)
    assert b02["nan"] == pytest.approx(1 / (24 * 64))
    (problem,) = told["problems"]
    assert "B08: 12.50% of the values are exactly -9999" in problem
    assert any("values are missing" in note for note in told["notes"])


def test_unscaled_values_are_digital_numbers(write, run):
    """Users rely on: a unit is told only where the values show it."""
    path = write(change=lambda x: np.round(x * 10000))
    out = run("inspect", path).out
    assert "digital number" in out and "reflectance" not in out
    (spec,) = json.loads(run("inspect", path, "--json").out)["inputs"].values()
    assert [band["quantity"] for band in spec["bands"]] == ["digital number"] * 2
    assert "reflectance" in run("inspect", write("share.h5")).out


def test_an_empty_class_is_listed_once(write, run):
    path = write()
    with h5py.File(path, "r+") as file:
        del file["label"]
        file["label"] = np.eye(3)[np.arange(24) % 2]
        file.attrs["class_names"] = [*NAMES, "sand"]
    out = run("inspect", path).out
    assert "- 1 class has no samples: sand" in out and out.count("sand") == 1
    with h5py.File(path, "r+") as file:  # one class only is a problem, and the rest
        file["label"][:] = np.eye(3)[np.zeros(24, int)]
    out = run("inspect", path).out
    assert "only one class (forest)" in out and out.count("sand") == 1


def test_problems_are_one_line_and_status_2(write, run):
    first, second = write(), write("b.h5")
    result = run("inspect", first, second)
    assert result.status == 2
    (line,) = result.err.splitlines()
    assert line.startswith(f"error: {first}: expected data that give right results")
    assert (
        "24 patches occur in" in result.out and "found 1 problem, listed under" in line
    )
    result = run("inspect", first, second, "--json")  # which nobody reads
    assert "found 1 problem: 24 patches occur in" in result.err


def test_copies_with_another_class_are_serious(write, run):
    def copy(x):
        x[1] = x[0]
        return x

    result = run("inspect", write(change=copy))
    assert result.status == 2 and "sample 0 = sample 1" in result.out


def test_many_groups_are_counted(write, run):
    result = run("inspect", write(cities=[f"C{i}" for i in range(12)]))
    assert "city C11" in result.out
    path, rows = write(), np.arange(24)
    with h5py.File(path, "r+") as file:
        file["parent"] = np.maximum(rows - 6 * (rows % 2), 0)
    result = run("inspect", path)
    assert "different parents ┃" in result.out and "parent 5" not in result.out
    with h5py.File(path, "r+") as file:
        file["patch_id"] = [f"p{i}" for i in range(24)]
    assert "patch" not in run("inspect", path).out  # as many as samples


def test_a_column_of_equal_numbers_is_a_line(write, run):
    """Users rely on: a table has what differs between its rows."""
    path = write()
    with h5py.File(path, "r+") as file:
        file["parent"] = np.arange(24) * 2 // 3
    told = run("inspect", path).out
    assert "city Oslo ┃" not in told and "different parents ┃" not in told
    line = "of each class: 12 different parents, 6 samples in city Oslo, 6 samples in"
    assert line in " ".join(told.split())


def test_values_have_no_share_of_themselves(run, tmp_path):
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["sen2"] = np.random.default_rng(0).random((12, 8, 8, 2), np.float32)
        file["value"] = np.arange(12, dtype="float32")
        file.attrs["sen2_bands"] = ["B02", "B08"]
    told = run("inspect", tmp_path / "v.h5").out
    table = told[told.index("values\n") :]
    assert "mean" in table and "share" not in table


def test_only_pixels_that_are_left_out_are_told(run, tmp_path):
    path = small_masks.write(tmp_path / "a.h5")
    told = "have no known class or no data\n"  # and nothing of tiles of scenes
    assert told in run("inspect", path).out
    with h5py.File(path, "r+") as file:
        file["mask"][:, 0, 0] = 0
    assert told not in run("inspect", path).out


def test_the_picture_shows_patches_of_each_class(write, run, tmp_path):
    path = tmp_path / "few.png"
    result = run("inspect", write(), "--png", path)
    assert result.status == 0 and f"written: {path}" in result.out
    picture = imread(path)[..., :3]
    assert picture.shape[1] > 500 and (picture.std(axis=-1) + picture.std()).max() > 0.1


def test_what_takes_long_is_said_beside_the_tables(write, run, tmp_path, monkeypatch):
    """Users rely on: a job's log shows that a large file is being read."""
    monkeypatch.setattr("autoai4eo.cli.console.SOON_S", 0.0)
    path, png = write(), tmp_path / "few.png"
    result = run("inspect", path, "--png", png, "--json")
    assert f"opening {path}\n" in result.err and f"drawing {png}\n" in result.err
    assert json.loads(result.out)["samples"] == 24


def test_a_picture_that_cannot_be_written_is_refused(write, run, tmp_path):
    result = run("inspect", write(), "--png", tmp_path / "none" / "few.png")
    assert result.status == 2
    assert "expected a folder to write it to, found no" in result.err


def test_plain_images_need_no_labels(run, tmp_path):
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    for i in range(3):
        with (
            pytest.warns(NotGeoreferencedWarning),
            rasterio.open(
                tmp_path / f"{i}.tif",
                "w",
                driver="GTiff",
                height=8,
                width=8,
                count=1,
                dtype="float32",
            ) as image,
        ):
            image.write(np.random.default_rng(i).random((1, 8, 8), dtype=np.float32))
    result = run("inspect", tmp_path, "--bands", "B08", "--png", tmp_path / "x.png")
    assert result.status == 0, result.err
    assert "no labels: fit cannot learn from these; of images, give" in result.out
    assert "B08" in result.out


def test_bands_name_what_the_file_does_not(write, run):
    path = write()
    with h5py.File(path, "r+") as file:
        del file.attrs["sen2_bands"]
    assert "band1" in run("inspect", path).out
    result = run("inspect", path, "--bands", "sen2=B11,B12")
    assert "B11" in result.out and "reflectance" in result.out
    result = run("inspect", path, "--bands", "sen2=B11", "--bands", "B12")
    assert result.status == 2 and "for each input INPUT=B02" in result.err


def test_groups_of_one_value_are_rows_in_the_order_of_their_numbers(run, tmp_path):
    """Users rely on: 2 before 10, as polygons are numbered."""
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["sen2"] = np.random.default_rng(0).random((24, 8, 8, 3), "float32")
        file["value"] = np.linspace(0, 1, 24)
        file["polygon"] = [str(1 + i % 11) for i in range(24)]
    path = tmp_path / "v.h5"
    told = run("inspect", path).out
    assert "of each value" not in told
    table = told[told.index("polygons") :]
    assert table.index(" 2 ") < table.index(" 10 ")
    groups = json.loads(run("inspect", path, "--json").out)["groups"]["polygon"]
    assert list(groups) == [str(i) for i in range(1, 12)]


def test_masks_are_counted_in_pixels(run, tmp_path):
    classes = np.zeros((20, 20), np.uint8)
    classes[:5] = 1
    classes[-1] = 255
    write_scene(tmp_path / "x" / "a.tif", digits(20, 20))
    write_scene(tmp_path / "y" / "a_mask.tif", classes[..., None], None)
    how = (tmp_path / "x", "--masks", tmp_path / "y", "--tile", 8, "--ignored", 255)
    result = run("inspect", *how)
    assert (result.status, result.err) == (0, "")
    for word in (
        "9 samples",
        "class 1",
        "pixels",
        "scenes: share of each class",
        "5.00% of the pixels are",
    ):
        assert word in result.out
    told = json.loads(run("inspect", *how, "--json").out)
    assert told["target"] == "mask" and told["mask_shape"] == [8, 8]
    assert told["classes"] == {"class 0": 280, "class 1": 100}
    assert told["samples_with_class"] == {"class 0": 9, "class 1": 3}
    assert told["ignored_pixels"] == 9 * 64 - 380


def test_masks_of_one_class_only_are_a_problem(run, tmp_path):
    mask = np.zeros((4, 8, 8), np.uint8)
    pixels = np.arange(4 * 64 * 2).reshape(4, 8, 8, 2)
    np.savez(tmp_path / "a.npz", sen2=pixels, mask=mask, class_names=["dry", "wet"])
    result = run("inspect", tmp_path / "a.npz")
    assert result.status == 2 and "only one class (dry)" in result.out
    assert len(result.err.splitlines()) == 1


def test_a_mask_that_lies_elsewhere_is_refused(run, tmp_path):
    write_scene(tmp_path / "a.tif", digits(20, 20))
    elsewhere = {"transform": Affine(10, 0, 0, 0, -10, 0)}
    write_scene(tmp_path / "m.tif", digits(20, 20)[..., :1], None, **elsewhere)
    how = ("--masks", tmp_path / "m.tif", "--tile", 8)
    result = run("inspect", tmp_path / "a.tif", *how)
    assert result.status == 2 and "it lies elsewhere" in result.err
    assert len(result.err.splitlines()) == 1


def test_classes_without_labels_are_no_error(write, run):
    """Many groups, whose classes are counted, and labels under another name."""
    path = write(cities=[f"city {i}" for i in range(24)])
    with h5py.File(path, "r+") as file:
        file.move("label", "labels")
    result = run("inspect", path)
    assert (result.status, result.err) == (0, "")
    assert "no labels" in result.out
    assert "labels is not used; labels must be a data set named label" in result.out
    told = json.loads(run("inspect", path, "--json").out)
    assert (told["target"], told["classes"]) == ("none", dict.fromkeys(NAMES, 0))
