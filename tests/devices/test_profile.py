"""A device profile in a file: whole when read again, refused when it is not one."""

import json
import math
from dataclasses import replace

import device_profiles
import pytest

from autoai4eo.devices.profile import DeviceProfile
from autoai4eo.errors import UserError


def test_what_is_written_is_read(tmp_path):
    kept = device_profiles.profile()
    kept.write(tmp_path / "nano.json")
    found = DeviceProfile.read(tmp_path / "nano.json")
    assert found == kept and found.digest == kept.digest
    assert found.networks[0].layers == kept.networks[0].layers
    # what people look for is at the top of the file
    text = (tmp_path / "nano.json").read_text()
    assert text.index("spearman") < text.index("Conv2D")


def test_profiles_are_told_apart():
    digests = {
        device_profiles.profile().digest,
        device_profiles.profile(seed=1).digest,
        device_profiles.profile(threads=2).digest,
        device_profiles.profile(batch_size=8).digest,
    }
    assert len(digests) == 4


def test_records_tell_how_well_it_predicts():
    kept = device_profiles.profile()
    assert kept.prediction() == {
        "profile": kept.digest,
        "networks": 3,
        "spearman": 0.97,
        "spearman_of_macs": kept.accuracy.spearman_of_macs,
        "median_error": 0.05,
    }


def test_a_profile_that_ranks_no_better_than_macs_is_doubted():
    kept = device_profiles.profile()
    better = replace(kept.accuracy, spearman=0.97, spearman_of_macs=0.9)
    assert replace(kept, accuracy=better).doubt() == ""
    worse = replace(kept.accuracy, spearman=0.9, spearman_of_macs=0.97)
    told = replace(kept, accuracy=worse).doubt()
    assert "Spearman 0.900, MACs 0.970" in told and "measure it again" in told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told.update(device_profile=2), "version 1, found 2"),
        (lambda told: told.pop("accuracy"), "accuracy"),
        (lambda told: told.update(networks=[]), "fewer than two networks"),
        (lambda told: told["networks"][0].update(ms=0), "0, not from 1e-06 to 1e+09"),
        (lambda told: told["networks"][0].update(ms="1"), "str"),
        (lambda told: told["networks"][0].update(layers={"9999": 1}), "device profile"),
        (lambda told: told["networks"][0].update(layers={"-1": 1}), "device profile"),
        (lambda told: told["networks"][0].update(layers={"0": 0}), "device profile"),
        (lambda told: told["layers"][0].update(macs=-1), "device profile"),
        (lambda told: told["layers"][0].update(kernel=[1.5]), "float"),
        (lambda told: told["layers"][0].update(macs=10**400), "not from 0 to"),
        (lambda told: told["layers"][0].update(inputs=[[-1, 2]]), "-1, not from 0"),
        (lambda told: told["networks"][0].update(spread_ms=math.nan), "not from 0"),
        (lambda told: told["accuracy"].update(median_error=math.nan), "not from 0"),
        (lambda told: told["accuracy"].update(spearman=2), "2, not from -1 to 1"),
        (lambda told: told["accuracy"].update(networks=7), "7, not from"),
        (lambda told: told["about"].update(runtime="abacus"), "abacus"),
        (lambda told: told["about"].update(threads=-4), "-4, not from 1"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path, change, message):
    path = tmp_path / "nano.json"
    device_profiles.profile().write(path)
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    with pytest.raises(UserError) as error:
        DeviceProfile.read(path)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert "autoai4eo device profile" in str(error.value)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"device_profile": 1', "\0\0"])
def test_no_profile_is_refused(tmp_path, content):
    path = tmp_path / "nano.json"
    path.write_text(content)
    with pytest.raises(UserError, match="make it with autoai4eo device profile"):
        DeviceProfile.read(path)


def test_a_missing_profile_is_refused(tmp_path):
    with pytest.raises(UserError, match="found no file"):
        DeviceProfile.read(tmp_path / "nano.json")
