"""What a network learned from is told, wherever it lies and whatever it is called."""

import json
import shutil

import mask_pairs
import numpy as np
import pytest
import runs

import autoai4eo as ae
from autoai4eo.data.splits import split
from autoai4eo.errors import AutoAI4EOWarning
from autoai4eo.runs.data_record import describe
from autoai4eo.runs.learned_from import warn_if_learned

FITTED = {"trained_on": "training"}


@pytest.fixture
def scenes(tmp_path):
    for seed, name in enumerate("abcd"):
        mask_pairs.pair(tmp_path, name, seed=seed)
    return tmp_path / "x", tmp_path / "y"


def opened(images, masks):
    return ae.open_dataset(images, masks=masks, **mask_pairs.HOW)


def run_of(folder, training, validation):
    runs.run_folder(folder)
    told = json.loads((folder / "run.json").read_text())
    told["data"] = {"training": describe(training), "validation": describe(validation)}
    (folder / "run.json").write_text(json.dumps(told))
    return folder


def copied(folder, names, images, masks):
    for place, source in (("images", images), ("masks", masks)):
        (folder / place).mkdir(parents=True)
        for name in names:
            shutil.copy(source / f"{name}.tif", folder / place)
    return opened(folder / "images", folder / "masks")


def test_scenes_of_another_folder_are_known(scenes, tmp_path):
    """Users rely on: a copy of a training scene is not taken for unseen data."""
    training, validation = split(opened(*scenes), (0.75, 0.25), group="scene")
    run = run_of(tmp_path / "run", training, validation)
    learned = np.unique(training.groups["scene"]).tolist()
    (held,) = set("abcd") - set(learned)
    mixed = copied(tmp_path / "mixed", [held, learned[0]], *scenes)
    with pytest.warns(AutoAI4EOWarning, match=f"they include training data of {run}"):
        assert warn_if_learned(run, mixed, FITTED, None) == ["training"]
    unseen = copied(tmp_path / "unseen", [held], *scenes)
    assert warn_if_learned(run, unseen, FITTED, None) == []
    same = copied(tmp_path / "same", learned, *scenes)
    with pytest.warns(AutoAI4EOWarning, match="these are the training data of"):
        warn_if_learned(run, same, FITTED, None)


def test_a_scene_of_several_files_is_known_in_any_order(tmp_path):
    mask_pairs.pair(tmp_path, "a")
    red = tmp_path / "red.tif"
    mask_pairs.write_scene(red, mask_pairs.digits(20, 20, 1, seed=5), ["B08"])
    scene, mask = tmp_path / "x" / "a.tif", tmp_path / "y" / "a.tif"
    whole = opened(f"{scene},{red}", mask)
    blocks = {"group": "spatial_block", "block_km": 0.1}
    training, validation = split(whole, (0.7, 0.3), **blocks)
    run = run_of(tmp_path / "run", training, validation)
    for paths in (f"{scene},{red}", f"{red},{scene}"):
        with pytest.warns(AutoAI4EOWarning, match="they include training data of"):
            assert warn_if_learned(run, opened(paths, mask), FITTED, None)
    # another scene may share a file, such as heights
    mask_pairs.pair(tmp_path, "b", seed=1)
    other = opened(f"{tmp_path / 'x' / 'b.tif'},{red}", tmp_path / "y" / "b.tif")
    assert warn_if_learned(run, other, FITTED, None) == []


def test_a_scene_of_the_same_name_elsewhere_is_another(tmp_path):
    """Users rely on: tiles that are numbered alike in two folders are not mixed up."""
    sets = []
    for folder, moved in (("training", 0), ("other", 500)):
        how = {"transform": mask_pairs.moved(moved)}
        for name in "ab":
            pixels = mask_pairs.digits(20, 20, seed=len(sets))
            mask_pairs.write_scene(
                tmp_path / folder / "x" / f"{name}.tif", pixels, **how
            )
            mask = mask_pairs.classes()  # equal in all of them
            mask_pairs.write_mask(tmp_path / folder / "y" / f"{name}.tif", mask, **how)
        sets.append(opened(tmp_path / folder / "x", tmp_path / folder / "y"))
    training, other = sets
    run = run_of(tmp_path / "run", training, other)
    assert warn_if_learned(run, other, FITTED, None) == []
