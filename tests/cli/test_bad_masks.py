"""Masks and runs that cannot be used: exit status 2 and one line on what to do."""

import h5py
import numpy as np
import pytest
import small_masks
from rasterio import Affine
from scenes import digits, write_scene

SIZE = 48
RNG = np.random.default_rng(0)
GOOD = RNG.integers(0, 2, (SIZE, SIZE), np.uint8)
NO_PLACE = {"crs": None, "transform": Affine.identity()}
TILE = ("--tile", 32)

#: By name: the mask, options of `fit`, and what the line says.
MASKS = {
    "of another size": (
        GOOD[:, :30],
        TILE,
        ["expected a mask of 48 × 48 pixels", "found 48 × 30", "resample the mask"],
    ),
    "fractions": (
        GOOD + 0.5,
        TILE,
        ["expected masks of class numbers, found fractions such as", "write whole"],
    ),
    "all pixels ignored": (
        np.full((SIZE, SIZE), -1, np.int16),
        TILE,
        ["pixels of known classes, found only ignored values", "check the masks"],
    ),
    "all values ignored": (
        GOOD,
        (*TILE, "--ignored", "0,1"),
        ["pixels of known classes, found only ignored values", "check the masks"],
    ),
    "one class only": (
        GOOD * 0,
        TILE,
        ["expected masks of two classes or more, found one only", "nothing to tell"],
    ),
    "one class beside ignored ones": (
        GOOD,
        (*TILE, "--ignored", "1"),
        ["expected masks of two classes or more, found one only", "nothing to tell"],
    ),
    "tiles larger than scenes": (
        GOOD,
        ("--tile", 100),
        ["at least half a tile", "found 48 × 48; give a smaller --tile"],
    ),
    "several bands": (
        np.stack([GOOD] * 2, axis=-1),
        TILE,
        [
            "one band of class numbers, or of red, green and blue as bytes",
            "found 2 bands of uint8; write the classes as numbers",
        ],
    ),
    "photos": (
        RNG.integers(0, 256, (SIZE, SIZE, 3), np.uint8),
        TILE,
        ["expected masks of colours that are classes, found more than 64 different"],
    ),
    "too few names of colours": (
        np.stack([GOOD] * 3, axis=-1),
        (*TILE, "--class-names", "dry"),
        ["expected 2 names for #000000, #010101, found 1: dry; give one for each"],
    ),
    "images": (
        np.arange(SIZE**2, dtype=np.int32).reshape(SIZE, SIZE),
        TILE,
        ["more than 1,000 different values", "are these images"],
    ),
    "too many names": (
        GOOD,
        (*TILE, "--class-names", "dry,wet,ice"),
        ["expected 2 names for class 0, class 1", "found 3: dry, wet, ice"],
    ),
}


def write(folder, mask, name="a", **how):
    """A scene in ``x`` and its mask in ``y``."""
    mask = mask if mask.ndim == 3 else mask[..., None]
    if mask.dtype == np.float64:
        mask = mask.astype(np.float32)
    write_scene(folder / "x" / f"{name}.tif", digits(SIZE, SIZE), **how)
    write_scene(folder / "y" / f"{name}.tif", mask, None, **how)
    return folder / "x", folder / "y"


def check(done, words):
    """Users rely on: status 2, one line, what was found and the next step."""
    assert done.status == 2, done.err
    assert done.err.startswith("error: ") and done.err.count("\n") == 1, done.err
    for word in words:
        assert word in done.err, done.err


@pytest.mark.parametrize("command", ["fit", "inspect"])
@pytest.mark.parametrize("name", MASKS)
def test_masks_that_cannot_be_used(name, command, tmp_path, run):
    mask, options, words = MASKS[name]
    place = NO_PLACE if name == "of another size" else {}
    scenes, masks = write(tmp_path, mask, **place)
    out = ("--out", tmp_path / "run", "--quiet") if command == "fit" else ()
    check(run(command, scenes, "--masks", masks, *options, *out), words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mask": lambda m: m[:, :7]}, ["expected mask of 16 × 16", "found 7 × 16"]),
        ({"mask": lambda m: m[:5]}, ["as many masks as images, found 5 masks and 12"]),
        ({"mask": lambda m: m + 0.5}, ["found fractions such as"]),
        ({"mask": lambda m: m * 0 + 255}, ["found only ignored values"]),
        ({"sen2": lambda x: x[:, :7, :7]}, ["of 7 × 7 pixels as sen2 has, or whole"]),
    ],
)
def test_files_that_cannot_be_used(changes, words, tmp_path, run):
    path = small_masks.write(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        for name, change in changes.items():
            values, attrs = file[name][()], dict(file[name].attrs)
            del file[name]
            file[name] = change(values)
            file[name].attrs.update(attrs)
    check(run("fit", path, "--out", tmp_path / "run", "--quiet"), words)


@pytest.mark.parametrize("form", ["a.jpg", "a.tif", "colours.tif", "a.jp2"])
def test_masks_that_compression_blurs(form, tmp_path, run):
    """Users rely on: the blurred values are not taken for classes."""
    write_scene(tmp_path / "x.tif", digits(SIZE, SIZE))
    how = {
        "a.jpg": {"driver": "JPEG"},
        "a.jp2": {"driver": "JP2OpenJPEG", "quality": 10},
    }.get(form, {"compress": "JPEG"})
    bands = 3 if form == "colours.tif" else 1
    write_scene(tmp_path / form, np.stack([GOOD * 200] * bands, -1), None, **how)
    found = "found lossy JP2OpenJPEG" if form == "a.jp2" else "found JPEG, which blurs"
    check(
        run("inspect", tmp_path / "x.tif", "--masks", tmp_path / form, *TILE),
        ["expected a lossless mask such as GeoTIFF or PNG", found, "mask anew from"],
    )


def test_validation_data_with_unknown_values(tmp_path, run):
    scenes, masks = write(tmp_path / "training", GOOD)
    other, more = write(tmp_path / "validation", np.where(GOOD, 7, 0).astype(np.uint8))
    done = run(
        *("fit", scenes, "--masks", masks, *TILE, "--out", tmp_path / "run", "--quiet"),
        *("--val", other, "--val-masks", more),
    )
    check(done, ["expected masks of the values 0 class 0, 1 class 1", "found also 7"])


@pytest.mark.parametrize("command", ["evaluate", "fit"])
def test_a_classifiers_run_does_not_take_masks(command, classified, tmp_path, run):
    masks = small_masks.write(tmp_path / "masks.h5", size=8)
    words = {
        "evaluate": ("evaluate", classified / "run", masks),
        "fit": ("fit", masks, "--out", classified / "run", "--quiet", "--epochs", 1),
    }
    told = {
        "evaluate": [
            "expected one class per sample, found a class for each pixel",
            "ae.ImageSegmenter()",
        ],
        "fit": ["expected the training data that this run was begun with", "choose"],
    }
    done = run(*words[command])
    check(done, told[command])


@pytest.mark.parametrize("command", ["evaluate", "fit"])
def test_a_segmenters_run_does_not_take_labels(command, classified, segmented_run, run):
    labels = classified / "train.h5"
    words = {
        "evaluate": ("evaluate", segmented_run, labels),
        "fit": ("fit", labels, "--out", segmented_run, "--quiet", "--epochs", 1),
    }
    told = {
        "evaluate": ["expected a data set mask of shape (N, height, width)"],
        "fit": ["expected the training data that this run was begun with", "choose"],
    }
    done = run(*words[command])
    check(done, told[command])
