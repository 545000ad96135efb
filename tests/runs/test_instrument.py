"""A search measures latency in one way from its beginning to its end."""

import optuna
import pytest

from autoai4eo.errors import UserError
from autoai4eo.runs.instrument import (
    check_instrument,
    instrument_of,
    keep_instrument,
    other_version,
)

ABOUT = {
    "device": "CPU Xeon (2 cores)",
    "runtime": "onnx",
    "runtime_version": "1.32.0",
    "precision": "float32",
    "threads": 2,
    "batch_size": 1,
}
#: As earlier versions recorded a cost: in the backend of Keras, here TensorFlow.
OF_BEFORE = {"device": ABOUT["device"], "latency_ms": 1.0, "latency_batch_size": 1}


@pytest.fixture
def study():
    return optuna.create_study()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "GPU NVIDIA H200"),
        ("runtime", "litert"),
        ("precision", "int8"),
        ("threads", 1),
        ("batch_size", 64),
    ],
)
def test_another_way_to_measure_is_refused(study, tmp_path, name, value):
    check_instrument(study, tmp_path, ABOUT)
    check_instrument(study, tmp_path, {**ABOUT, "runtime_version": "1.33.0"})
    expected = r"onnx in float32 with 2 threads on CPU Xeon .* found .*resume"
    with pytest.raises(UserError, match=expected):
        check_instrument(study, tmp_path, {**ABOUT, name: value})
    assert instrument_of(study) == {k: ABOUT[k] for k in ABOUT if "version" not in k}


def test_the_first_recorded_instrument_stays(study):
    assert instrument_of(study) == {}
    keep_instrument(study, ABOUT)
    keep_instrument(study, {**ABOUT, "runtime": "litert"})
    assert instrument_of(study)["runtime"] == "onnx"


@pytest.mark.parametrize("kept_by", ["trial", "study"])
def test_a_search_of_an_earlier_version_resumes_in_the_backend_of_keras(
    study, tmp_path, kept_by
):
    if kept_by == "study":
        study.set_user_attr("device", ABOUT["device"])
    study.add_trial(
        optuna.trial.create_trial(value=1.0, user_attrs={"cost": OF_BEFORE})
    )
    assert instrument_of(study) == {
        "device": ABOUT["device"],
        "runtime": "tensorflow",
    }
    check_instrument(study, tmp_path, {**ABOUT, "runtime": "tensorflow"})
    with pytest.raises(UserError, match=r"began \(tensorflow in float32.*found onnx"):
        check_instrument(study, tmp_path, ABOUT)


def test_another_version_of_the_runtime_is_named(study):
    """Users rely on: an update of the runtime during a search does not go unseen."""
    assert other_version(study, ABOUT) is None
    for version, latency in (("1.32.0", 1.0), ("1.31.0", None)):
        cost = {**ABOUT, "runtime_version": version, "latency_ms": latency}
        study.add_trial(optuna.trial.create_trial(value=1.0, user_attrs={"cost": cost}))
    assert other_version(study, ABOUT) is None  # 1.31.0 measured no latency
    line = other_version(study, {**ABOUT, "runtime_version": "1.33.0"})
    assert "expected onnx 1.32.0, " in line and "found 1.33.0; " in line
    assert other_version(study, {**ABOUT, "runtime": "litert"}) is None
