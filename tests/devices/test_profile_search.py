"""A search whose latencies are predicted from a device profile."""

import json

import device_profiles
import pytest
import small

import autoai4eo as ae
from autoai4eo.deploy.export.metadata import item
from autoai4eo.devices.profile import DeviceProfile
from autoai4eo.devices.profiling import Sizes
from autoai4eo.errors import UserError
from autoai4eo.report.page import write_report
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import open_study
from autoai4eo.search.settings import SearchSettings

DATA = small.dataset()
GIVEN = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
BOTH = ["val_cohen_kappa", "latency_ms"]


@pytest.fixture
def here():
    with small.in_this_process():
        yield


@pytest.fixture
def file(tmp_path):
    device_profiles.profile().write(tmp_path / "nano.json")
    return tmp_path / "nano.json"


@pytest.mark.slow
def test_predictions_are_recorded_as_predictions(tmp_path, file):
    """In processes of its own, as a user searches."""
    model = small.model(tmp_path, device_profile=file, objective=BOTH)
    model.fit(DATA, **GIVEN)
    digest = DeviceProfile.read(file).digest
    trials = model.trials(all=True)
    complete = trials[trials["status"] == "complete"]
    assert len(complete) == 2 and (complete["latency_ms"] > 0).all()
    assert set(complete["device"]) == {"CPU of the tests"}
    assert set(complete["predicted"]) == {digest}
    assert complete["latency_p95_ms"].isna().all()
    kept = json.loads((model.run / "run.json").read_text())
    assert kept["arguments"]["device_profile"] == str(file)
    assert kept["instrument"]["prediction"]["spearman"] == 0.97
    costs = [t.user_attrs["cost"] for t in open_study(model.run).trials]
    assert {cost["prediction"]["profile"] for cost in costs} == {digest}

    page = write_report(model.run).read_text()
    assert f"predicted from device profile {digest}, not measured" in page
    assert "Spearman 0.970 (MACs alone 0.9" in page
    assert "onnx float32, predicted" in page
    known = Run(model.run).read()
    known["data"]["training"]["target"] = "class"
    told = item(model.run, known, model.export_model(), None)["properties"]
    assert told["autoai4eo:latency"]["prediction"]["profile"] == digest
    assert "predicted on CPU of the tests" in told["mlm:accelerator_summary"]


def test_a_limit_is_held_against_the_prediction(tmp_path, file, here):
    limits = {"latency_ms": 1e-4}
    model = small.model(tmp_path, device_profile=file, constraints=limits)
    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(UserError, match="feasible"),
    ):
        patch.setattr("autoai4eo.search.stopping.MAX_INFEASIBLE", 3)
        model.fit(DATA, **GIVEN)
    assert model.trials()["message"].str.contains("latency_ms").all()


def test_a_search_stays_with_its_profile(tmp_path, file, here):
    small.model(tmp_path, device_profile=file, objective=BOTH, max_trials=1).fit(
        DATA, **GIVEN
    )
    device_profiles.profile(seed=1).write(tmp_path / "other.json")
    for other in (None, tmp_path / "other.json"):
        again = small.model(
            tmp_path, device_profile=other, objective=BOTH, max_trials=2
        )
        with pytest.raises(UserError, match=r"as this search began .* predicted by"):
            again.fit(DATA, **GIVEN)
    # a copy is the same profile
    (tmp_path / "copy.json").write_bytes(file.read_bytes())
    again = small.model(
        tmp_path, device_profile=tmp_path / "copy.json", objective=BOTH, max_trials=2
    )
    again.fit(DATA, **GIVEN)
    assert list(again.trials()["status"]).count("complete") == 2


def test_a_search_that_measured_does_not_go_on_predicting(tmp_path, here):
    small.model(tmp_path, objective=BOTH, max_trials=1).fit(DATA, **GIVEN)
    study = open_study(tmp_path / "run")
    about = study.user_attrs["instrument"]
    device_profiles.profile(**about).write(tmp_path / "nano.json")
    again = small.model(
        tmp_path, device_profile=tmp_path / "nano.json", objective=BOTH, max_trials=2
    )
    with pytest.raises(UserError, match="as this search began"):
        again.fit(DATA, **GIVEN)


def test_other_data_end_before_anything_is_written(tmp_path, file, here):
    model = small.model(tmp_path, device_profile=file, objective=BOTH)
    other = small.dataset(size=16)
    with pytest.raises(UserError, match="16×16×4, found one for 8×8×4"):
        model.fit(other, **{**GIVEN, "validation_data": small.dataset(seed=1, size=16)})
    assert not model.run.exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"device": "http://nano:8642"}, "found both; leave out"),
        ({"objective": "samples_per_second"}, "found samples_per_second; use latency"),
        ({"objective": "energy_mj"}, "found energy_mj"),
        ({"constraints": {"latency_p95_ms": 1}}, "found latency_p95_ms"),
        ({"constraints": {"peak_memory_bytes": 1}}, "found peak_memory_bytes"),
        ({"objective": "map_ms_per_km2", "map_step": 8}, "found map_ms_per_km2"),
    ],
)
def test_what_a_profile_does_not_predict_is_refused(asked, message):
    with pytest.raises(UserError, match=message):
        SearchSettings(device_profile="nano.json", **asked)


def test_a_profile_is_measured_for_a_search(tmp_path, here):
    """Measured in the runtime here; the model of the user has four networks."""
    model = small.model(tmp_path, threads=1, runtime="onnx", objective=BOTH)
    made = ae.profile_device(model, DATA, sizes=Sizes(3, 2, 2))
    assert made.about["threads"] == 1 and made.inputs == ((8, 8, 4),)
    assert len(made.single_layers) == 3
    made.write(tmp_path / "here.json")
    model = small.model(
        tmp_path, device_profile=tmp_path / "here.json", objective=BOTH, max_trials=1
    )
    model.fit(DATA, **GIVEN)
    (ms,) = model.trials()["latency_ms"]
    measured = [m.ms for m in (*made.networks, *made.held_out)]
    assert min(measured) / 3 < ms < 3 * max(measured)


def test_a_profile_is_not_made_from_a_profile(tmp_path, file):
    model = small.model(tmp_path, device_profile=file)
    with pytest.raises(UserError, match="expected a model that measures latency"):
        ae.profile_device(model, DATA)
