"""Energy from the counters of a machine, here of a folder made by the test."""

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


def test_a_profile_has_the_energy_of_a_sample(powercap, monkeypatch):
    readings = iter([{"a": (0, 10**9)}, {"a": (3_000_000, 10**9)}])
    monkeypatch.setattr(
        "autoai4eo.cost.instrument.read_energy", lambda _: next(readings)
    )
    pixels = keras.Input((4, 4, 2))
    model = keras.Model(pixels, keras.layers.Dense(2)(keras.layers.Flatten()(pixels)))
    cost = profile(model, batch_size=2, budget_s=0.05)
    assert 0 < cost.energy_mj < 3000 / 2 / 3  # 3 J, at least 3 passes of 2 samples
    assert np.isfinite(cost.energy_mj)
