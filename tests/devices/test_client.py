"""Who asks a device waits for it, and is told in one line what is wrong."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import onnx_networks as networks
import pytest
from device_servers import TOKEN, Served, in_thread, url_of

from autoai4eo.devices import client
from autoai4eo.devices.client import Client, DeviceError, DeviceRefuses, address_of
from autoai4eo.errors import UserError


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(client, "_LONGEST_PAUSE", 0.1)


@pytest.fixture
def answering():
    """A server of something else, which gives these answers one after another."""
    answers = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, content = answers.pop(0)
            if status is None:
                return  # the connection breaks
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield url_of(server), answers
        server.shutdown()
        thread.join()


ABOUT = (
    200,
    json.dumps(
        {
            **{"protocol": 1, "device": "CPU of a Pi", "runtime": "onnx"},
            **{"runtime_version": "1", "precisions": ["float32"], "threads": 1},
            "max_bytes": 10,
        }
    ).encode(),
)


def test_a_device_says_what_it_is_and_measures():
    with in_thread() as running:
        asked = Client(url_of(running))
        about = asked.about()
        assert about["runtime"] == "onnx" and about["threads"] == 1
        answer = asked.measure(networks.whole(), networks.JOB)
        assert answer["median_ms"] > 0 and answer["device"] == about["device"]


@pytest.mark.parametrize(
    "url",
    [
        *("", "nano", "nano:8642", "http://nano", "https://nano:1", "http://:8642"),
        *("http://nano:8642/x", "http://nano:8642?a=b", "http://nano:999999"),
        *("http://me:secret@nano:8642", "http://[::1:8642"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_secret(url):
    with pytest.raises(UserError, match="expected http://HOST:PORT, got") as error:
        address_of(url)
    assert "secret" not in str(error.value)


def test_addresses_of_both_kinds_are_understood():
    assert address_of("http://127.0.0.1:8642/") == ("127.0.0.1", 8642)
    assert address_of("http://[::1]:8642") == ("::1", 8642)


def test_another_token_is_told_in_one_line(monkeypatch, tmp_path):
    with in_thread() as running:
        monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN", "another-token-0123456789")
        with pytest.raises(DeviceError, match="refuses it; give the one") as error:
            Client(url_of(running)).about()
        assert TOKEN not in str(error.value)
        file = tmp_path / "token"
        file.write_text(f"{TOKEN}\n")
        monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN_FILE", str(file))
        assert Client(url_of(running)).about()["runtime"] == "onnx"


def test_without_a_token_nothing_is_asked(monkeypatch, tmp_path):
    monkeypatch.delenv("AUTOAI4EO_DEVICE_TOKEN")
    with pytest.raises(UserError, match=r"expected its token in \$AUTOAI4EO_DEVICE"):
        Client("http://127.0.0.1:1")
    monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN", "short")
    with pytest.raises(UserError, match="16 or more ASCII"):
        Client("http://127.0.0.1:1")
    monkeypatch.setenv("AUTOAI4EO_DEVICE_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(UserError, match="none that can be read"):
        Client("http://127.0.0.1:1")


def test_a_device_that_is_nowhere_is_told_where_nobody_waits():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DeviceError, match=r"found none .*refused.*; run autoai4eo dev"):
        Client(f"http://127.0.0.1:{port}").about(patience=0)


def test_a_device_that_is_away_is_waited_for_and_said_so(tmp_path):
    told = []
    served = Served(tmp_path)
    with served:
        assert Client(served.url).about()
        served.stop()
        back = threading.Timer(1.0, served.start)
        back.start()
        asked = Client(served.url, told.append)
        assert asked.measure(networks.whole(), networks.JOB)["median_ms"] > 0
        back.join()
    assert len(told) == 2, told
    assert "waits for the device" in told[0] and "refused" in told[0]
    assert "answers again, after" in told[1]


def test_a_device_that_is_busy_or_broke_off_is_asked_again(answering):
    url, answers = answering
    busy = (503, b'{"error": "expected fewer networks that wait"}')
    good = {
        **{"median_ms": 1.5, "p95_ms": 2, "spread_ms": 0.1, "runs": 10, "threads": 1},
        **{"file_bytes": 9, "device": "CPU", "runtime": "onnx"},
        **{"runtime_version": "1", "precision": "float32"},
    }
    # after a failure it is first asked whether it is there
    answers += [busy, (None, b""), ABOUT, (None, b""), ABOUT]
    answers.append((200, json.dumps(good).encode()))
    assert Client(url).measure(b"x", networks.JOB)["median_ms"] == 1.5
    assert answers == []


def test_a_network_that_breaks_the_device_every_time_is_given_up(answering):
    url, answers = answering
    answers += [(None, b""), ABOUT] * 5
    with pytest.raises(DeviceRefuses, match="broke off 5 times with this network"):
        Client(url).measure(b"x", networks.JOB)


def test_a_tunnel_without_a_device_does_not_count_against_the_network(answering):
    url, answers = answering
    gone = [(None, b"")] * 20
    answers += [*gone, ABOUT, (422, b'{"error": "no such operation"}')]
    with pytest.raises(DeviceRefuses, match="no such operation"):
        Client(url).measure(b"x", networks.JOB)


@pytest.mark.parametrize("status", [413, 422, 504])
def test_a_network_that_cannot_be_measured_is_told_apart(answering, status):
    url, answers = answering
    answers.append((status, b'{"error": "too much"}'))
    with pytest.raises(DeviceRefuses, match="too much"):
        Client(url).measure(b"x", networks.JOB)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>a router</html>"),
        (200, b"[1, 2]"),
        (200, b'{"protocol": 1}'),
        (200, b"[" * 60000),
        (302, b"elsewhere"),
        (404, b"{}"),
    ],
)
def test_something_else_at_the_address_is_told(answering, answer):
    url, answers = answering
    answers.append(answer)
    with pytest.raises(DeviceError, match=r"found another answer|check host"):
        Client(url).about()


def test_a_device_of_another_version_is_told(answering):
    url, answers = answering
    answers.append((200, b'{"protocol": 99}'))
    with pytest.raises(DeviceError, match="version 1, found 99; install the same"):
        Client(url).about()


@pytest.mark.parametrize("median", ["NaN", "Infinity", "-1", "0", '"x"', "null"])
def test_times_that_are_none_are_refused(answering, median):
    url, answers = answering
    content = (
        f'{{"median_ms": {median}, "p95_ms": 2, "spread_ms": 0, "runs": 10, '
        '"threads": 1, "file_bytes": 9, "device": "CPU", "runtime": "onnx", '
        '"runtime_version": "1", "precision": "float32"}'
    )
    answers.append((200, content.encode()))
    with pytest.raises(DeviceError, match="found another answer"):
        Client(url).measure(b"x", networks.JOB)
