"""``device profile``, and ``fit --device-profile``."""

import h5py
import numpy as np
import pytest
from device_servers import TOKEN, in_thread, url_of

from autoai4eo.devices.profile import DeviceProfile

SMALL = ("--single-layers", 2, "--networks", 2, "--held-out", 10)


def write(path):
    """A small file in So2Sat's layout."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file["sen2"] = rng.random((12, 8, 8, 4)).astype("float32")
        file["label"] = np.eye(3, dtype="float32")[np.arange(12) % 3]
    return path


@pytest.mark.slow
def test_a_profile_is_measured_on_a_device(run, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN", TOKEN)
    data, out = write(tmp_path / "training.h5"), tmp_path / "nano.json"
    with in_thread() as running:
        url = url_of(running)
        asked = ("--data", data, "--device", url)
        result = run("device", "profile", "--out", out, *asked, *SMALL)
    assert result.status == 0, result.err
    assert "10 networks held out: Spearman" in result.out.replace("\n", " ")
    found = DeviceProfile.read(out)
    assert found.about["threads"] == 1 and found.inputs == ((8, 8, 4),)
    assert len(found.networks) == 2 and len(found.held_out) == 10


def test_bad_profiles_end_with_one_line(run, tmp_path):
    data = write(tmp_path / "training.h5")
    bad = tmp_path / "bad.json"
    bad.write_text('{"device_profile": 1}')
    for path, message in (
        (bad, "no about in it"),
        (tmp_path / "none", "found no file"),
    ):
        out = tmp_path / "run"
        asked = ("--split", "0.5/0.5", "--device-profile", path)
        result = run("fit", data, "--out", out, *asked)
        assert result.status == 2
        (line,) = [t for t in result.err.splitlines() if t.startswith("error: ")]
        assert message in line and "autoai4eo device profile" in line
        assert not out.exists()


def test_an_output_that_is_the_input_is_refused(run, tmp_path):
    data = write(tmp_path / "training.h5")
    result = run("device", "profile", "--out", data, "--data", data)
    assert result.status == 2 and "is the input" in result.err
