"""A search whose latency is measured on a device in another process."""

import json
import signal
import socket
import threading
import time

import pytest
import small
from device_servers import TOKEN, Served, in_thread, url_of

from autoai4eo.errors import UserError
from autoai4eo.runs.study import open_study
from autoai4eo.search.settings import SearchSettings

DATA = small.dataset()
GIVEN = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
BOTH = ["val_cohen_kappa", "latency_ms"]


def search(folder, url, **arguments):
    return small.model(folder, device=url, objective=BOTH, **arguments)


@pytest.mark.slow
def test_a_search_survives_a_device_that_is_killed_on_the_way(tmp_path, capsys):
    """In processes of its own, as a user searches."""
    with Served(tmp_path) as served:
        model = search(tmp_path, served.url, max_trials=3)
        asked_in_vain = threading.Event()

        def disturb():
            while not any(" measured " in line for line in served.lines):
                time.sleep(0.02)
            served.stop(signal.SIGKILL)
            # as a tunnel to a device that is away: it accepts, and closes
            with socket.create_server(("127.0.0.1", served.port)) as tunnel:
                tunnel.accept()[0].close()
            asked_in_vain.set()
            time.sleep(2)
            served.start()

        thread = threading.Thread(target=disturb)
        thread.start()
        model.fit(DATA, **{**GIVEN, "verbose": 1})
        thread.join()
        assert asked_in_vain.is_set()
        device = served.lines[0].rpartition(" on ")[2].strip()
    out = capsys.readouterr().out
    assert "waits for the device" in out and "answers again" in out
    trials = model.trials(all=True)
    assert list(trials["status"]).count("complete") == 3
    complete = trials[trials["status"] == "complete"]
    assert (complete["latency_ms"] > 0).all() and set(complete["device"]) == {device}
    kept = json.loads((model.run / "run.json").read_text())
    assert kept["arguments"]["device"] == served.url
    assert kept["instrument"]["threads"] == 1 and kept["device"] == device
    assert TOKEN not in (model.run / "run.json").read_text()
    record = json.loads((model.run / "device" / "reference.json").read_text())
    assert record["candidates"] >= 1 and record["checks"][0]["drift"] == 0
    costs = [t.user_attrs["cost"] for t in open_study(model.run).trials]
    assert all("device_drift" in cost for cost in costs)


@pytest.fixture
def here():
    with small.in_this_process():
        yield


def test_a_device_that_is_nowhere_ends_before_anything_is_written(tmp_path, here):
    model = search(tmp_path, "http://127.0.0.1:9")
    with pytest.raises(UserError, match="expected a device, found none"):
        model.fit(DATA, **GIVEN)
    assert not (model.run / "run.json").exists()


def test_measurements_of_a_device_are_not_mixed_with_those_of_here(tmp_path, here):
    with in_thread() as running:
        model = search(tmp_path, url_of(running), max_trials=1)
        model.fit(DATA, **GIVEN)
    alone = small.model(tmp_path, objective=BOTH, max_trials=2, threads=2)
    with pytest.raises(UserError, match=r"as this search began .* 1 thread "):
        alone.fit(DATA, **GIVEN)


def test_energy_is_not_asked_of_a_device(tmp_path, here):
    with in_thread() as running:
        both = ["val_cohen_kappa", "energy_mj"]
        model = small.model(tmp_path, device=url_of(running), objective=both)
        with pytest.raises(UserError, match=r"energy_mj: .* found device, .* leave"):
            model.fit(DATA, **GIVEN)
    assert not (model.run / "run.json").exists()


def test_a_token_that_is_refused_on_the_way_ends_the_search(
    tmp_path, here, monkeypatch
):
    with in_thread() as running:
        model = search(tmp_path, url_of(running))
        begun = running.device.measurer.__class__.measured

        def refuses_after(self, folder, job):
            found = begun(self, folder, job)
            object.__setattr__(running.device, "token", "a-new-token-of-a-new-start")
            return found

        monkeypatch.setattr(type(running.device.measurer), "measured", refuses_after)
        with pytest.raises(UserError, match="refuses it; give the one"):
            model.fit(DATA, **GIVEN)
        assert list(model.trials()["status"]).count("complete") == 1
        # given the new one, the search goes on
        monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN", "a-new-token-of-a-new-start")
        model.fit(DATA, **GIVEN)
    assert list(model.trials()["status"]).count("complete") == 2


def test_an_infeasible_network_tells_the_devices_reason(tmp_path, here):
    with in_thread(max_bytes=100) as running:
        model = search(tmp_path, url_of(running))
        with (
            pytest.MonkeyPatch.context() as patch,
            pytest.raises(UserError, match="feasible"),
        ):
            patch.setattr("autoai4eo.search.stopping.MAX_INFEASIBLE", 3)
            model.fit(DATA, **GIVEN)
        trials = model.trials(all=True)
    assert list(trials["status"]) == ["infeasible"] * 3
    assert trials["message"].str.contains("100 bytes at most").all()


@pytest.mark.slow
def test_overwriting_forgets_the_reference(tmp_path, here):
    with in_thread() as running:
        search(tmp_path, url_of(running), max_trials=1).fit(DATA, **GIVEN)
        model = small.model(tmp_path, overwrite=True, max_trials=1)
        model.fit(DATA, **GIVEN)
    assert not (model.run / "device").exists()


def test_costs_of_this_machine_are_not_asked_of_a_device():
    with pytest.raises(UserError, match="found map_ms_per_km2"):
        SearchSettings(
            device="http://nano:8642", map_step=10, objective="map_ms_per_km2"
        )
    with pytest.raises(UserError, match="expected http://HOST:PORT"):
        SearchSettings(device="nano")
