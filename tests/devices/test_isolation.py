"""A network that does harm costs a process, not the device."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx_networks as networks
import pytest

from autoai4eo.devices.isolation import Measurer
from autoai4eo.devices.protocol import Job, Refused, answer_of


def measured(folder, content, job=networks.JOB, suffix=".onnx", **limits):
    (folder / f"network{suffix}").write_bytes(content)
    runtime = "litert" if suffix == ".tflite" else "onnx"
    return Measurer(runtime, threads=1, **limits).measured(folder, job)


def processes_in(folder):
    """Processes whose working folder it is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(folder):
                found.append(process.name)
        except OSError:
            continue
    return found


def test_a_network_is_measured(tmp_path):
    answer = answer_of(measured(tmp_path, networks.whole()))
    assert 0 < answer["median_ms"] <= answer["p95_ms"] < 1000
    assert answer["runtime"] == "onnx" and answer["threads"] == 1
    assert answer["file_bytes"] == len(networks.whole())
    assert answer["device"].startswith("CPU ") and answer["runs"] >= 10


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (networks.external(), "external data"),
        (networks.external("/etc/passwd"), "external data"),
        (b"\x00" * 100, "expected an ONNX file"),
        (networks.whole()[:-30], "expected an ONNX file"),
    ],
    ids=["external", "absolute", "garbage", "cut"],
)
def test_what_is_no_whole_network_is_refused(tmp_path, content, reason):
    with pytest.raises(Refused, match=reason) as refused:
        measured(tmp_path, content)
    assert refused.value.status == 415


def test_a_network_that_loops_is_ended_in_time(tmp_path):
    begun = time.monotonic()
    with pytest.raises(Refused, match="takes longer") as refused:
        measured(tmp_path, networks.looping(), starting_s=8)
    assert refused.value.status == 504
    assert time.monotonic() - begun < 30
    assert processes_in(tmp_path) == []


def test_a_network_that_allocates_is_refused(tmp_path):
    with pytest.raises(Refused, match=r"address space|cannot run it") as refused:
        measured(tmp_path, networks.allocating())
    assert refused.value.status == 422


def test_the_memory_limit_is_what_refuses_it(tmp_path):
    """1 GiB is less than the machine has: without the limit it would be measured."""
    content = networks.allocating(2**28)
    with pytest.raises(Refused, match=r"address space|cannot run it"):
        measured(tmp_path, content, memory_bytes=2**30)


def test_inputs_that_do_not_fit_are_refused_with_the_runtimes_reason(tmp_path):
    job = Job({"other": ((1, 4), "float32")}, 0.05, "float32")
    with pytest.raises(Refused, match=r"cannot run it: .*x") as refused:
        measured(tmp_path, networks.whole(), job)
    assert refused.value.status == 422
    job = Job({"x": ((1, 4), "float32")}, 0.05, "bfloat16")
    with pytest.raises(Refused, match="precision"):
        measured(tmp_path, networks.whole(), job)


def test_a_runtime_that_crashes_is_told_by_its_signal(tmp_path):
    """Bytes behind LiteRT's mark make its reader look anywhere."""
    content = b"\xff\xff\xff\x7fTFL3" + b"\x41" * 400
    with pytest.raises(Refused, match=r"cannot run it|ended the process") as refused:
        measured(tmp_path, content, suffix=".tflite")
    assert refused.value.status == 422
    with pytest.raises(Refused, match="expected a LiteRT file"):
        measured(tmp_path, networks.whole(), suffix=".tflite")


def test_the_process_sees_neither_token_nor_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    from autoai4eo.devices.isolation import _environment

    environment = _environment(tmp_path)
    assert "AUTOAI4EO_DEVICE_TOKEN" in os.environ
    assert not [name for name in environment if name.startswith("AUTOAI4EO")]
    assert environment["HOME"] == environment["TMPDIR"] == str(tmp_path)


def test_an_answer_that_is_a_link_is_not_followed(tmp_path):
    """A network that takes over the process cannot make the server read a file."""
    from autoai4eo.devices.isolation import _answer

    secret = tmp_path / "secret"
    secret.write_text('{"error": "secret"}')
    (tmp_path / "answer.json").symlink_to(secret)
    with pytest.raises(Refused, match="ended the process") as refused:
        _answer(tmp_path / "answer.json", 0, 1.0)
    assert "secret" not in refused.value.reason


def test_a_measurer_that_ended_leaves_no_process_and_starts_none(tmp_path):
    """Users rely on: nothing writes into a folder that is being removed."""
    measurer = Measurer("onnx", threads=1)
    (tmp_path / "network.onnx").write_bytes(networks.looping())
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(measurer.measured, tmp_path, networks.JOB)
        while not processes_in(tmp_path):
            assert not asked.done()
        measurer.end()
        assert not processes_in(tmp_path)
        with pytest.raises(Refused, match="ended the process that measured it"):
            asked.result(timeout=30)
    with pytest.raises(Refused, match="the server has ended"):
        measurer.measured(tmp_path, networks.JOB)
