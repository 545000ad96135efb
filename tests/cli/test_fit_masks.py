"""`fit` and `inspect` of scenes with masks."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import small_masks
from scenes import digits, write_scene

from autoai4eo.cli.parts import Opening, open_training, with_others
from autoai4eo.deploy import load_network
from autoai4eo.deploy.export.samples import find
from autoai4eo.runs.folder import Run

pytestmark = pytest.mark.usefixtures("in_process")

SIZE = 48
SMALL = [
    "--no-references",
    "--tile",
    "32",
    "--max-trials",
    "1",
    "--epochs",
    "1",
    "--batch-size",
    "4",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Scenes in ``x`` and ``val_x``; their masks, 10 and 20, in ``y`` and ``val_y``."""
    folder = tmp_path_factory.mktemp("masks")
    for part, names in {"": "abcd", "val_": "ef"}.items():
        for seed, name in enumerate(names, start=len(part)):
            rng = np.random.default_rng(seed)
            coarse = rng.integers(1, 3, (SIZE // 8, SIZE // 8), dtype=np.uint8)
            mask = 10 * coarse.repeat(8, 0).repeat(8, 1)
            pixels = digits(SIZE, SIZE, seed=seed)
            pixels[mask == 20] //= 3
            write_scene(folder / f"{part}x" / f"{name}.tif", pixels)
            write_scene(folder / f"{part}y" / f"{name}_mask.tif", mask[..., None], None)
    return folder


def test_inspect_counts_pixels(place, run):
    done = run(
        *("inspect", place / "x", "--masks", place / "y", "--tile", 32, "--json")
    )
    found = json.loads(done.out)
    assert found["target"] == "mask" and sum(found["classes"].values()) == 4 * SIZE**2


def test_inspect_shows_a_row_for_each_scene(place, run):
    done = run("inspect", place / "x", "--masks", place / "y", "--tile", 32)
    heading = next(line for line in done.out.splitlines() if "tiles" in line)
    assert "class 10" in heading and "class 20" in heading
    assert sum(f"│ {name} " in done.out for name in "abcd") == 4


def test_who_has_masks_without_names_is_told_how_to_name_them(place, run):
    hint = "--class-names NAME,NAME,… does, for class 10, class 20 in this order"
    words = ("inspect", place / "x", "--masks", place / "y", "--tile", 32)
    assert hint in run(*words).out
    assert "class-names" not in run(*words, "--class-names", "dry,wet").out
    told = []
    open_training(place / "x", Opening((1.0,), masks=place / "y", tile=32), told.append)
    assert hint in told[-1]


def test_inspect_takes_masks_of_each_data_set(place, run):
    words = ("inspect", place / "x", place / "val_x", "--tile", 32)
    both = ("--masks", place / "y", "--masks", place / "val_y")
    done = run(*words, *both, "--json")
    (other,) = json.loads(done.out)["others"].values()
    assert sum(other["classes"].values()) == 2 * SIZE**2
    done = run(*words, *both, "--masks", place / "y")
    assert done.status == 2 and "one for each of the 2 data sets" in done.err


@pytest.mark.parametrize("values", [["10,30"], ["10", "30"], ["30, 10"]])
def test_several_values_are_ignored(values, place, tmp_path, run):
    """Of masks with a third class; each form of the option."""
    scene, mask = place / "x" / "a.tif", tmp_path / "m.tif"
    classes = np.arange(SIZE**2).reshape(SIZE, SIZE, 1) % 4 * 10
    write_scene(mask, classes.astype(np.uint8), None)
    options = [word for value in values for word in ("--ignored", value)]
    done = run("inspect", scene, "--masks", mask, "--tile", 32, "--json", *options)
    assert list(json.loads(done.out)["classes"]) == ["class 0", "class 20"]


def test_inspect_chooses_the_target_as_fit_does(tmp_path, run):
    path = small_masks.write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        file["label"] = np.eye(2)[np.arange(12) % 2]
    done = run("inspect", path, "--json")
    assert json.loads(done.out)["target"] == "class"
    done = run("inspect", path, "--task", "mask", "--json")
    assert json.loads(done.out)["target"] == "mask"


def test_options_are_judged_before_data_are_read(tmp_path, run):
    nothing = tmp_path / "none"
    for words in (["--ignored", "x"], ["--tile", 0], ["--tile-stride", 1000]):
        for command in (
            ["fit", nothing, "--out", tmp_path / "r"],
            ["inspect", nothing],
        ):
            done = run(*command, "--masks", nothing, *words)
            assert done.status == 2 and words[0] in done.err
            assert "no such file" not in done.err


@pytest.mark.usefixtures("tiny_networks")
def test_fit_learns_masks_of_two_folders(place, tmp_path, run):
    out = tmp_path / "run"
    done = run(
        *("fit", place / "x", "--masks", place / "y", "--out", out, *SMALL),
        *("--val", place / "val_x", "--val-masks", place / "val_y"),
    )
    assert done.status == 0 and "mIoU" in done.out, done.err
    assert f"next: autoai4eo evaluate {out} SCENES --masks MASKS" in done.out
    data = Run(out).read()["data"]
    assert data["training"]["target"] == "mask"
    assert data["training"]["classes"] == data["validation"]["classes"]
    assert data["validation"]["samples"] == 2 * 4
    assert {"mean_iou", "boundary_f1"} <= Run(out).read_evaluation().keys()
    # an export in another process finds the tiles again
    known = Run(out).read()
    part = find(known, "validation", load_network(out), {}, 100)
    assert (
        part is not None
        and part.dataset.fingerprint() == (known["data"]["validation"]["fingerprint"])
    )
    # tiles of its own size
    done = run("evaluate", out, place / "x", "--masks", place / "y", "--json")
    found = json.loads(done.out)
    assert sum(c["support"] for c in found["per_class"].values()) == 4 * SIZE**2
    done = run("evaluate", out, place / "x", "--masks", place / "val_y")
    assert done.status == 2 and done.err.splitlines()[-1].startswith("error:")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--val", "x"], "expected --val and --val-masks together"),
        (["--val-masks", "y"], "expected --val with --val-masks"),
        (["--tile", 1000], "--tile"),
        (["--tile", 4], "--tile: expected tiles of 5 pixels or more"),
        (["--tile", 32, "--tile-stride", 33], "--tile-stride"),
        (["--ignored", "0,x"], "expected whole numbers"),
        (["--ignored", "1.5"], "expected whole numbers"),
        (["--tile", 32, "--task", "value"], "value"),
        (["--tile", 32, "--ignored", 10], "two classes or more"),
    ],
)
def test_what_cannot_be_is_one_line(place, tmp_path, words, message, run):
    out = tmp_path / "run"
    done = run(
        "fit", place / "x", "--masks", place / "y", "--out", out, "--quiet", *words
    )
    assert done.status == 2 and message in done.err
    assert done.err.startswith("error:") and done.err.count("\n") == 1
    assert not out.exists()


def test_without_val_whole_scenes_are_judged(place):
    told = []
    how = Opening((0.75, 0.25), masks=place / "y", tile=32)
    training = open_training(place / "x", how, told.append)
    train, validation = with_others(training, None, how, told.append)
    assert len(train) == 3 * 4 and len(validation) == 4
    assert not set(train.groups["scene"]) & set(validation.groups["scene"])
    assert "scene" in told[-1]


def test_each_pixel_is_judged_once_whatever_the_stride(place):
    """The parts of a split, and data that --val names."""
    how = Opening((0.75, 0.25), masks=place / "y", tile=32, tile_stride=8)
    training = open_training(place / "x", how, str)
    train, validation = with_others(training, None, how, str)
    assert train.label_counts().sum() > 3 * SIZE**2
    assert validation.label_counts().sum() == SIZE**2
    how = replace(how, other_masks=place / "val_y")
    _, validation = with_others(training, place / "val_x", how, str)
    assert validation.label_counts().sum() == 2 * SIZE**2
