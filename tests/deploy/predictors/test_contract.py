"""What every kind of predictor does alike; a kind of one's own is the last of them.

A new kind of model is one function and one entry in `LOADERS`; it runs through these
tests as `NumpyWeights` does, which is written outside of the package.
"""

import json
import shutil

import keras
import numpy as np
import predictors
import pytest
import scenes

from autoai4eo import deploy
from autoai4eo.data.target import Target
from autoai4eo.deploy.export.formats import FORMATS
from autoai4eo.deploy.predictors.base import Loader, Predictor
from autoai4eo.errors import UserError

KINDS = ("run", "keras", "savedmodel", "onnx", "litert", "openvino", "numpy")


def numpy_weights(path, options):
    """A kind of one's own: a linear network of the mean of each band, in NumPy."""
    with np.load(path) as file:
        kernel, bias, target = (
            file["kernel"],
            file["bias"],
            json.loads(str(file["target"])),
        )

    def predict(pixels):
        found = pixels["image"].mean(axis=(1, 2)) @ kernel + bias
        if target["kind"] == "labels":
            return 1 / (1 + np.exp(-found))
        if target["kind"] == "class":
            grown = np.exp(found - found.max(axis=-1, keepdims=True))
            return grown / grown.sum(axis=-1, keepdims=True)
        return found

    return Predictor(
        path=path,
        bands={"image": scenes.BANDS},
        window=(8, 8),
        target=Target(target["kind"], tuple(target["classes"])),
        predict=predict,
        fingerprint=str(kernel.sum()),
        typical={"image": ((0.02, 0.3),) * 3},
        thresholds=target.get("thresholds"),
    )


NUMPY = Loader("an .npz file", lambda path: path.endswith(".npz"), numpy_weights)


@pytest.fixture(scope="module", params=predictors.TARGETS)
def target(request):
    return request.param


@pytest.fixture(scope="module")
def network(target):
    return predictors.network(target)


@pytest.fixture(scope="module")
def models(target, network, tmp_path_factory):
    """One network as a model of each kind, by the kind's name."""
    folder = tmp_path_factory.mktemp(target)
    told = predictors.TARGETS[target]
    paths = {"run": predictors.write_run(folder / "run", target, network)}
    data = json.loads((folder / "run" / "run.json").read_text())["data"]["training"]
    for name, file in [
        ("keras", "m.keras"),
        ("savedmodel", "saved"),
        ("onnx", "m.onnx"),
        ("litert", "m.tflite"),
        ("openvino", "vino"),
    ]:
        paths[name] = folder / file
        FORMATS[name].write(network, folder / file, data, None, None)
    predictors.describe(folder, target)
    for copy in ("saved", "vino"):
        shutil.copy(folder / "model.json", folder / copy)
    kernel, bias = network.get_weights()
    paths["numpy"] = folder / "weights.npz"
    np.savez(paths["numpy"], kernel=kernel, bias=bias, target=json.dumps(told))
    return paths


@pytest.fixture(params=KINDS)
def predictor(request, models, monkeypatch):
    monkeypatch.setitem(deploy.LOADERS, "numpy", NUMPY)
    return deploy.load_predictor(models[request.param], trust=True)


@pytest.fixture
def pixels():
    rng = np.random.default_rng(0)
    land = rng.uniform(0, 0.3, (5, 1, 1, 3)) + rng.uniform(0, 0.1, (5, 8, 8, 3))
    return {"image": land.astype("float32")}


def test_it_predicts_what_keras_does(predictor, network, pixels):
    """Users rely on: a network gives the same wherever it runs."""
    found = predictor.predict(pixels)
    expected = network.predict(pixels, verbose=0)
    assert found.shape == (5, len(predictor.target.classes))
    assert np.ptp(expected, axis=0).min() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_it_knows_what_it_takes_and_gives(predictor, target):
    """Users rely on: bands are found by name, and units are checked."""
    told = predictors.TARGETS[target]
    assert predictor.bands == {"image": scenes.BANDS}
    assert predictor.window == (8, 8)
    assert predictor.target.kind == target
    assert predictor.target.classes == tuple(told["classes"])
    assert len(predictor.typical["image"]) == 3
    assert list(predictor.thresholds or ()) == told.get("thresholds", [])
    assert predictor.fingerprint


def test_other_patches_are_refused(predictor):
    """Users rely on: patches of other bands or sizes are no predictions."""
    for shape in ((5, 8, 8, 2), (5, 8, 8, 4), (5, 9, 8, 3), (8, 8, 3)):
        wrong = {"image": np.zeros(shape, "float32")}
        with pytest.raises(UserError, match=r"image \(8, 8, 3\), found image") as error:
            predictor.predict(wrong)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="found other"):
        predictor.predict({"other": np.zeros((5, 8, 8, 3), "float32")})


@pytest.mark.parametrize("kind", ["keras", "savedmodel", "onnx", "litert", "openvino"])
def test_a_description_of_other_bands_or_outputs_is_refused(
    models, target, kind, tmp_path
):
    path = tmp_path / models[kind].name
    (shutil.copytree if path.suffix == "" else shutil.copy)(models[kind], path)
    folder = path if path.is_dir() else tmp_path
    predictors.describe(folder, target)
    told = json.loads((folder / "model.json").read_text())
    properties = told["properties"]
    properties["mlm:input"][0]["bands"].pop()
    (folder / "model.json").write_text(json.dumps(told))
    with pytest.raises(UserError, match="3 bands of the network's input image"):
        deploy.load_predictor(path, trust=True)
    predictors.describe(folder, "value" if target != "value" else "class")
    with pytest.raises(UserError, match=r"of the network, found image and \d"):
        deploy.load_predictor(path, trust=True)


@pytest.fixture
def labels(tmp_path):
    """A network of labels and what its description says of its output."""
    predictors.network("labels").save(tmp_path / "m.keras")
    predictors.describe(tmp_path, "labels")

    def describe(change):
        known = json.loads((tmp_path / "model.json").read_text())
        change(known["properties"]["mlm:output"][0])
        (tmp_path / "model.json").write_text(json.dumps(known))
        return tmp_path / "m.keras"

    return describe


def test_thresholds_go_with_the_classes(labels):
    path = labels(lambda output: output["autoai4eo:target"]["thresholds"].pop())
    with pytest.raises(UserError, match="2 thresholds for 3 classes"):
        deploy.load_predictor(path)


def test_another_kind_of_target_is_refused(labels):
    path = labels(lambda output: output["autoai4eo:target"].update(kind="image"))
    with pytest.raises(UserError, match="a target of the kind 'image'"):
        deploy.load_predictor(path)


def test_outputs_that_are_no_probabilities_are_refused(labels):
    path = labels(lambda output: None)
    model = predictors.network("labels")
    model.layers[-1].activation = keras.activations.linear
    model.save(path)
    predictor = deploy.load_predictor(path)
    with pytest.raises(UserError, match="ends with a sigmoid"):
        predictor.predict({"image": np.ones((2, 8, 8, 3), "float32")})


def test_a_path_of_no_kind_names_all_kinds(tmp_path, monkeypatch):
    monkeypatch.setitem(deploy.LOADERS, "numpy", NUMPY)
    with pytest.raises(UserError, match=r"a run folder.*an \.npz file"):
        deploy.load_predictor(tmp_path / "nothing")


def test_its_old_name_works_with_a_warning():
    with pytest.warns(DeprecationWarning, match="load_predictor now"):
        load = deploy.load_classifier
    assert load is deploy.load_predictor
