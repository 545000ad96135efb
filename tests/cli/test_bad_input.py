"""Bad input: status 2, one line that helps, and nothing written."""

import zipfile

import h5py
import numpy as np
import pytest

N = 12


def write(path, **changes):
    """A small file in So2Sat's layout, changed."""
    rng = np.random.default_rng(0)
    content = {
        "sen1": rng.normal(size=(N, 8, 8, 2)).astype("float32"),
        "sen2": rng.random((N, 8, 8, 4)).astype("float32"),
        "label": np.eye(3, dtype="float32")[np.arange(N) % 3],
        **changes,
    }
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            if values is not None:
                file[name] = values
    return path


@pytest.fixture
def refused(run, tmp_path):
    """Calls `fit` and checks that it is refused well."""

    def call(train, *more, message):
        out = tmp_path / "out" / "run"
        validation = () if "--val" in more else ("--split", "0.5/0.5")
        result = run("fit", train, "--out", out, *validation, *more)
        assert result.status == 2, result
        lines = result.err.strip().splitlines()
        errors = [line for line in lines if not line.startswith("warning: ")]
        assert len(errors) == 1 and errors[0].startswith("error: "), result.err
        assert message in errors[0], errors[0]
        assert not out.exists()

    return call


def test_no_such_file(refused, tmp_path):
    refused(tmp_path / "none.h5", message="no such file")


def test_not_hdf5(refused, tmp_path):
    path = tmp_path / "text.h5"
    path.write_text("sen1, sen2, label\n")
    refused(path, message="expected an HDF5 file")


def test_hdf5_cut_off(refused, tmp_path):
    path = write(tmp_path / "whole.h5")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, message="cut off")


def test_no_images(refused, tmp_path):
    path = write(tmp_path / "a.h5", sen1=None, sen2=None)
    refused(path, message="expected the data sets sen1 or sen2")


def test_an_input_that_is_not_there(refused, tmp_path):
    path = write(tmp_path / "a.h5", sen2=None)
    refused(path, "--input", "sen2", message="expected an input called sen2")


def test_counts_differ(refused, tmp_path):
    path = write(tmp_path / "a.h5", label=np.eye(3)[[0, 1, 2]])
    refused(path, message="3 labels and 12 images")


def test_one_class_only(refused, tmp_path):
    path = write(tmp_path / "a.h5", label=np.ones((N, 1)))
    refused(path, message="class")


def test_labels_that_every_sample_has(refused, tmp_path):
    path = write(tmp_path / "a.h5", label=np.ones((N, 3)))
    refused(path, message="labels that some samples have and others lack")


def test_nan_everywhere(refused, tmp_path):
    path = write(tmp_path / "a.h5", sen2=np.full((N, 8, 8, 4), np.nan, "float32"))
    refused(path, message="NaN")


def test_zip_without_images(refused, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("forest/readme.txt", "no image")
    refused(path, message="image")


def test_validation_with_other_bands(refused, tmp_path):
    other = write(tmp_path / "b.h5", sen2=np.zeros((N, 8, 8, 5), "float32"))
    refused(
        write(tmp_path / "a.h5"),
        "--val",
        other,
        message="expected a band B02 in sen2, found band1, band2",
    )


def test_validation_with_other_classes(refused, tmp_path):
    other = write(tmp_path / "b.h5", label=np.eye(4)[np.arange(N) % 4])
    refused(write(tmp_path / "a.h5"), "--val", other, message="class")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--max-trials", 0, "--max-trials: expected 1 or more, got 0"),
        ("--objective", "kappa", "objective: expected one of val_cohen_kappa"),
        ("--constraint", "latency", "--constraint: expected NAME=LIMIT"),
        ("--constraint", "speed=3", "constraint: expected one of params"),
        ("--tuner", "genetic", "tuner: expected one of greedy"),
        ("--class-weight", "equal", "--class-weight: expected balanced"),
        ("--loss", "hinges", "loss: expected one of crossentropy, focal"),
        ("--split", "0.9/0.2", "--split: expected two or three shares"),
        ("--group", "country", "country"),
        ("--epochs", 0, "epochs: expected 1 or more, got 0"),
        ("--epochs", "many", "--epochs"),
        ("--nonsense", 1, "--nonsense"),
        ("--workers", 0, "workers: expected 1 or more, got 0"),
        ("--patience", 0, "patience: expected 1 or more, got 0"),
        ("--proxy", "epochs", "--proxy: expected such as epochs=5"),
        ("--proxy", "fraction=0", "proxy: expected epochs of 1 or more"),
        ("--storage", "mysql://me@server/db", "storage: expected a URL like sqlite"),
        ("--storage", "postgresql://me@localhost:1/db", "a database that answers"),
    ],
)
def test_a_wrong_option(refused, tmp_path, option, value, message):
    refused(write(tmp_path / "a.h5"), option, value, message=message)


def test_an_unwritable_folder(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("fit", write(tmp_path / "a.h5"), "--out", tmp_path / "file" / "run")
    assert result.status == 2
    assert result.err.splitlines()[-1].startswith("error: ")
    assert "choose another folder" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("trials", "nowhere"),
        ("evaluate", "nowhere", "data.h5"),
        ("profile", "nowhere"),
        ("export", "nowhere", "out"),
        ("inspect", "nowhere"),
        ("frobnicate",),
        ("fit",),
    ],
)
def test_other_commands_refuse_in_one_line(run, arguments):
    result = run(*arguments)
    assert result.status == 2
    assert len(result.err.strip().splitlines()) == 1
    assert result.err.startswith("error: ")


@pytest.mark.usefixtures("in_process", "tiny_networks")
def test_a_run_meets_other_data(run, tmp_path):
    out = tmp_path / "run"
    first = write(tmp_path / "a.h5")
    options = ("--max-trials", 1, "--epochs", 1, "--out", out, "--quiet")
    options = (*options, "--no-references")
    again = (*options, "--allow-overlap")
    assert run("fit", first, "--val", first, *again).status == 0

    other = write(tmp_path / "b.h5", sen1=-np.ones((N, 8, 8, 2), "float32"))
    result = run("fit", other, "--val", first, *options)
    assert result.status == 2
    assert "expected the training data that this run was begun with" in result.err

    # So2Sat's ten bands have the four of the run by name
    ten = write(tmp_path / "c.h5", sen2=np.zeros((N, 8, 8, 10), "float32"))
    told = run("evaluate", out, ten)
    assert told.status == 0
    # all zero, far from what the network was trained on: said where evaluate is typed
    assert told.err.startswith("warning: ") and "c.h5" in told.err

    none = write(tmp_path / "d.h5", sen2=None)
    result = run("evaluate", out, none)
    assert result.status == 2
    assert "inputs of the network, sen1 and sen2, found sen1; give" in result.err


def test_a_map_of_patches_that_are_too_small(refused, tmp_path):
    pixels = np.zeros((N, 2, 2, 4), "float32")
    path = write(tmp_path / "tiny.h5", sen1=None, sen2=pixels)
    refused(path, "--map-step", "10", message="larger patches")
    refused(path, "--objective", "map_ms_per_km2", message="--map-step")


def test_windows_that_overlap_are_not_divided_at_random(refused, tmp_path):
    scene = np.random.default_rng(0).random((80, 80, 4)).astype("float32")
    corners = [(i, j) for i in range(0, 60, 10) for j in range(0, 60, 10)]
    windows = np.stack([scene[i : i + 20, j : j + 20] for i, j in corners])
    label = np.eye(3, dtype="float32")[np.arange(len(windows)) % 3]
    path = write(tmp_path / "windows.h5", sen1=None, sen2=windows, label=label)
    refused(path, message="patches that share pixels with training patches")
    refused(path, message="windows of one scene do; give --val, or pass --allow")
    place = np.arange(len(windows)) // 6
    named = write(tmp_path / "n.h5", sen1=None, sen2=windows, label=label, place=place)
    refused(
        named, message="windows of one scene do; split by --group place, give --val"
    )
    lon, lat = (11 + 0.001 * np.array(one) for one in zip(*corners, strict=True))
    file = tmp_path / "placed.h5"
    placed = write(file, sen1=None, sen2=windows, label=label, lon=lon, lat=lat)
    refused(placed, message="do; split by --group spatial_block, give --val")
    refused(path, "--allow-overlap", "--epochs", "0", message="epochs: expected 1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--block-km", "5"), "expected the group spatial_block, found no group"),
        (
            ("--block-km", "5", "--group", "city"),
            "expected the group spatial_block, found city",
        ),
        (
            ("--block-km", "0", "--group", "spatial_block"),
            "expected 0.001 kilometres or more, found 0",
        ),
        (
            ("--block-km", "5", "--group", "spatial_block"),
            "expected coordinates to split by spatial_block, found none",
        ),
        (
            ("--objective", "val_worst_group_kappa"),
            "needs validation data with two groups or more (city, parent, …), found",
        ),
    ],
)
def test_groups_that_cannot_be_made(refused, tmp_path, options, message):
    refused(write(tmp_path / "a.h5"), *options, message=message)


def test_the_worst_group_of_values(refused, tmp_path):
    values = np.linspace(0, 1, N).astype("float32")
    path = write(tmp_path / "a.h5", label=None, value=values)
    asked = ("--objective", "val_worst_group_kappa")
    refused(path, *asked, message="which is of targets of the kind class")
