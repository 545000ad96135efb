"""Ground that two parts of a split show: refused, or left out of training."""

import h5py
import numpy as np
import pytest
from scenes import digits, write_scene

from autoai4eo.data.between_parts import apart
from autoai4eo.data.masks.overlapping import share_pixels
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import LeakWarning, split
from autoai4eo.errors import UserError

SIZE, WINDOW, STRIDE = 96, 16, 8
BLOCKS = "spatial_block"


@pytest.fixture(scope="module", params=["places", "content"])
def patches(tmp_path_factory, request):
    """Windows of 16 pixels, each 8 pixels, of a scene of noise, with coordinates.

    As `autoai4eo patches` writes them, and without their place in the scene.
    """
    path = tmp_path_factory.mktemp("apart") / "a.h5"
    scene = np.random.default_rng(0).random((SIZE, SIZE, 2), np.float32)
    first = np.arange(-4, SIZE - WINDOW - 3, STRIDE)
    places = np.stack(np.meshgrid(first, first, indexing="ij"), -1).reshape(-1, 2)
    wrapped = np.roll(scene, (4, 4), (0, 1))
    with h5py.File(path, "w") as file:
        file["sen2"] = np.stack(
            [wrapped[r : r + WINDOW, c : c + WINDOW] for r, c in places + 4]
        )
        file["label"] = np.eye(2)[np.arange(len(places)) % 2]
        file["lat"], file["lon"] = places[:, 0] * -1e-4, places[:, 1] * 1e-4
        file.attrs["sen2_bands"] = ["B02", "B03"]
        if request.param == "places":
            file["scene"], file["window"] = ["a"] * len(places), places
    return open_dataset(path)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Tiles of 16 pixels, each 8 pixels, of two scenes."""
    folder = tmp_path_factory.mktemp("tiles")
    for seed, name in enumerate("ab"):
        mask = np.random.default_rng(seed).integers(0, 2, (SIZE, SIZE, 1), np.uint8)
        write_scene(folder / "x" / f"{name}.tif", digits(SIZE, SIZE, seed=seed))
        write_scene(folder / "y" / f"{name}.tif", mask, None)
    how = {"tile": WINDOW, "tile_stride": STRIDE}
    return open_dataset(folder / "x", masks=folder / "y", **how)


def shared(places, others, least=1):
    """By brute force: which windows share so many pixels with one of the others."""
    apart_by = np.abs(places[:, None] - others[None])
    return ((np.maximum(0, WINDOW - apart_by).prod(axis=2)) >= least).any(axis=1)


def window_places(dataset):
    found = dataset.coordinates() / 1e-4
    return np.rint(np.stack([-found[:, 1], found[:, 0]], axis=1)).astype(int)


def test_patches_at_the_edge_of_a_block_are_left_out(patches):
    training, validation = split(patches, [0.7, 0.3], group=BLOCKS, seed=1)
    before, others = window_places(training), window_places(validation)
    kept, told = apart(training, [validation], BLOCKS, "stop")
    left = {tuple(place) for place in window_places(kept).tolist()}
    is_kept = np.array([tuple(place) in left for place in before.tolist()])
    assert not shared(before[~is_kept], before[is_kept], WINDOW**2).any()
    assert shared(before[~is_kept], others).all() and not is_kept.all()
    # by content a half is always found, less often a smaller part
    exact = patches.places is not None
    assert not shared(before[is_kept], others, 1 if exact else WINDOW**2 // 2).any()
    number = len(training) - len(kept)
    assert f"{number} of {len(training)} training patches share pixels" in told
    assert told.endswith("they are left out")
    assert apart(kept, [validation], BLOCKS, "stop") == (kept, "")


def test_a_random_split_of_patches_is_refused(patches):
    parts = split(patches, [0.7, 0.3], seed=1)
    with pytest.raises(UserError, match="stop"):
        apart(parts[0], parts[1:], None, "stop")


def test_tiles_at_the_edge_of_a_block_are_left_out(tiles):
    training, validation = split(tiles, [0.7, 0.3], group=BLOCKS, seed=1)
    wanted = np.zeros(len(training), bool)
    for scene in "ab":
        mine = training.groups["scene"] == scene
        theirs = validation.groups["scene"] == scene
        wanted[mine] = shared(
            training.places.first[mine], validation.places.first[theirs]
        )
    assert 0 < wanted.sum() < len(training)
    kept, told = apart(training, [validation], BLOCKS, "stop")
    assert kept.names == training.subset(~wanted).names and "training tiles" in told
    assert not share_pixels(kept, validation).any()


def test_whole_scenes_stay_as_they_are(tiles):
    training, validation = split(tiles, [0.5, 0.5], group="scene")
    assert apart(training, [validation], "scene", "stop") == (training, "")


def test_nothing_left_is_an_error(tiles):
    with pytest.warns(LeakWarning):
        training, validation = split(tiles, [0.5, 0.5])
    with pytest.raises(UserError, match="nothing is left to learn from: take larger"):
        apart(training, [validation], BLOCKS, "stop")
