"""A device that has changed is noticed by a network that is measured again."""

import json

import onnx_networks as networks
import pytest

from autoai4eo.devices.client import DeviceError, DeviceRefuses
from autoai4eo.devices.reference import EVERY, Reference


class Device:
    """A device whose times a test sets."""

    def __init__(self):
        self.times, self.asked = [], 0

    def __call__(self, content, job):
        assert content == b"network" and job == networks.JOB
        self.asked += 1
        return {"median_ms": self.times.pop(0)}


def candidates(reference, device, count):
    for _ in range(count):
        reference.check(device)
        reference.keep(b"network", networks.JOB, 2.0)


def test_the_first_network_is_measured_again_after_every_tenth(tmp_path):
    told, device = [], Device()
    device.times = [2.1, 1.9]
    reference = Reference(tmp_path / "device", told.append)
    candidates(reference, device, EVERY - 1)
    assert device.asked == 0 and reference.drift() == 0
    candidates(reference, device, 1)
    assert device.asked == 1 and reference.drift() == pytest.approx(0.05)
    candidates(reference, device, EVERY)
    assert device.asked == 2 and reference.drift() == pytest.approx(-0.05)
    assert told == []


def test_a_drift_is_told_and_recorded_once_it_is_confirmed(tmp_path):
    told, device = [], Device()
    device.times = [2.6, 2.5]
    reference = Reference(tmp_path / "device", told.append)
    candidates(reference, device, EVERY)
    assert reference.drift() == pytest.approx(0.25)
    (line,) = told
    assert "takes 2.5 ms, 25% more than the 2 ms at the beginning" in line
    record = json.loads((tmp_path / "device" / "reference.json").read_text())
    assert record["checks"][1] == {"after": EVERY, "median_ms": 2.5, "drift": 0.25}


def test_one_slow_measurement_is_no_drift(tmp_path):
    told, device = [], Device()
    device.times = [9.0, 2.02]
    reference = Reference(tmp_path / "device", told.append)
    candidates(reference, device, EVERY)
    assert told == [] and reference.drift() == pytest.approx(0.01)


def test_workers_count_together_and_a_resumed_search_goes_on(tmp_path):
    device = Device()
    device.times = [2.0]
    for _ in range(EVERY):  # another process each time
        candidates(Reference(tmp_path / "device", print), device, 1)
    assert device.asked == 1


def test_a_damaged_record_begins_anew_and_is_told(tmp_path):
    told, device = [], Device()
    folder = tmp_path / "device"
    reference = Reference(folder, told.append)
    candidates(reference, device, 2)
    (folder / "reference.json").write_text("{")
    candidates(reference, device, 2)
    assert "set aside as reference.json.damaged" in told[0]
    assert json.loads((folder / "reference.json").read_text())["candidates"] == 2


def test_a_reference_that_is_not_measured_any_more_ends_the_search(tmp_path):
    def refuses(content, job):
        raise DeviceRefuses("too large")

    reference = Reference(tmp_path / "device", print)
    reference.keep(b"network", networks.JOB, 2.0)
    with pytest.raises(DeviceError, match=r"found one that does not \(too large\)"):
        for _ in range(EVERY):
            reference.check(refuses)
