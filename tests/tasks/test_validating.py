"""What `fit` writes of the finalist's calibration."""

import json

import numpy as np
import pytest
import small

from autoai4eo import deploy
from autoai4eo.deploy.export.temperature import with_temperature
from autoai4eo.learning.calibration import (
    expected_calibration_error,
    reliability,
    scaled,
)
from autoai4eo.tasks.validating import judge

pytestmark = pytest.mark.usefixtures("in_process")
DATA, VALIDATION = small.dataset(), small.dataset(samples=60, seed=1)


def kept(run):
    return json.loads((run / "best" / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    model = small.model(tmp_path_factory.mktemp("validated"), max_trials=1)
    model.fit(DATA, validation_data=VALIDATION, epochs=1, verbose=0)
    return model


def test_scores_of_the_finalist_on_validation_are_kept(fitted):
    told = kept(fitted.run)
    again = fitted.evaluate(VALIDATION)
    assert {key: told[key] for key in again} == again
    assert (told["evaluated_on"], told["evaluated_network"]) == (
        "validation",
        "finalist",
    )
    low, high = told["intervals"]["accuracy"]
    assert low <= told["accuracy"] <= high
    metric = told["metrics"]["val_cohen_kappa"]
    assert told["cohen_kappa"] == pytest.approx(metric, abs=1e-6)


def test_what_is_scored_is_not_said_to_be_scored_again(fitted):
    told = []
    judge(fitted.run, VALIDATION, 32, told.append)
    assert not told


def test_the_temperature_that_is_kept_is_that_of_the_finalist(fitted):
    told = kept(fitted.run)
    found = fitted.predict_proba(VALIDATION)
    expected = scaled(found, told["temperature"])
    network = with_temperature(fitted.export_model(), told["temperature"])
    pixels = VALIDATION.read(np.arange(len(VALIDATION)))
    np.testing.assert_allclose(network.predict(pixels, verbose=0), expected, atol=1e-5)
    error = expected_calibration_error(reliability(VALIDATION.labels, expected))
    assert told["calibrated_expected_calibration_error"] == pytest.approx(error)


def test_mistakes_are_kept_as_pictures(fitted):
    predicted = fitted.predict(VALIDATION)
    confusions = set(zip(VALIDATION.labels, predicted, strict=True)) - {
        (i, i) for i in range(small.CLASSES)
    }
    with np.load(fitted.run / "best" / "mistakes.npz") as mistakes:
        truth, prediction = mistakes["truth"], mistakes["prediction"]
        assert set(zip(truth, prediction, strict=True)) == confusions
        assert (np.diff(mistakes["confidence"]) <= 0).all()
        if len(truth):
            assert mistakes["image_sen2"].shape == (len(truth), 8, 8, 3)


def test_a_finalist_that_saw_the_validation_data_is_not_judged_on_them(
    tmp_path, capsys
):
    model = small.model(tmp_path, max_trials=1)
    model.fit(DATA, validation_split=0.25, epochs=1, verbose=2)
    told = kept(model.run)
    log = capsys.readouterr().out
    assert "evaluating trial 0 as the search left it on the validation data" in log
    assert "evaluating the finalist" not in log
    assert told["trained_on"] == "training and validation"
    assert told["evaluated_network"] == "trial"
    trial = deploy.load_network(model.run, told["trial"])
    assert sum(map(sum, told["confusion_matrix"])) < len(DATA)
    metrics = model.trials(all=True).iloc[0]
    assert told["accuracy"] == pytest.approx(metrics["val_accuracy"], abs=1e-6)
    assert trial.output_shape == (None, small.CLASSES)


def test_a_run_from_before_is_brought_up_to_date(fitted):
    path = fitted.run / "best" / "evaluation.json"
    whole = kept(fitted.run)
    old = {k: whole[k] for k in ("trial", "trained_on", "metrics", "epochs")}
    path.write_text(json.dumps(old))
    model = small.model(fitted.directory, max_trials=1)
    model.fit(DATA, validation_data=VALIDATION, epochs=1, verbose=0)
    new = ("network", "phases")  # an earlier version did not say it
    assert kept(model.run) == {k: v for k, v in whole.items() if k not in new}
