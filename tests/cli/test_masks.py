"""The commands for a segmenter's run, and runs and data that do not fit together."""

import json

import numpy as np
import pandas as pd
import pytest
import small_masks
from scenes import write_scene

from autoai4eo.cli.scores import print_scores
from autoai4eo.cli.trials import Shown, print_trials


def test_evaluate_prints_pixels(run, segmented, segmented_run):
    done = run("evaluate", segmented_run, segmented.directory / "val.h5")
    assert done.status == 0
    assert "(12 tiles)" in done.out and "over 12 tiles" in done.out
    assert "mean intersection over union 0." in done.out
    assert "boundary F1 within 2 pixels" in done.out
    assert "pixels" in done.out and "support" not in done.out
    assert "left out of means" in done.out and "snow" in done.out
    assert "is that of" not in done.out  # why a trial has another score: see trials
    told = run("evaluate", segmented_run, segmented.directory / "val.h5", "--json")
    scores = json.loads(told.out)
    assert scores["per_class"]["soil"]["iou"] == pytest.approx(
        json.loads((segmented_run / "best" / "evaluation.json").read_text())[
            "per_class"
        ]["soil"]["iou"]
    )


def test_references_have_names_for_people(capsys):
    scores = {"accuracy": 0.5, "intervals": {}, "resampled_by": "tile"}
    print_scores({**scores, "references": {"pixel_trees": {"accuracy": 0.4}}}, "RUN")
    found = pd.DataFrame({"trial": [0], "status": ["complete"], "val_mean_iou": [0.5]})
    shown = Shown(
        "RUN", ["val_mean_iou"], references={"pixel_trees": {"mean_iou": 0.4}}
    )
    print_trials(found, shown)
    told = capsys.readouterr().out
    assert "reference pixel trees (boosted" in told and "│ pixel trees │" in told
    assert "pixel_trees" not in told


@pytest.mark.parametrize("command", ["trials", "pareto", "check", "report"])
def test_commands_know_a_segmenter(run, segmented_run, command):
    done = run(command, segmented_run)
    assert done.status == 0, done.err
    words = {"check": "nothing to repair", "report": "written"}
    assert words.get(command, "mIoU") in done.out


def test_masks_with_other_classes_are_told(run, segmented, tmp_path):
    import h5py

    path = small_masks.write(tmp_path / "other.h5")
    with h5py.File(path, "a") as file:
        file["mask"].attrs["names"] = ["soil", "forest", "road"]
    done = run("evaluate", segmented.run, path)
    assert done.status == 2 and "unknown: road" in done.err


def test_a_map_tells_its_values_beside_those_of_the_masks(run, segmented_run, tmp_path):
    pixels = np.full((32, 32, 4), 0.5, np.float32)
    scene = write_scene(tmp_path / "a.tif", pixels, small_masks.BANDS)
    done = run("map", segmented_run, scene, tmp_path / "m.tif")
    assert done.status == 0, done.err
    assert (
        "map values: 1 = soil, 2 = forest, 3 = water, 4 = snow (masks: 0," in done.out
    )
