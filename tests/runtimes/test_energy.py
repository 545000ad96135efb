"""Energy from the counters of a machine, here of a folder made by the test."""

import itertools

import keras
import numpy as np
import pytest

from autoai4eo.cost import profile
from autoai4eo.runtimes import energy


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    """Two processor packages; the first has a part, which must not count twice."""
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    for name in ("intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "dtpm"):
        (tmp_path / name).mkdir()

    def write(**microjoules):
        for number, value in microjoules.items():
            for name in (f"intel-rapl:{number[1:]}", f"intel-rapl:{number[1:]}:0"):
                if (tmp_path / name).is_dir():
                    (tmp_path / name / "energy_uj").write_text(f"{value}\n")
                    (tmp_path / name / "max_energy_range_uj").write_text("1000000\n")

    return write


def test_packages_are_added_and_their_parts_are_not(powercap):
    powercap(p0=100_000, p1=200_000)
    before = energy.read_energy()
    powercap(p0=400_000, p1=250_000)
    used = energy.joules_between(before, energy.read_energy())
    assert used == pytest.approx(0.35)


def test_a_counter_that_begins_anew(powercap):
    powercap(p0=900_000, p1=0)
    before = energy.read_energy()
    powercap(p0=100_000, p1=0)
    assert energy.joules_between(before, energy.read_energy()) == pytest.approx(0.2)


def test_a_machine_without_counters_has_no_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "none")
    assert energy.joules_between(energy.read_energy(), energy.read_energy()) is None
    assert energy.read_energy(on_gpu=True) == {}  # no NVML here


def test_counters_that_may_not_be_read_are_none(powercap, tmp_path):
    powercap(p0=1, p1=1)
    for name in ("intel-rapl:0", "intel-rapl:1"):
        (tmp_path / name / "energy_uj").unlink()
        (tmp_path / name / "energy_uj").mkdir()  # cannot be read, also by root
    assert energy.read_energy() == {}


class CoarseCounter:
    """A counter at 200 W, updated each 100 ms; a pass takes 3 ms of its clock."""

    def __init__(self, updated=True):
        self.passes, self.updated = 0, updated

    def run(self):
        self.passes += 1

    def read(self, _on_gpu=False):
        updates = self.passes * 3 // 100 if self.updated else 1
        return {"gpu": (updates * 20_000_000, 2**64)}


def test_energy_is_taken_from_one_update_of_the_counter_to_another(monkeypatch):
    counter = CoarseCounter()
    monkeypatch.setattr(energy, "read_energy", counter.read)
    counter.run()
    _, before = energy.until_updated(counter.run)
    for _ in range(5):
        counter.run()  # over long before the next update
    more, after = energy.until_updated(counter.run)
    joules = energy.joules_between(before, after)
    assert joules / (5 + more) == pytest.approx(200 * 0.003, rel=0.05)


def test_a_counter_that_is_not_updated_gives_no_figure(monkeypatch):
    counter = CoarseCounter(updated=False)
    monkeypatch.setattr(energy, "read_energy", counter.read)
    monkeypatch.setattr(energy, "UPDATE_S", 0.01)
    before = counter.read()
    assert energy.joules_between(before, energy.until_updated(counter.run)[1]) is None


def test_without_counters_no_pass_is_run(monkeypatch):
    counter = CoarseCounter()
    monkeypatch.setattr(energy, "read_energy", lambda _on_gpu: {})
    assert energy.until_updated(counter.run) == (0, {})
    assert counter.passes == 0


def test_a_profile_has_the_energy_of_a_sample(monkeypatch):
    readings = itertools.count()
    monkeypatch.setattr(
        energy, "read_energy", lambda _: {"a": (next(readings) * 3_000_000, 10**9)}
    )
    pixels = keras.Input((4, 4, 2))
    model = keras.Model(pixels, keras.layers.Dense(2)(keras.layers.Flatten()(pixels)))
    cost = profile(model, batch_size=2, budget_s=0.05)
    # 3 J for each reading; two from one update to the other, at least 3 passes
    assert 0 < cost.energy_mj < 2 * 3000 / 2 / 3
    assert np.isfinite(cost.energy_mj)
