"""A segmenter is scored batch by batch, and keeps its worst and best tiles."""

import json
from types import SimpleNamespace

import masks
import numpy as np
import pytest
import small_masks

from autoai4eo.learning import evaluation
from autoai4eo.learning.lazy_outputs import LazyOutputs, in_parts
from autoai4eo.runs.folder import Run
from autoai4eo.runs.soundness import findings
from autoai4eo.tasks import kept_tiles
from autoai4eo.tasks.validating import validate

pytestmark = pytest.mark.filterwarnings("ignore:masks. .*are ignored")


@pytest.fixture(scope="module")
def validation(segmented):
    return small_masks.dataset(segmented.directory / "val.h5")


def test_masks_are_predicted(segmented, validation):
    """The class of each pixel is the most probable one, whatever fits into memory."""
    masks = segmented.predict(validation)
    probable = segmented.predict_proba(validation)
    assert (masks.shape, masks.dtype) == ((12, 16, 16), np.int16)
    assert (probable.shape, probable.dtype) == ((12, 16, 16, 4), np.float32)
    np.testing.assert_allclose(probable.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(masks, probable.argmax(axis=-1))
    arrays = validation.read(np.arange(12))["sen2"]
    np.testing.assert_array_equal(segmented.predict({"sen2": arrays}), masks)


def test_scores_of_parts_are_those_of_the_whole(segmented, validation, monkeypatch):
    """Users rely on: the memory that a machine has does not change the scores."""
    whole = evaluation.score(validation, segmented.predict_proba(validation))
    monkeypatch.setattr("autoai4eo.learning.lazy_outputs._BYTES", 1)
    lazy = evaluation.outputs_in_parts(segmented.export_model(), validation, 5)
    assert isinstance(lazy, LazyOutputs)
    assert len(in_parts(np.arange(12), validation.target)) == 12
    found = evaluation.score(validation, lazy)
    assert found == whole
    assert found["resampled_by"] == "tile"
    assert found["absent_classes"] == ["snow"]
    assert sum(map(sum, found["confusion_matrix"])) == 12 * (16 * 16 - 1)
    again = segmented.evaluate(str(segmented.directory / "val.h5"), batch_size=5)
    assert again["mean_iou"] == whole["mean_iou"]
    np.testing.assert_array_equal(
        segmented.predict(validation, batch_size=5),
        segmented.predict(validation),
    )


def test_the_worst_and_the_best_tiles_are_kept(segmented, validation):
    kept = Run(segmented.run).read_tiles()
    truth = validation.read_targets(np.arange(12))
    predicted = segmented.predict(validation)
    known = truth >= 0
    right = ((predicted == truth) & known).sum((1, 2)) / known.sum((1, 2))
    order = np.argsort(right, kind="stable")
    np.testing.assert_array_equal(kept["sample"], [*order[:4], *order[-4:]])
    np.testing.assert_allclose(kept["right"], right[kept["sample"]])
    np.testing.assert_array_equal(kept["truth"], truth[kept["sample"]])
    np.testing.assert_array_equal(kept["prediction"], predicted[kept["sample"]])
    assert kept["image_sen2"].shape == (8, 16, 16, 3)
    assert kept["image_sen2"].dtype == np.uint8


def test_names_of_tiles_are_kept(tmp_path):
    """Users rely on: a bad tile is found again in its scene."""
    data = masks.dataset(masks.random_masks(n=10))
    data._reader.names = [f"scene {i // 4} row {i} column 0" for i in range(10)]
    kept = {}
    run = SimpleNamespace(write_tiles=kept.update)
    wrong = np.zeros((*data.target.shape, 3), np.float32)
    judged = kept_tiles.JudgedOutputs(
        data, lambda part: np.broadcast_to(wrong, (len(part), *wrong.shape))
    )
    evaluation.score(data, judged)
    kept_tiles.keep_tiles(run, data, judged, None)
    assert kept["name"].tolist() == [data.names[i] for i in kept["sample"]]


def test_large_tiles_are_thinned():
    tiles = np.arange(2 * 600 * 300).reshape(2, 600, 300)
    thin = kept_tiles.thinned(tiles)
    np.testing.assert_array_equal(thin, tiles[:, ::3, ::3])
    assert kept_tiles.thinned(tiles[:, :256, :256]).shape == (2, 256, 256)


def test_lost_tiles_are_told_and_made_again(segmented_run, validation):
    (segmented_run / "best" / "tiles.npz").unlink()
    (found,) = findings(segmented_run)
    assert found.path.name == "tiles.npz" and "tiles" in found.problem
    before = json.loads((segmented_run / "best" / "evaluation.json").read_text())
    validate(segmented_run, validation)
    assert findings(segmented_run) == []
    after = json.loads((segmented_run / "best" / "evaluation.json").read_text())
    assert after == before
    network = Run(segmented_run).read_evaluation()["network"]
    tiles = dict(np.load(segmented_run / "best" / "tiles.npz"))
    assert str(tiles["network"]) == network
    np.savez(
        segmented_run / "best" / "tiles.npz", **{**tiles, "network": np.array("other")}
    )
    (found,) = findings(segmented_run)
    assert "those of another network" in found.problem
