"""What is refused before a search begins or resumes, and leaves the folder as it is."""

import json

import pytest
import small

from autoai4eo.errors import UserError

DATA = small.dataset()
FRONT = ["val_cohen_kappa", "latency_ms"]
pytestmark = pytest.mark.usefixtures("in_process")


def fit(folder, **arguments):
    model = small.model(folder, max_trials=1, **arguments)
    model.fit(DATA, validation_data=DATA, epochs=1, verbose=0)
    return model


def test_another_runtime_is_refused_and_changes_nothing(tmp_path):
    """Users rely on: run.json says what measured the latencies of the trials."""
    run = fit(tmp_path, objective=FRONT, runtime="litert").run
    before = (run / "run.json").read_bytes()
    assert json.loads(before)["instrument"]["runtime"] == "litert"
    with pytest.raises(UserError, match=r"began \(litert in float32.*found onnx in"):
        fit(tmp_path, objective=FRONT, runtime="onnx")
    assert (run / "run.json").read_bytes() == before


def test_a_search_resumes_in_its_runtime_without_the_option(tmp_path):
    fit(tmp_path, objective=FRONT, runtime="litert", threads=1)
    again = fit(tmp_path, objective=FRONT)
    assert set(again.trials()["runtime"]) == {"litert"}
    about = json.loads((again.run / "run.json").read_text())["instrument"]
    assert (about["runtime"], about["threads"]) == ("litert", 1)
