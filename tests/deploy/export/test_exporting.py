import importlib.util
import json
import shutil

import h5py
import keras
import numpy as np
import pytest
import small
import tensorflow as tf

from autoai4eo import deploy
from autoai4eo.deploy.export import metadata
from autoai4eo.deploy.export.formats import FORMATS, format_of
from autoai4eo.deploy.export.temperature import temperature_of
from autoai4eo.errors import UserError
from autoai4eo.learning.calibration import scaled


@pytest.fixture
def pixels(so2sat):
    with h5py.File(so2sat / "testing.h5") as file:
        return {n: file[n][:70].astype("float32") for n in ("sen1", "sen2")}


@pytest.fixture
def lost(run, tmp_path):
    """The run on a machine that its data never came to."""
    copy = shutil.copytree(run, tmp_path / "lost")
    known = json.loads((copy / "run.json").read_text())
    for part in known["data"].values():
        part["path"] = "/nowhere/data.h5"
    (copy / "run.json").write_text(json.dumps(known))
    return copy


def test_int8_is_smaller_and_its_loss_is_measured(exported):
    float32, float16, int8 = (
        exported.done[n] for n in ("m.tflite", "m16.tflite", "m8.tflite")
    )
    assert int8.size_bytes < float16.size_bytes < float32.size_bytes
    assert float32.accuracy is None
    for done in (float16, int8):
        assert done.accuracy["on"] == "160 patches of validation.h5 (validation)"
        assert done.accuracy["float32"]["accuracy"] == pytest.approx(
            done.accuracy["quantized"]["accuracy"], abs=0.1
        )


def test_onnx_is_quantised_as_the_search_measures_it(run, exported, tmp_path):
    """Users rely on: a network found by `--runtime onnx --precision int8` exports."""
    done = deploy.export(run, tmp_path / "m8.onnx", "onnx", quantize="int8")
    assert done.size_bytes < exported.done["m.onnx"].size_bytes
    assert 1e-6 < done.max_difference <= done.tolerance
    before, after = done.accuracy["float32"], done.accuracy["quantized"]
    assert after["accuracy"] == pytest.approx(before["accuracy"], abs=0.1)
    assert done.runtime.startswith("onnxruntime ")


def test_a_savedmodel_holds_its_classes_and_bands(exported):
    assets = exported.folder / "saved" / "assets"
    assert len((assets / "class_names.txt").read_text().splitlines()) == 17
    bands = json.loads((assets / "bands.json").read_text())
    assert bands["sen2"][:3] == ["B02", "B03", "B04"] and len(bands["sen1"]) == 8


def test_any_trial_can_be_exported(run, tmp_path):
    for trial in (0, 1):
        out = deploy.export(run, tmp_path / f"{trial}" / "m.onnx", "onnx", trial=trial)
        told = json.loads((out.path.parent / "model.json").read_text())
        kept = deploy.load_network(run, trial)
        assert told["properties"]["autoai4eo:trial"] == trial
        assert told["properties"]["mlm:total_parameters"] == kept.count_params()


@pytest.mark.usefixtures("in_process")
def test_arrays_that_are_open_are_calibrated_on(tmp_path):
    model = small.model(tmp_path, max_trials=1)
    data = small.dataset()
    model.fit(data, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    out = model.export(tmp_path / "m.tflite", "litert", quantize="int8")
    told = json.loads((tmp_path / "model.json").read_text())
    accuracy = told["assets"]["m.tflite"]["autoai4eo:accuracy"]
    assert out == tmp_path / "m.tflite"
    assert accuracy["on"] == "48 patches of arrays (validation)"


def test_without_the_data_it_is_checked_on_synthetic_patches(lost, tmp_path):
    done = deploy.export(lost, tmp_path / "m.tflite", "litert", quantize="float16")
    assert done.checked_on.startswith("64 synthetic patches")
    assert "no such file" in done.accuracy["not_measured"]
    assert "was not measured" in (tmp_path / "MODEL_CARD.md").read_text()
    with pytest.raises(UserError, match="expected the training data to calibrate"):
        deploy.export(lost, tmp_path / "m8.tflite", "litert", quantize="int8")


def test_damaged_data_are_reported(lost, tmp_path):
    """Users rely on: damaged data are not called lost."""
    copy = shutil.copytree(lost, tmp_path / "damaged")
    known = json.loads((copy / "run.json").read_text())
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(b"no HDF5")
    known["data"]["validation"]["path"] = str(damaged)
    (copy / "run.json").write_text(json.dumps(known))
    with pytest.raises(UserError, match=r"damaged\.h5: expected an HDF5 file"):
        deploy.export(copy, tmp_path / "out" / "m.keras", "keras")


def test_patches_of_a_file_that_was_split_are_described(run, tmp_path, so2sat):
    copy = shutil.copytree(run, tmp_path / "split")
    known = json.loads((copy / "run.json").read_text())
    known["data"]["validation"]["fingerprint"] = "another"
    (copy / "run.json").write_text(json.dumps(known))
    done = deploy.export(copy, tmp_path / "m.onnx", "onnx")
    assert "of which the validation data were a part" in done.checked_on


def test_an_existing_export_is_overwritten_only_on_request(run, tmp_path):
    out = tmp_path / "m.onnx"
    deploy.export(run, out, "onnx")
    with pytest.raises(UserError, match=r"exists already.*overwrite"):
        deploy.export(run, out, "onnx")
    deploy.export(run, out, "onnx", overwrite=True)
    assert {p.name for p in tmp_path.iterdir()} == {
        "m.onnx",
        "model.json",
        "MODEL_CARD.md",
    }


@pytest.mark.slow
def test_a_calibrated_export_is_as_sure_as_the_temperature_says(run, pixels, tmp_path):
    deploy.export(run, tmp_path / "c.keras", "keras", calibrated=True)
    kept = deploy.load_network(run).predict(pixels, verbose=0)
    found = deploy.load_model(tmp_path / "c.keras").predict(pixels, verbose=0)
    np.testing.assert_allclose(found, scaled(kept, temperature_of(run)), atol=1e-5)
    told = json.loads((tmp_path / "model.json").read_text())
    evaluation = json.loads((run / "best" / "evaluation.json").read_text())
    error = told["properties"]["autoai4eo:metrics"]["expected_calibration_error"]
    assert error["value"] == evaluation["calibrated_expected_calibration_error"]
    assert told["id"].endswith("calibrated")


def test_a_folder_that_is_no_savedmodel_is_never_removed(run, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"savedmodel to overwrite, found thesis\.tex"):
        deploy.export(run, tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("name", ["model.json", "MODEL_CARD.md"])
def test_the_description_of_another_model_stays(run, tmp_path, name):
    (tmp_path / name).write_text('{"properties": {}, "id": "another"}')
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"into a folder of its own$"):
            deploy.export(run, tmp_path / "m.keras", "keras", overwrite=overwrite)
        assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.slow
def test_the_description_of_another_network_is_overwritten_if_asked(run, tmp_path):
    deploy.export(run, tmp_path / "m.keras", "keras", trial=0)
    how = {"format": "keras", "trial": 1}
    with pytest.raises(UserError, match=r"overwrite it .overwrite=True"):
        deploy.export(run, tmp_path / "n.keras", **how)
    with pytest.warns(UserWarning, match=r"remove what is of that: m\.keras$"):
        deploy.export(run, tmp_path / "n.keras", overwrite=True, **how)
    told = json.loads((tmp_path / "model.json").read_text())
    assert told["properties"]["autoai4eo:trial"] == 1
    assert list(told["assets"]) == ["n.keras"]
    with pytest.warns(UserWarning, match=r"beside it describes n\.keras: if these are"):
        deploy.load_predictor(tmp_path / "m.keras")


@pytest.mark.usefixtures("checked_here")
def test_the_ending_of_the_name_tells_the_format(run, tmp_path):
    known = {name: kind.suffix for name, kind in FORMATS.items() if kind.suffix}
    for name, ending in known.items():
        assert format_of(tmp_path / f"m{ending}") == name
    assert format_of(tmp_path / "m") == "savedmodel"
    assert deploy.export(run, tmp_path / "m.keras").format == "keras"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("m", {"format": "onnxx"}, "onnx, litert, openvino, got 'onn"),
        ("m", {"format": "keras"}, "expected a name that ends with .keras"),
        ("m.onnx", {"format": "litert"}, "litert, found that of format onnx; leave "),
        (
            "m.tflite",
            {"format": "savedmodel"},
            "for format savedmodel, found that of format litert; leave format out",
        ),
        (
            "m.keras",
            {"format": "keras", "quantize": "int8"},
            "expected none, got 'int8'; leave it out",
        ),
        ("m.onnx", {"format": "onnx", "quantize": "float16"}, "one of int8, got"),
        (
            "m",
            {"format": "openvino", "quantize": "float16"},
            "expected one of int8, got",
        ),
        ("m.tflite", {"format": "litert", "quantize": "int4"}, "one of float16, int8"),
        ("m", {"trial": 7}, "expected a trained trial 7, found 0, 1"),
    ],
)
def test_a_wrong_call_is_refused(run, tmp_path, name, arguments, message):
    with pytest.raises(UserError, match=message):
        deploy.export(run, tmp_path / name, **arguments)
    assert not any(tmp_path.iterdir())


def test_a_missing_package_is_named(run, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "tf2onnx" else find(n)
    )
    with pytest.raises(UserError, match="found none; pip install tf2onnx"):
        deploy.export(run, tmp_path / "m.onnx", "onnx")


def test_on_jax_the_error_names_the_next_step(run, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="KERAS_BACKEND=tensorflow"):
        deploy.export(run, tmp_path / "m.onnx", "onnx")


def test_an_export_that_differs_from_keras_is_not_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(FORMATS["onnx"], "tolerances", {None: -1.0}, raising=False)
    with pytest.raises(UserError, match="found a difference of"):
        deploy.export(run, tmp_path / "m.onnx", "onnx")
    assert not any(tmp_path.iterdir())


def test_an_export_that_does_not_run_is_not_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        FORMATS["onnx"], "load", "raise OSError('no such model')", raising=False
    )
    with pytest.raises(RuntimeError, match=r"did not run.*no such model"):
        deploy.export(run, tmp_path / "m.onnx", "onnx")
    assert not any(tmp_path.iterdir())


def test_a_full_disk_leaves_the_earlier_export(run, tmp_path, monkeypatch):
    out = tmp_path / "m.onnx"
    deploy.export(run, out, "onnx")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(metadata, "write", full)
    with pytest.raises(UserError, match=r"cannot be written .No space left on device"):
        deploy.export(run, out, "onnx", overwrite=True)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_tensorflows_error_of_a_full_disk_is_one_line(run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(
            None, None, "variables/part-00000; No space left on device"
        )

    archive = type(keras.export.ExportArchive())  # there is one for each backend
    monkeypatch.setattr(archive, "write_out", full)
    with pytest.raises(UserError, match=r"m: cannot be written .No space left"):
        deploy.export(run, tmp_path / "m")
    assert not any(tmp_path.iterdir())


def test_a_path_that_cannot_be_made_is_refused(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match="expected a folder to write to, found the file"
    ):
        deploy.export(run, tmp_path / "file" / "m.keras", "keras")


@pytest.mark.parametrize("name", ["m.onnx", "m.tflite", "saved"])
def test_a_path_that_no_runtime_can_open_is_refused_at_once(run, tmp_path, name):
    (tmp_path / "l\udce4n").mkdir()
    with pytest.raises(UserError, match="expected a path in UTF-8"):
        deploy.export(run, tmp_path / "l\udce4n" / name)
    assert not list((tmp_path / "l\udce4n").iterdir())


def test_a_path_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"expected a .keras file, found nothing"):
        deploy.load_model(tmp_path / "nothing.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="expected a network saved by Keras"):
        deploy.load_model(tmp_path / "broken.keras")
    with pytest.raises(UserError, match=r"expected a run folder with run.json"):
        deploy.load_network(tmp_path)
    with pytest.raises(UserError, match=r"expected a run folder with run.json"):
        deploy.export(tmp_path / "broken.keras", tmp_path / "m")
