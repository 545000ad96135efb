"""A device's profile in place of the device: predictions are told from measurements."""

import device_profiles
import keras
import pytest

from autoai4eo.cost.instrument import Instrument
from autoai4eo.cost.latency import comparable
from autoai4eo.cost.profiling import Cost, with_latency
from autoai4eo.devices.predicted import PredictedDevice
from autoai4eo.errors import UserError


def network(size=8, kind=keras.layers.Conv2D):
    pixels = keras.Input((size, size, 4), name="sen2")
    return keras.Model(pixels, kind(8, 3, activation="relu")(pixels))


@pytest.fixture
def file(tmp_path):
    device_profiles.profile().write(tmp_path / "nano.json")
    return tmp_path / "nano.json"


def test_a_predicted_latency_says_so_in_the_cost(file):
    device = PredictedDevice(file)
    with device.prepared(network()) as ready:
        found = ready.latency(1, 1.0)
    assert 0 < found.median_ms < 10 and found.p95_ms is None and found.runs == 0
    assert found.spread_ms == pytest.approx(0.05 * found.median_ms)
    counted = Cost(1, 1, 1, 2, 4, 1, "here")
    cost = with_latency(counted, found).to_dict()
    assert cost["device"] == "CPU of the tests"
    assert cost["prediction"]["spearman"] == 0.97
    assert not device.local and device.remarks() == {}


def test_predictions_are_not_compared_with_measurements(file, tmp_path):
    device = PredictedDevice(file)
    with device.prepared(network()) as ready:
        counted = Cost(1, 1, 1, 2, 4, 1, "here")
        cost = with_latency(counted, ready.latency(1, 1.0)).to_dict()
    assert comparable(cost, device.about(), 1)
    measured = {**device_profiles.ABOUT}
    assert not comparable(cost, measured, 1)
    assert not comparable({**cost, "prediction": None}, device.about(), 1)
    device_profiles.profile(seed=1).write(tmp_path / "other.json")
    assert not comparable(cost, PredictedDevice(tmp_path / "other.json").about(), 1)
    assert "prediction" not in Instrument("onnx").about()


def test_other_networks_are_refused(file):
    device = PredictedDevice(file)
    with (
        device.prepared(network(size=16)) as ready,
        pytest.raises(UserError, match=r"16×16×4, found one for 8×8×4; make one with"),
    ):
        ready.latency(1, 1.0)
    with (
        device.prepared(network()) as ready,
        pytest.raises(UserError, match="batch size 8, found 1; search with"),
    ):
        ready.latency(8, 1.0)
    with device.prepared(network()) as ready, pytest.raises(UserError, match="measur"):
        ready.samples_per_second(1.0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"runtime": "litert"}, "runtime litert, found onnx"),
        ({"precision": "int8"}, "precision int8, found float32"),
        ({"threads": 2}, "threads 2, found 1; leave threads out"),
    ],
)
def test_what_is_wanted_must_be_what_the_profile_is_of(file, asked, message):
    with pytest.raises(UserError, match=message):
        PredictedDevice(file, **asked)
    PredictedDevice(file, "onnx", "float32", 1)
