import json

import keras
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.errors import UserError

pytestmark = pytest.mark.usefixtures("in_process")
DATA = small.dataset()
PIXELS = DATA.read(np.arange(len(DATA)))["sen2"]
OTHER = small.dataset(seed=1)


def quick(folder, **arguments):
    """A classifier of one trial."""
    return ae.ImageClassifier(
        directory=folder, project_name="run", max_trials=1, seed=0, **arguments
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    model = small.model(tmp_path_factory.mktemp("auto"), max_trials=1)
    model.fit(PIXELS, DATA.labels, validation_split=0.25, epochs=3, verbose=0)
    return model


def test_the_retrained_finalist_is_what_is_used(fitted):
    # AutoKeras retrains on everything and then loads the trial's weights (trap 3)
    trial = keras.models.load_model(fitted.run / "trials" / "0" / "model.keras")
    before = trial.predict(PIXELS, verbose=0)
    finalist = keras.models.load_model(fitted.run / "best" / "model.keras")
    expected = finalist.predict(PIXELS, verbose=0)
    np.testing.assert_allclose(fitted.predict_proba(PIXELS), expected, atol=1e-6)
    assert np.abs(expected - before).max() > 1e-3
    kept = json.loads((fitted.run / "best" / "evaluation.json").read_text())
    assert kept["trained_on"] == "training and validation"


def test_predict_gives_class_numbers(fitted):
    classes = fitted.predict(PIXELS)
    assert classes.shape == (48,) and classes.dtype == np.int64
    assert (classes == fitted.predict_proba(PIXELS).argmax(axis=1)).all()


def test_evaluate_gives_every_score(fitted):
    scores = fitted.evaluate(PIXELS, DATA.labels)
    truth, found = DATA.labels, fitted.predict(PIXELS)
    assert scores["accuracy"] == pytest.approx((truth == found).mean())
    assert set(scores) >= {"average_accuracy", "cohen_kappa", "macro_f1", "per_class"}
    assert np.asarray(scores["confusion_matrix"]).sum() == 48


def test_labels_may_be_one_hot(fitted):
    one_hot = np.eye(3)[DATA.labels]
    assert fitted.evaluate(PIXELS, one_hot) == fitted.evaluate(PIXELS, DATA.labels)


def test_a_new_process_uses_the_existing_run(fitted):
    found = small.model(fitted.directory, max_trials=1)
    np.testing.assert_array_equal(found.predict(PIXELS), fitted.predict(PIXELS))


def test_the_input_is_called_as_its_node_and_float32(fitted):
    # traps 12: AutoKeras calls it keras_tensor, and float64 for float64 data
    (node,) = fitted.export_model().inputs
    assert (node.name, node.dtype) == ("sen2", "float32")


def test_pixels_of_float64_are_taken(fitted):
    assert (fitted.predict(PIXELS.astype("float64")) == fitted.predict(PIXELS)).all()


def test_missing_pixels_become_the_bands_mean_and_are_told(tmp_path):
    pixels = PIXELS.copy()
    pixels[0, 0, 0, 1] = np.nan
    pixels[1, :, :, 0] = np.inf
    model = small.model(tmp_path, max_trials=1)
    with pytest.warns(UserWarning, match=r"sen2: 0.\d+% of the values are missing"):
        model.fit(
            pixels,
            DATA.labels,
            validation_data=OTHER,
            epochs=1,
            verbose=0,
        )
    filled = pixels.copy()
    finite = np.isfinite(pixels)
    means = pixels.mean(axis=(0, 1, 2), where=finite)
    filled[~finite] = np.broadcast_to(means, pixels.shape)[~finite]
    with pytest.warns(UserWarning, match="are missing"):
        found = model.predict_proba(pixels)
    np.testing.assert_allclose(found, model.predict_proba(filled), atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_trials": 0}, "max_trials: expected 1 or more, got 0"),
        ({"objective": "kappa"}, "objective: expected one of val_cohen_kappa"),
        ({"tuner": "genetic"}, "tuner: expected one of greedy"),
        ({"constraints": {"ms": 2}}, "constraints: expected one of params"),
    ],
)
def test_a_wrong_argument_is_refused_at_once(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        small.model(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        ({"validation_split": 0}, "validation_split: expected a share"),
        ({"epochs": 0}, "epochs: expected 1 or more, got 0"),
        ({"class_weight": "equal"}, "class_weight: expected balanced or weights"),
        ({"loss": "hinges"}, "loss: expected one of crossentropy, focal"),
        (
            {"validation_data": small.dataset(bands=5)},
            "validation data: expected the inputs of the training data",
        ),
    ],
)
def test_a_wrong_call_of_fit_writes_nothing(tmp_path, fit, message):
    model = small.model(tmp_path)
    with pytest.raises(UserError, match=message):
        model.fit(DATA, verbose=0, **fit)
    assert not model.run.exists()


def test_only_a_runs_folder_is_overwritten(tmp_path):
    model = small.model(tmp_path, overwrite=True)
    model.run.mkdir()
    (model.run / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="expected a run's folder to overwrite"):
        model.fit(DATA, validation_data=OTHER, epochs=1, verbose=0)
    assert (model.run / "thesis.tex").exists()


@pytest.mark.slow
def test_overwrite_begins_anew(tmp_path):
    for seed in (0, 1):
        model = small.model(tmp_path, max_trials=1, seed=seed, overwrite=True)
        validation = small.dataset(seed=seed + 1)
        model.fit(DATA, validation_data=validation, epochs=1, verbose=0)
        assert len(model.trials()) == 1


def test_a_classifier_makes_its_graph_from_the_data(tmp_path):
    pixels = {"sen1": PIXELS[..., :2], "sen2": PIXELS}
    others = OTHER.read(np.arange(len(OTHER)))["sen2"]
    classifier = quick(tmp_path, constraints={"macs": 20_000_000})
    classifier.fit(
        pixels,
        DATA.labels,
        validation_data=({"sen1": others[..., :2], "sen2": others}, OTHER.labels),
        epochs=1,
        class_weight="balanced",
        loss="focal",
        references=False,
        verbose=0,
    )
    assert [node.name for node in classifier.export_model().inputs] == ["sen1", "sen2"]
    assert classifier.predict(pixels).shape == (48,)


def test_inputs_choose_what_is_used(tmp_path):
    pixels = {"sen1": PIXELS[..., :2], "sen2": PIXELS}
    classifier = quick(tmp_path, inputs=["sen2"])
    graph = classifier._graph(classifier._open(pixels, DATA.labels))
    assert [node.name for node in graph.inputs] == ["sen2"]


def test_so2sat_knows_arrays_by_their_bands(tmp_path):
    rng = np.random.default_rng(0)
    sen1, sen2 = (rng.normal(size=(51, 32, 32, c)) for c in (8, 10))
    labels = np.arange(51) % 17
    classifier = ae.So2SatClassifier(directory=tmp_path, max_trials=1, seed=0)
    dataset = classifier._open([sen2, sen1], labels)
    assert {spec.name: len(spec.bands) for spec in dataset.inputs} == {
        "sen1": 8,
        "sen2": 10,
    }
    assert dataset.class_names[16] == ae.data.lcz42.LCZ42_CLASSES[16]
    with pytest.raises(UserError, match=r"expected arrays .* of sen1 and sen2"):
        classifier._open([sen2, sen2], labels)


def test_heads_of_autokeras_are_taken(tmp_path):
    import autokeras

    head = autokeras.ClassificationHead(dropout=0.0)
    model = small.model(tmp_path, head=head, max_trials=1)
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    assert model.predict(PIXELS).shape == (48,)


def test_other_nodes_and_heads_are_refused(tmp_path):
    import autokeras

    node = autokeras.ImageInput()
    head = ae.blocks.PooledHead()(ae.blocks.EOImageBlock()(node))
    with pytest.raises(UserError, match=r"expected ae.ImageInput nodes"):
        ae.AutoModel(node, head, directory=tmp_path).fit(PIXELS, DATA.labels)
    node = ae.ImageInput("sen2")
    head = autokeras.DenseBlock()(ae.blocks.EOImageBlock()(node))
    message = "one classification, regression or segmentation head, got D"
    with pytest.raises(UserError, match=message):
        ae.AutoModel(node, head, directory=tmp_path).fit(PIXELS, DATA.labels)
