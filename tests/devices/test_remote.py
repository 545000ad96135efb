"""A device elsewhere measures as the runtime here does, and is never mixed with it."""

import keras
import onnx_networks as networks
import pytest
from device_servers import in_thread, url_of

from autoai4eo.cost.instrument import Instrument
from autoai4eo.cost.latency import comparable
from autoai4eo.cost.profiling import Cost, with_latency
from autoai4eo.devices.client import DeviceError
from autoai4eo.devices.remote import RemoteDevice
from autoai4eo.errors import UserError
from autoai4eo.runtimes.checking import NotConvertible


@pytest.fixture(scope="module")
def network():
    pixels = keras.Input((8, 8, 4), name="sen2")
    x = keras.layers.Conv2D(4, 3, activation="relu")(pixels)
    return keras.Model(pixels, keras.layers.Dense(3)(keras.layers.Flatten()(x)))


@pytest.fixture(params=["onnx", "litert"])
def device(request):
    with in_thread(request.param) as running:
        yield RemoteDevice(url_of(running))


def test_a_device_is_an_instrument_as_the_runtime_here(device, network):
    about = device.about()
    here = Instrument(about["runtime"], threads=1)
    assert set(about) == set(here.about()) and not device.local and here.local
    with device.prepared(network) as there, here.prepared(network) as local:
        found, expected = there.latency(2, 0.2), local.latency(2, 0.2)
        assert there.samples_per_second(0.2) > 0
    assert 0 < found.median_ms <= found.p95_ms
    assert found.runs >= 3 and found.batch_size == 2
    assert found.runtime == about["runtime"] and found.threads == 1
    assert found.file_bytes == pytest.approx(expected.file_bytes, rel=0.05)
    counted = Cost(1, 1, 1, 2, 4, 2, "here")
    cost = with_latency(counted, found).to_dict()
    assert comparable(cost, about, 2) and not comparable(cost, about, 1)


def test_what_is_wanted_must_be_what_the_device_has():
    with in_thread() as running:
        url = url_of(running)
        with pytest.raises(DeviceError, match="runtime litert, found onnx; start"):
            RemoteDevice(url, runtime="litert").about()
        with pytest.raises(DeviceError, match="threads 4, found 1; start"):
            RemoteDevice(url, threads=4).about()
        with pytest.raises(DeviceError, match="precision float16, found float32, int8"):
            RemoteDevice(url, precision="float16").about()
        assert RemoteDevice(url, "onnx", "int8", 1).about()["precision"] == "int8"


def test_another_device_at_the_same_address_is_noticed(network):
    with in_thread() as running:
        device = RemoteDevice(url_of(running))
        with device.prepared(network) as ready:
            ready.latency(1, 0.05)
            object.__setattr__(running.device.measurer, "threads", 2)
            with pytest.raises(
                DeviceError, match=r"\(threads 1\), found another \(2\)"
            ):
                ready.latency(1, 0.05)


def test_a_network_that_is_too_large_is_infeasible(network):
    with in_thread(max_bytes=100) as running:
        device = RemoteDevice(url_of(running))
        with (
            pytest.raises(NotConvertible, match="100 bytes at most, found"),
            device.prepared(network),
        ):
            pass


def test_a_network_that_the_device_cannot_run_is_infeasible(network):
    with in_thread(memory_bytes=2**27) as running:  # too little for the runtime
        device = RemoteDevice(url_of(running))
        with device.prepared(network) as ready, pytest.raises(NotConvertible):
            ready.latency(1, 0.05)


def test_throughput_ends_where_the_device_has_no_memory(network, monkeypatch):
    with in_thread() as running:
        device = RemoteDevice(url_of(running))
        with device.prepared(network) as ready:
            latency, asked = type(ready).latency, []

            def small(self, batch_size, budget_s):
                asked.append(batch_size)
                if batch_size > 4:
                    raise NotConvertible("no memory")
                return latency(self, batch_size, budget_s)

            monkeypatch.setattr(type(ready), "latency", small)
            assert ready.samples_per_second(0.1) > 0
            assert max(asked) <= 16


def test_a_batch_of_none_is_refused(network):
    with in_thread() as running:
        device = RemoteDevice(url_of(running))
        with device.prepared(network) as ready, pytest.raises(UserError, match="posit"):
            ready.latency(0, 1.0)


def test_the_drift_of_the_device_is_in_the_cost(network, tmp_path, monkeypatch):
    monkeypatch.setattr("autoai4eo.devices.reference.EVERY", 2)
    told = []
    with in_thread() as running:
        device = RemoteDevice(
            url_of(running), folder=tmp_path / "device", tell=told.append
        )
        with device.prepared(network) as ready:
            ready.latency(1, 0.05)
        assert device.remarks() == {"device_drift": 0.0}
        measured = device.measure

        def hot(content, job):
            answer = measured(content, job)
            return {**answer, "median_ms": 100 * answer["median_ms"]}

        monkeypatch.setattr(device, "measure", hot)
        with device.prepared(network):
            pass
    assert device.remarks()["device_drift"] > 1
    assert len(told) == 1 and "the device has changed" in told[0]


def test_a_network_is_whole_where_it_is_sent(network):
    """What is converted here has no external data."""
    with in_thread() as running:
        device = RemoteDevice(url_of(running))
        with device.prepared(network) as ready:
            from autoai4eo.devices.measuring import check_bytes

            check_bytes(ready.content, ".onnx")
            assert len(ready.content) > len(networks.whole())
