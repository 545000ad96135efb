import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import small

from autoai4eo import deploy
from autoai4eo.deploy.calibration import scaled, temperature_of
from autoai4eo.deploy.checking import fresh_predictions
from autoai4eo.errors import UserError

pytestmark = pytest.mark.usefixtures("in_process")
DATA = small.dataset()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = small.model(tmp_path_factory.mktemp("export"))
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    return model


def test_a_savedmodel_classifies_raw_pixels_in_a_process_without_this_package(
    model, tmp_path
):
    out = model.export(tmp_path / "savedmodel")
    pixels = DATA.read(np.arange(8))
    expected = model.predict_proba(pixels)
    np.testing.assert_allclose(fresh_predictions(out, pixels), expected, atol=1e-5)
    names = (out / "assets" / "class_names.txt").read_text().splitlines()
    assert names == list(DATA.class_names)
    bands = json.loads((out / "assets" / "bands.json").read_text())
    assert bands == {"sen2": [band.name for band in DATA.inputs[0].bands]}


def test_a_keras_file_opens_where_this_package_was_never_imported(model, tmp_path):
    out = model.export(tmp_path / "model.keras", format="keras")
    script = textwrap.dedent(
        """
        import sys, keras
        model = keras.models.load_model(sys.argv[1])
        assert not any(m.startswith("autoai4eo") for m in sys.modules)
        print(model.inputs[0].name, model.count_params())
        """
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, out],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["sen2", str(model.export_model().count_params())]


def test_any_trial_can_be_exported(model, tmp_path):
    for trial in (0, 1):
        out = deploy.export(
            model.run, tmp_path / f"{trial}.keras", "keras", trial=trial
        )
        kept = deploy.load_network(model.run, trial)
        pixels = DATA.read(np.arange(4))
        np.testing.assert_allclose(
            deploy.load_model(out).predict(pixels, verbose=0),
            kept.predict(pixels, verbose=0),
            atol=1e-6,
        )


def test_a_calibrated_export_is_as_sure_as_the_temperature_says(model, tmp_path):
    out = deploy.export(model.run, tmp_path / "c.keras", "keras", calibrated=True)
    pixels = DATA.read(np.arange(len(DATA)))
    expected = scaled(model.predict_proba(DATA), temperature_of(model.run))
    found = deploy.load_model(out).predict(pixels, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_there_is_not_overwritten_unasked(model, tmp_path):
    out = tmp_path / "savedmodel"
    model.export(out)
    with pytest.raises(UserError, match=r"exists already.*overwrite"):
        model.export(out)
    deploy.export(model.run, out, overwrite=True)


@pytest.mark.parametrize(
    ("name", "format", "trial", "message"),
    [
        ("m", "onnxx", None, "format: expected one of savedmodel, keras, got 'onnxx'"),
        ("m", "keras", None, "expected a name that ends with .keras"),
        ("m", "savedmodel", 7, "expected a trained trial 7, found 0, 1"),
    ],
)
def test_a_wrong_call_is_refused(model, tmp_path, name, format, trial, message):
    with pytest.raises(UserError, match=message):
        deploy.export(model.run, tmp_path / name, format, trial=trial)
    assert not any(tmp_path.iterdir())


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"expected a run folder or a .keras file"):
        deploy.load_model(tmp_path / "nothing.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="expected a network saved by Keras"):
        deploy.load_model(tmp_path / "broken.keras")
    with pytest.raises(UserError, match=r"expected a run folder with run.json"):
        deploy.load_network(tmp_path)
