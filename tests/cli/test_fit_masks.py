"""`fit` and `inspect` of scenes with masks."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scenes import digits, write_scene

from autoai4eo.cli.parts import Opening, open_training, with_others
from autoai4eo.deploy import load_network
from autoai4eo.deploy.export.samples import find
from autoai4eo.runs.folder import Run

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
        for seed, name in enumerate(names):
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


def test_fit_learns_masks_of_two_folders(place, tmp_path, run):
    out = tmp_path / "run"
    done = run(
        *("fit", place / "x", "--masks", place / "y", "--out", out, *SMALL),
        *("--val", place / "val_x", "--val-masks", place / "val_y"),
    )
    assert done.status == 0 and "mIoU" in done.out, done.err
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
        (["--tile", 1000], "--tile"),
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
