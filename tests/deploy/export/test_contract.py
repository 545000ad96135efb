"""What every export format does alike; a format of one's own is the last of them.

A new format is one class and one entry in `FORMATS`; it runs through these tests as
`Arrays` does, which is written outside of the package.
"""

import json
import shutil
from pathlib import Path
from typing import ClassVar

import h5py
import keras
import numpy as np
import predictors
import pytest
import sooner
from small import EXPORTS
from stac_model.schema import MLModelProperties

from autoai4eo import deploy
from autoai4eo.deploy.export import card
from autoai4eo.deploy.export.checking import FreshProcess
from autoai4eo.deploy.export.formats import FORMATS, Format, format_of
from autoai4eo.errors import UserError
from autoai4eo.runtimes import RUNTIMES


class Arrays(Format):
    """A format of one's own: NumPy's arrays, and the layers as JSON."""

    name = "arrays"
    suffix = ".npz"
    tolerances: ClassVar = {None: 1e-5}
    framework = "Keras"
    distribution = "keras"
    artifact_type = "numpy.savez"
    media_type = "application/x-npz"
    load = (
        "import keras, numpy as np\n\n"
        "file = np.load({path!r})\n"
        "model = keras.models.model_from_json(str(file['layers']))\n"
        "model.set_weights([file[str(i)] for i in range(len(file.files) - 1)])"
    )
    call = "model.predict_on_batch(pixels)"

    def write(self, model, out, data, quantize, calibration):
        weights = {str(i): w for i, w in enumerate(model.get_weights())}
        with out.open("wb") as file:
            np.savez(file, layers=model.to_json(), **weights)


@pytest.fixture(scope="module", autouse=True)
def of_ones_own():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FORMATS, "arrays", Arrays())
        yield


@pytest.fixture(scope="module")
def own(run, tmp_path_factory, of_ones_own):
    with sooner.exports_checked_here():
        return deploy.export(run, tmp_path_factory.mktemp("own") / "m.npz", "arrays")


@pytest.fixture
def pixels(so2sat):
    with h5py.File(so2sat / "testing.h5") as file:
        return {n: file[n][:70].astype("float32") for n in ("sen1", "sen2")}


@pytest.fixture(params=[n for n in (*EXPORTS, "m.npz") if n != "m8.tflite"])
def done(request, exported, own):
    return own if request.param == "m.npz" else exported.done[request.param]


def test_a_format_predicts_as_keras_without_this_package(run, done, pixels):
    kind = FORMATS[done.format]
    expected = deploy.load_finalist(run).predict(pixels, verbose=0)
    with FreshProcess(kind, done.path) as fresh:
        found = fresh.predict(pixels)
    tolerance = 0.01 if done.quantize else 1e-5
    np.testing.assert_allclose(found, expected, atol=tolerance)
    assert done.max_difference <= done.tolerance
    assert "64 patches of validation.h5 (validation)" in done.checked_on
    assert "missing pixels" in done.checked_on
    assert done.latency_ms > 0 and done.measured.runtime in RUNTIMES


def test_a_format_is_described(done):
    """Users rely on: other programs and people know what the file is."""
    folder = done.path if done.path.is_dir() else done.path.parent
    asset = json.loads((folder / "model.json").read_text())["assets"][done.path.name]
    kind = FORMATS[done.format]
    assert asset["mlm:framework"] == kind.framework
    assert asset["mlm:framework_version"] == kind.version
    measured = asset["autoai4eo:latency"]
    assert measured["runtime"] == kind.runs_in == done.runtime
    assert measured["precision"] == (done.quantize or "float32")
    assert asset["type"] == kind.media_type
    path = done.path.name if kind.suffix else "."  # beside the card, or its folder
    assert kind.load.format(path=path) in (folder / card.CARD).read_text()


@pytest.mark.parametrize("name", ["lcz.pt", "lcz.onx", "lcz.h5"])
def test_an_ending_of_no_format_is_refused(run, tmp_path, name):
    """Users rely on: a mistyped ending is not taken for a folder's name."""
    with pytest.raises(UserError, match=r"ends with \.onnx or .*give format"):
        deploy.export(run, tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_a_mistyped_ending_is_told_with_the_nearest():
    with pytest.raises(UserError, match=r"found \.onx \(did you mean \.onnx\?\)"):
        format_of(Path("lcz.onx"))


def test_a_format_that_cannot_be_quantised_names_those_that_can(run, tmp_path):
    able = r"another format \(onnx, litert, openvino\)"
    with pytest.raises(UserError, match=able):
        deploy.export(run, tmp_path / "saved", "savedmodel", quantize="int8")


def test_a_name_with_a_version_is_a_folder():
    assert format_of(Path("lcz_1.2")) == format_of(Path("lcz")) == "savedmodel"
    assert format_of(Path("lcz_1.2.onnx")) == "onnx"


@pytest.mark.parametrize(
    "name", ["savedmodel", "keras", "onnx", "litert", "openvino", "arrays"]
)
def test_a_format_is_refused_before_it_is_written(run, tmp_path, name):
    kind = FORMATS[name]
    with pytest.raises(UserError, match="quantize, for format"):
        deploy.export(run, tmp_path / f"m{kind.suffix}", name, quantize="int3")
    if kind.suffix:
        with pytest.raises(UserError, match=f"ends with {kind.suffix}"):
            deploy.export(run, tmp_path / "m.other", name)
    assert not any(tmp_path.iterdir())


@pytest.fixture(
    scope="module",
    params=["labels", pytest.param("value and spread", marks=pytest.mark.slow)],
)
def other(request, tmp_path_factory):
    """A run whose target is no class; what a Gaussian loss adds is not exported."""
    kind = request.param.split()[0]
    network = whole = predictors.network(kind)
    if request.param == "value and spread":
        spread = keras.layers.Dense(2, "softplus")(network.layers[-1].input)
        outputs = keras.layers.Concatenate()([network.output, spread])
        whole = keras.Model(network.input, outputs)
    run = tmp_path_factory.mktemp("other") / "run"
    predictors.write_run(run, kind, whole)
    return run, kind, network


@pytest.mark.usefixtures("checked_here")
@pytest.mark.parametrize(
    "name", ["m", "m.keras", "m.onnx", "m.tflite", "vino", "m.npz"]
)
def test_labels_and_values_are_exported(other, tmp_path, name):
    """Users rely on: names, thresholds and units go with the model."""
    run, kind, network = other
    format = {"m.npz": "arrays"}.get(name) or EXPORTS.get(name, ["savedmodel"])[0]
    done = deploy.export(run, tmp_path / name, format)
    land = np.random.default_rng(0).uniform(0, 0.3, (5, 8, 8, 3)).astype("float32")
    expected = network.predict({"image": land}, verbose=0)
    assert done.max_difference <= done.tolerance <= 1e-3
    output = "values" if kind == "value" else "probabilities"
    folder = done.path if done.path.is_dir() else tmp_path
    told = predictors.TARGETS[kind]
    text = (folder / card.CARD).read_text()
    plain = text.replace("\\", "")
    assert all(one.split()[0] in plain for one in told["classes"])
    assert f"\n{output} = " in text
    if kind == "labels":
        assert "| water | 0.200 |" in plain and "| town | 0.700 |" in plain
    if name in ("m", "m.keras", "m.onnx", "vino"):
        predictor = deploy.load_predictor(done.path, trust=True)
        assert predictor.target == deploy.load_predictor(run).target
        assert list(predictor.thresholds or ()) == told.get("thresholds", [])
        np.testing.assert_allclose(
            predictor.predict({"image": land}), expected, rtol=1e-4, atol=1e-5
        )
    if name == "m":
        assert json.loads((folder / "assets" / "target.json").read_text()) == told
    item = json.loads((folder / "model.json").read_text())["properties"]
    model = MLModelProperties(**item)
    task = "regression" if kind == "value" else "classification"
    assert list(model.tasks) == list(model.output[0].tasks) == [task]
    assert model.output[0].result.shape == [-1, len(told["classes"])]


def test_labels_and_values_have_no_temperature(other, tmp_path):
    with pytest.raises(UserError, match=r"predicts one class.*calibrated out"):
        deploy.export(other[0], tmp_path / "m.keras", "keras", calibrated=True)


def test_a_trial_has_no_thresholds_of_the_finalist(tmp_path):
    run = predictors.write_run(tmp_path / "run", "labels", predictors.network("labels"))
    (run / "trials" / "0").mkdir(parents=True)
    shutil.copy(run / "best" / "model.keras", run / "trials" / "0")
    assert deploy.load_predictor(run).thresholds == (0.2, 0.5, 0.7)
    assert deploy.load_predictor(run, trial=0).thresholds is None
