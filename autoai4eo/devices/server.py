"""The HTTP server on a device: takes a network, measures it, answers JSON.

One network is measured at a time; other requests wait for their turn, a few of them.
Python's own `http.server` does the talking; `protocol` says what is asked and answered.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from autoai4eo.causes import cause
from autoai4eo.devices.connections import BoundedServer
from autoai4eo.devices.isolation import Measurer
from autoai4eo.devices.measuring import NETWORK
from autoai4eo.devices.protocol import (
    MEASURE,
    VERSION,
    Job,
    Refused,
    answer_of,
    job_of,
)
from autoai4eo.devices.tokens import is_right
from autoai4eo.networks.processor import cpu_name
from autoai4eo.runtimes import RUNTIMES, FileRuntime
from autoai4eo.runtimes.base import cores
from autoai4eo.text import line

#: Networks that are received, wait or are measured, at most.
_JOBS = 8
#: Seconds for the head of a request, and for its body at so many bytes a second.
_HEAD_S, _BODY_S, _SLOWEST = 10.0, 20.0, 2**16
#: What is read and dropped of a body that was refused, so that the answer arrives.
_DROPPED_BYTES, _DROPPED_S = 2**26, 2.0
_PART = 2**20


@dataclass(frozen=True)
class Device:
    """What a server measures with, and its limits.

    Attributes:
        measurer: measures networks.
        token: that every request must have.
        max_bytes: of a network.
    """

    measurer: Measurer
    token: str
    max_bytes: int = 2**28

    @property
    def suffix(self) -> str:
        """Of the files that the runtime reads."""
        runtime = RUNTIMES[self.measurer.runtime]
        assert isinstance(runtime, FileRuntime)
        return runtime.suffix

    def about(self) -> dict[str, Any]:
        """What is measured with: device, runtime, version, threads, limits."""
        runtime = RUNTIMES[self.measurer.runtime]
        return {
            "protocol": VERSION,
            "device": cpu_name(),
            "runtime": runtime.name,
            "runtime_version": runtime.version,
            "precisions": list(runtime.tolerances),
            "threads": self.measurer.threads or cores(),
            "max_bytes": self.max_bytes,
        }


class DeviceServer(BoundedServer):
    """See the module.

    Args:
        address: host and port; port 0: one that is free.
        device: what it measures with.
        folder: for the networks; removed by the caller, when the server has ended.
        tell: is told a line for each measurement and each refusal.
    """

    def __init__(
        self,
        address: tuple[str, int],
        device: Device,
        folder: Path,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.device, self.folder = device, folder
        self.turn = threading.Lock()
        self._jobs = threading.Semaphore(_JOBS)
        super().__init__(address, _Request, tell)

    @contextmanager
    def job(self) -> Iterator[None]:
        """One of so many networks that are on the device at the same time.

        Raises:
            Refused: there are as many already.
        """
        if not self._jobs.acquire(blocking=False):
            raise Refused(503, f"expected fewer than {_JOBS} networks that wait here")
        try:
            yield
        finally:
            self._jobs.release()


class _Request(BaseHTTPRequestHandler):
    server: DeviceServer
    server_version, sys_version = "autoai4eo", ""
    timeout = 30.0
    raw_requestline = b""

    def setup(self) -> None:
        self.server.expect(self.request, _HEAD_S)
        self._unread = 0
        self._answered = False
        self.requestline = self.command = ""
        super().setup()

    def handle_one_request(self) -> None:
        super().handle_one_request()
        late = self.request in self.server.overdue
        if not self._answered and (self.raw_requestline or late):
            self.send_error(408 if late else 400)

    def finish(self) -> None:
        super().finish()
        if self._unread:
            self._drop()

    def do_GET(self) -> None:
        self._answer(self._about)

    def do_POST(self) -> None:
        self._answer(self._measure)

    def _answer(self, what: Callable[[], dict[str, Any]]) -> None:
        self.server.expect(self.request, None)
        try:
            self._unread = 1  # of a body whose length is not known yet
            if not is_right(
                self.headers.get("Authorization"), self.server.device.token
            ):
                raise Refused(401, "expected the device's token, found another or none")
            self._send(200, what())
        except Refused as refused:
            self._refuse(refused)
        except (ConnectionError, TimeoutError):
            raise  # nobody is left to be told
        except Exception as error:
            self.server.tell(f"error: {cause(error)}")
            full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
            found = "a full disk" if full else f"{type(error).__name__} on the device"
            self._refuse(
                Refused(507 if full else 500, f"expected to measure, found {found}")
            )

    def _about(self) -> dict[str, Any]:
        if self.path != "/":
            raise Refused(404, f"expected GET / or POST {MEASURE}")
        return self.server.device.about()

    def _measure(self) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        if path != MEASURE:
            raise Refused(404, f"expected GET / or POST {MEASURE}")
        try:
            (text,) = parse_qs(query, max_num_fields=2, strict_parsing=True)["job"]
        except (ValueError, KeyError) as error:
            raise Refused(400, f"expected {MEASURE}?job=JSON") from error
        job, size = job_of(text), self._size()
        device = self.server.device
        with (
            self.server.job(),
            tempfile.TemporaryDirectory(dir=self.server.folder) as folder,
        ):
            self._receive(Path(folder, NETWORK + device.suffix), size)
            with self.server.turn:
                found = device.measurer.measured(Path(folder), job)
        return self._checked(found, job)

    def _checked(self, found: dict[str, Any], job: Job) -> dict[str, Any]:
        try:
            answer = answer_of(found)
        except ValueError as error:
            raise Refused(422, f"the runtime gave no measurement: {error}") from error
        self.server.tell(
            f"{self.client_address[0]}: measured {answer['file_bytes']:,} bytes: "
            f"{answer['median_ms']:.3g} ms ({answer['runs']} runs, {job.precision})"
        )
        return answer

    def _size(self) -> int:
        lengths = self.headers.get_all("Content-Length", [])
        most = self.server.device.max_bytes
        if self.headers.get("Transfer-Encoding") or not lengths:
            raise Refused(411, "expected the Content-Length of the network")
        text = lengths[0].strip()
        if len(lengths) > 1 or not (text.isascii() and text.isdigit()):
            raise Refused(400, "expected one number as Content-Length")
        if len(text) > 18 or int(text) > most:
            raise Refused(413, f"expected a network of {most:,} bytes at most")
        if int(text) == 0:
            raise Refused(400, "expected the bytes of a network, found none")
        return int(text)

    def _receive(self, file: Path, size: int) -> None:
        self.server.expect(self.request, _BODY_S + size / _SLOWEST)
        left = size
        with open(file, "wb") as out:
            while left:
                try:
                    part = self.rfile.read1(min(left, _PART))
                except TimeoutError:
                    part = b""
                    self.server.overdue.add(self.request)
                if not part:
                    self._unread = 0
                    late = self.request in self.server.overdue
                    raise Refused(
                        408 if late else 400,
                        f"expected {size:,} bytes of a network, found {size - left:,}",
                    )
                out.write(part)
                left -= len(part)
        self._unread = 0
        self.server.expect(self.request, None)

    def _drop(self) -> None:
        """Reads what the client still sends; else it would not read the answer."""
        end, left = time.monotonic() + _DROPPED_S, _DROPPED_BYTES
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_WR)
            self.request.settimeout(_DROPPED_S / 4)
            while time.monotonic() < end and left > 0:
                part = self.request.recv(_PART)
                if not part:
                    return
                left -= len(part)

    def _refuse(self, refused: Refused) -> None:
        self.server.tell(
            f"{self.client_address[0]}: {refused.status}: {refused.reason}"
        )
        self._send(refused.status, {"error": refused.reason})

    def _send(self, status: int, content: dict[str, Any]) -> None:
        self._answered = True
        body = json.dumps(content).encode() + b"\n"
        self.request_version = "HTTP/1.0"  # else one without a version gets no status
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        if status == 503:
            self.send_header("Retry-After", "5")
        self.end_headers()
        self.wfile.write(body)

    def send_error(
        self, code: int, message: str | None = None, explain: str | None = None
    ) -> None:
        """Refuses what is no request that `http.server` understands."""
        known = self.responses.get(code, ("a request that cannot be read", ""))[0]
        self._refuse(Refused(code, line(message or str(known))[:500]))
        self._unread = 1

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: `DeviceServer.tell` is told instead."""
