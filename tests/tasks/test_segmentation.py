"""`ImageSegmenter`: from masks to a network that predicts masks."""

import json

import keras
import masks
import numpy as np
import predictors
import pytest
import small
from scenes import digits, write_scene

import autoai4eo as ae
from autoai4eo.blocks.backbones.resnets import build_trunk
from autoai4eo.blocks.pretrained_weights.catalogue import Scaling
from autoai4eo.blocks.pretrained_weights.files import from_file
from autoai4eo.deploy import load_network
from autoai4eo.errors import UserError
from autoai4eo.runs.ensembles import read as read_ensemble
from autoai4eo.tasks.training_data import names_of

BANDS = ["B03", "B04", "B08"]


def of_one_class_a_band(n=24, seed=0):
    """Arrays (n, 32, 32, 3), the band of a pixel's class is bright; and masks."""
    truth = masks.random_masks(n, size=32, unknown=0, seed=seed)
    rng = np.random.default_rng(seed)
    pixels = rng.normal(1, 0.3, (*truth.shape, 3))
    pixels += 2 * (truth[..., None] == np.arange(3))
    return pixels.astype("float32"), truth


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segmenter")
    clf = ae.ImageSegmenter(directory=folder, project_name="run", max_trials=1)
    with small.in_this_process():
        clf.fit(
            *of_one_class_a_band(),
            validation_data=of_one_class_a_band(8, seed=1),
            epochs=4,
            batch_size=4,
            verbose=0,
        )
    return clf


def test_it_learns_masks_and_predicts_them(segmenter):
    pixels, truth = of_one_class_a_band(6, seed=2)
    found = segmenter.predict(pixels)
    assert found.shape == truth.shape and found.dtype == np.int16
    assert (found == truth).mean() > 0.8
    probabilities = segmenter.predict_proba(pixels)
    assert probabilities.shape == (6, 32, 32, 3)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(axis=-1), found)


def test_it_is_judged_by_mean_iou_beside_references(segmenter):
    trials = segmenter.trials(all=True)
    assert trials["val_mean_iou"].item() > 0.6
    scores = segmenter.evaluate(*of_one_class_a_band(6, seed=2))
    per_class = scores["per_class"].values()
    assert scores["mean_iou"] == pytest.approx(np.mean([c["iou"] for c in per_class]))
    # the first candidate is a U-Net itself
    assert set(scores["references"]) == {"majority", "pixel_trees"}
    assert scores["mean_iou"] > scores["references"]["majority"]["mean_iou"]


def test_its_network_has_a_class_for_each_pixel_of_the_input(segmenter):
    model = segmenter.export_model()
    assert isinstance(model, keras.Model)
    assert model.output_shape == (None, 32, 32, 3)
    assert ae.profile(model, latency=False).macs == segmenter.trials()["macs"].item()


def test_two_folders_are_images_and_masks(tmp_path):
    rng = np.random.default_rng(0)
    for seed, name in enumerate("abcd"):
        write_scene(tmp_path / "x" / f"{name}.tif", digits(64, 64, seed=seed))
        mask = rng.integers(0, 2, (8, 8)).repeat(8, 0).repeat(8, 1).astype("uint8")
        write_scene(tmp_path / "y" / f"{name}.tif", mask[..., None], None)
    clf = ae.ImageSegmenter(directory=tmp_path, project_name="run")
    graph, train = clf.search_space(tmp_path / "x", tmp_path / "y")
    assert train.target.kind == "mask" and train.target.shape == (128, 128)
    assert set(train.groups["scene"]) == set("abcd")
    assert graph.smooths_labels


def test_a_run_is_opened_with_the_weights_that_its_trunk_may_have(tmp_path):
    bands = ["B02", "B03", "B04", "B08"]
    scaling = Scaling(None, (0.0,) * 4, (1.0,) * 4, (0.0,) * 4)
    path = tmp_path / "trunk.weights.h5"
    build_trunk("resnet20", (32, 32, 4), "trunk").save_weights(path)
    weights = from_file(path, "resnet20", bands, scaling)
    run = predictors.write_run(tmp_path / "run", "class", predictors.network("class"))
    known = json.loads((run / "run.json").read_text())
    known["data"]["training"]["target"] = "mask"
    known["task"] = ae.ImageSegmenter(weights=weights)._made_of()
    (run / "run.json").write_text(json.dumps(known))
    found = ae.open_run(run)
    assert isinstance(found, ae.ImageSegmenter)
    assert ae.blocks.FeaturePyramid(weights=found.weights).weights == weights


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"max_latency_ms": 2.0}, 'constraints={"latency_ms": …}'),
        ({"multi_label": True}, "multi_label: expected arguments of ImageSegmenter, "),
        ({"map_step": 0}, "found map_step, which is one of ImageClassifier; a segm"),
        ({"map_step": 10}, "a segmenter maps every pixel"),
    ],
)
def test_arguments_of_patches_are_refused(tmp_path, how, message):
    with pytest.raises(UserError, match="ImageClassifier") as caught:
        ae.ImageSegmenter(directory=tmp_path, **how)
    assert message in str(caught.value)


def test_arguments_of_patches_that_change_nothing_pass(tmp_path):
    defaults = {"max_latency_ms": None, "multi_label": False}
    assert ae.ImageSegmenter(directory=tmp_path, **defaults).kind == "mask"


def test_classes_of_patches_are_refused(tmp_path):
    pixels, _ = of_one_class_a_band(4)
    clf = ae.ImageSegmenter(directory=tmp_path, project_name="run")
    with pytest.raises(UserError, match="mask"):
        clf.fit(pixels, np.array([0, 1, 0, 1]), epochs=1, verbose=0)
    assert not (tmp_path / "run").exists()


def test_an_ensemble_of_one_is_its_member(segmenter):
    """Users rely on: an ensemble's outputs are the mean of its members', by pixel."""
    validation = of_one_class_a_band(8, seed=1)
    number = segmenter.ensemble(validation_data=validation, verbose=0)
    kept = read_ensemble(segmenter.run, number)
    network = load_network(segmenter.run, f"ensemble-{number}")
    member = load_network(segmenter.run, 0)
    pixels = validation[0].astype("float32")
    np.testing.assert_allclose(
        network.predict(pixels, verbose=0), member.predict(pixels, verbose=0), atol=1e-6
    )
    trial = segmenter.trials().iloc[0]
    assert kept.metrics["val_mean_iou"] == pytest.approx(trial["val_mean_iou"])
    assert kept.scores["boundary_f1"] > 0


def test_other_masks_have_the_classes_of_the_training_data_by_value(tmp_path):
    """Users rely on: unnamed masks of validation data are not numbered anew."""
    for folder in ("x", "val_x"):
        write_scene(tmp_path / folder / "a.tif", digits(32, 32))
    mask = np.where(np.arange(32) < 8, 20, 10).astype("uint8")[None].repeat(32, 0)
    for folder in ("y", "val_y"):
        write_scene(tmp_path / folder / "a.tif", mask[..., None], None)
    train = ae.open_dataset(
        tmp_path / "x",
        masks=tmp_path / "y",
        class_names={20: "water", 10: "land"},
        tile=32,
    )
    assert train.class_names == ("water", "land")
    like = names_of(train.subset([0]))
    validation = ae.open_dataset(tmp_path / "val_x", masks=tmp_path / "val_y", **like)
    assert validation.class_names == train.class_names
    assert validation.target == train.target
    assert train.label_counts().tolist() == [8 * 32, 24 * 32]
    assert validation.label_counts().tolist() == [8 * 32, 24 * 32]


def test_tiles_too_small_for_a_pyramid_are_refused(tmp_path):
    pixels = np.random.default_rng(0).random((20, 4, 4, 3)).astype("float32")
    truth = np.arange(20)[:, None, None].repeat(4, 1).repeat(4, 2) % 2
    clf = ae.ImageSegmenter(directory=tmp_path, project_name="run")
    with pytest.raises(UserError, match="tiles of 5 pixels or more"):
        clf.fit(pixels, truth, epochs=1, verbose=0)
