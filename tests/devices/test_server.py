"""Whatever is sent to a device, it answers a clear HTTP error and stays there."""

import http.client
import json
import socket
import threading
import time
from urllib.parse import quote

import onnx_networks as networks
import pytest
from device_servers import TOKEN, in_thread
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autoai4eo.devices import connections, server
from autoai4eo.devices.protocol import Job

MAX_BYTES = 2**20
CLEAR = {400, 401, 404, 408, 411, 413, 414, 415, 422, 431, 501, 503, 504, 505}


@pytest.fixture(scope="module")
def served():
    """A server that ends what takes 15 s; a busy machine needs some of them."""
    with in_thread(max_bytes=MAX_BYTES, starting_s=15) as running:
        yield running


def send(running, content, *, half=True, timeout=60):
    """What a server answers to bytes, after which nothing more comes."""
    with socket.create_connection(("127.0.0.1", running.server_port), timeout) as sent:
        try:
            sent.sendall(content)
            if half:
                sent.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough, and may have closed the connection
        parts = []
        while part := sent.recv(2**16):
            parts.append(part)
    return b"".join(parts)


def read(answer):
    """Status and content of an answer, which is one line of JSON."""
    head, _, body = answer.partition(b"\r\n\r\n")
    version, status, *_ = head.split(b" ", 2)
    assert version == b"HTTP/1.0"
    assert body.endswith(b"\n") and body.count(b"\n") == 1
    return int(status), json.loads(body)


def request(
    body=b"", *, method="POST", path=None, token=TOKEN, length=None, job=networks.JOB
):
    path = path or f"/measure?job={quote(job.text())}"
    lines = [f"{method} {path} HTTP/1.1", "Host: device"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if length != "":
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def is_well(running):
    status, answer = read(send(running, request(networks.whole())))
    return status == 200 and answer["median_ms"] > 0


def test_a_network_is_measured(served):
    status, answer = read(send(served, request(networks.whole())))
    assert status == 200
    assert set(answer) == {
        *("median_ms", "p95_ms", "spread_ms", "runs", "device", "runtime"),
        *("runtime_version", "precision", "threads", "file_bytes"),
    }
    status, about = read(send(served, request(method="GET", path="/")))
    assert status == 200 and about["device"] == answer["device"]


JSON = json.dumps
GOOD = json.loads(networks.JOB.text())


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (request(networks.whole(), token=None), 401, "token"),
        (request(networks.whole(), token="another-token"), 401, "token"),
        (request(networks.whole(), token=TOKEN[:-1]), 401, "token"),
        (request(networks.whole(), token=f"{TOKEN}é"), 401, "token"),
        (request(method="GET", path="/", token=None), 401, "token"),
        (request(method="GET", path="/etc/passwd"), 404, "GET /"),
        (request(path="/measure"), 400, "job=JSON"),
        (request(path="/measure?job=nonsense"), 400, "expected a job"),
        (request(path="/measure?job=" + "[" * 9000), 400, "expected a job"),
        (request(path="/measure?job=" + "1" * 20000), 414, "characters"),
        (request(path=f"/{'a' * 70000}"), 414, "Long"),
        (request(method="DELETE"), 501, "Unsupported"),
        (request(networks.whole(), length=""), 411, "Content-Length"),
        (request(length="many"), 400, "Content-Length"),
        (request(length="-5"), 400, "Content-Length"),
        (request(length="1, 2"), 400, "Content-Length"),
        (request(length=0), 400, "found none"),
        (request(length=MAX_BYTES + 1), 413, "bytes at most"),
        (request(length="9" * 5000), 413, "bytes at most"),
        (request(b"half", length=1000), 400, "found 4"),
        (request(networks.external()), 415, "external data"),
        (request(b"\x00garbage"), 415, "expected an ONNX file"),
        (request(networks.allocating()), 422, ""),
        (request(job=Job({"x": ((2**40,), "float32")}, 1, "float32")), 413, "batch"),
        (b"\r\n\r\n", 400, ""),
        (b"nonsense\r\n\r\n", 400, "Bad request"),
        (b"GET / HTTP/9.9\r\n\r\n", 505, ""),
        (b"GET /\r\n\r\n", 401, "token"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, ""),  # HTTPS
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, ""),
    ],
)
def test_every_mistake_has_its_status(served, content, status, reason):
    found, answer = read(send(served, content))
    assert found == status, answer
    assert reason in answer["error"]
    assert TOKEN not in answer["error"]


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {}},
        {"inputs": {"x": {"shape": [1, -4], "dtype": "float32"}}},
        {"inputs": {"x": {"shape": [True, 4], "dtype": "float32"}}},
        {"inputs": {"x": {"shape": [1, 4], "dtype": "object"}}},
        {"inputs": {"x": {"shape": [1] * 99, "dtype": "float32"}}},
        {"inputs": [1, 2]},
        {"budget_s": 1e9},
        {"budget_s": float("nan")},
        {"budget_s": -1},
        {"precision": "float33"},
    ],
)
def test_a_job_that_is_none_is_refused(served, change):
    path = f"/measure?job={quote(JSON({**GOOD, **change}))}"
    status, answer = read(send(served, request(networks.whole(), path=path)))
    assert status == 400 and answer["error"]


_BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([networks.external(), networks.external_in_branch()]),
    st.integers(0, len(networks.whole())).map(lambda n: networks.whole()[:n]),
    st.sampled_from([networks.allocating(), networks.allocating(2**30)]),
)
_LENGTHS = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.just(""),
    st.integers(-(2**70), 2**70),
    st.integers(0, 4000),
    st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=9),
)
_TOKENS = st.one_of(
    *[st.just(TOKEN)] * 4,
    st.none(),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=50),
)
_PATHS = st.one_of(
    *[st.none()] * 3,
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).map(
        lambda text: f"/{text}"
    ),
    st.text(max_size=30).map(lambda text: f"/measure?job={quote(text)}"),
)
_METHODS = st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "HEAD", "\x7f"])
_MALFORMED = st.one_of(
    st.builds(
        request,
        _BODIES,
        method=_METHODS,
        path=_PATHS,
        token=_TOKENS,
        length=_LENGTHS,
    ),
    st.binary(min_size=1, max_size=300),
)


@pytest.mark.slow
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=_MALFORMED)
@example(content=request(networks.looping()))
@example(content=request(networks.allocating()))
@example(content=request(networks.whole(), length=2**60))
def test_malformed_requests_get_clear_errors_and_the_server_survives(served, content):
    status, answer = read(send(served, content))
    if status == 200:  # a cut that left a whole network, or none of it
        assert "median_ms" in answer or "protocol" in answer
    else:
        assert status in CLEAR
        assert set(answer) == {"error"} and answer["error"]


def test_after_all_of_them_it_measures_and_holds_nothing(served):
    """Runs last in this file: the server has seen every request above."""
    assert is_well(served)
    assert list(served.folder.iterdir()) == []
    assert served._jobs._value == server._JOBS
    end = time.monotonic() + 10
    while served._free._value < connections.CONNECTIONS and time.monotonic() < end:
        time.sleep(0.05)
    assert served._free._value == connections.CONNECTIONS


def test_one_network_is_measured_at_a_time_and_the_others_wait():
    told = []
    with in_thread(tell=told.append) as running:
        measured = running.device.measurer.__class__.measured
        at_once, most, lock = 0, 0, threading.Lock()

        def counted(self, folder, job):
            nonlocal at_once, most
            with lock:
                at_once += 1
                most = max(most, at_once)
            try:
                return measured(self, folder, job)
            finally:
                with lock:
                    at_once -= 1

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(running.device.measurer), "measured", counted)
            answers = []
            threads = [
                threading.Thread(
                    target=lambda: answers.append(
                        read(send(running, request(networks.whole()), half=False))
                    )
                )
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert [status for status, _ in answers] == [200] * 4
    assert most == 1 and len(told) == 4


def test_more_networks_than_may_wait_are_told_to_come_again(monkeypatch):
    monkeypatch.setattr(server, "_JOBS", 1)
    with in_thread() as running, running.job():
        answer = send(running, request(networks.whole()))
        assert read(answer)[0] == 503 and b"Retry-After" in answer


def test_who_sends_nothing_or_slowly_is_ended(monkeypatch):
    monkeypatch.setattr(server, "_HEAD_S", 0.2)
    monkeypatch.setattr(server, "_BODY_S", 0.2)
    with in_thread() as running:
        begun = time.monotonic()
        status, answer = read(send(running, b"", half=False))
        assert status == 408
        body = request(networks.whole()[:50], length=100)
        status, answer = read(send(running, body, half=False))
        assert status == 408 and "found 50" in answer["error"]
        assert time.monotonic() - begun < 10
        assert is_well(running)


def test_many_open_connections_keep_nobody_away_for_long(monkeypatch):
    monkeypatch.setattr(server, "_HEAD_S", 0.5)
    with in_thread() as running:
        address = ("127.0.0.1", running.server_port)
        held = [
            socket.create_connection(address) for _ in range(connections.CONNECTIONS)
        ]
        time.sleep(0.2)
        assert b"503" in send(running, request(networks.whole()))
        time.sleep(1.5)
        assert is_well(running)
        for connection in held:
            connection.close()


def test_a_large_body_that_is_refused_still_gets_the_answer():
    """The server reads on for a moment; else the client sees a broken connection."""
    with in_thread(max_bytes=1000) as running:
        client = http.client.HTTPConnection("127.0.0.1", running.server_port)
        client.request("POST", "/measure?job=", b"x" * 2**23, {"Authorization": "no"})
        assert client.getresponse().status == 401
        client.close()
