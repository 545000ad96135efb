"""Asks a device: one request, one answer; waits for a device that is away."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from autoai4eo.devices.protocol import ANSWER_BYTES, MEASURE, VERSION, Job, answer_of
from autoai4eo.devices.tokens import GIVE, known_token
from autoai4eo.errors import UserError
from autoai4eo.text import line

#: Seconds for connecting, and for an answer: others may be measured before.
_CONNECT_S, _ANSWER_S = 10.0, 900.0
_FIRST_PAUSE, _LONGEST_PAUSE, _TELL_S = 0.5, 10.0, 60.0
#: Connections that break in a row while one network is measured: it breaks the device.
_BREAKS = 5
_AWAY = (408, 500, 502, 503, 507)
_REFUSED = (413, 422, 504)


class DeviceError(UserError):
    """The device cannot be used: another token, protocol or runtime than expected."""


class DeviceRefuses(UserError):
    """The device cannot measure this network; it can measure others."""


class _Away(Exception):
    """The device did not answer, or asks to come again."""

    def __init__(self, reason: str, during: bool = False) -> None:
        super().__init__(line(reason))
        self.during = during  # the connection broke while it measured


def address_of(url: str) -> tuple[str, int]:
    """Host and port of a device's URL.

    Raises:
        UserError: it is no ``http://HOST:PORT``.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if (
        not host
        or not port
        or parts.scheme != "http"
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        shown = url.rpartition("@")[2]  # what is before it may be a secret
        raise UserError(
            f"device: expected http://HOST:PORT, got {shown!r}; give the token in a "
            "file or the environment, not in the address"
        )
    return host, port


class Client:
    """Asks one device.

    Args:
        url: ``http://HOST:PORT``.
        tell: is told in a line that the device is away, and that it is back.

    Raises:
        UserError: no such URL, or no token.
    """

    def __init__(self, url: str, tell: Callable[[str], None] | None = None) -> None:
        self.url = url.rstrip("/")
        self._host, self._port = address_of(url)
        self._tell = tell or (lambda text: None)
        known_token()

    def about(self, patience: float = math.inf) -> dict[str, Any]:
        """What the device measures with, see `server.Device.about`.

        Args:
            patience: seconds for which a device that is away is waited for.

        Raises:
            DeviceError: it is away for longer, or refuses, or is no such device.
        """
        found = self._patiently(lambda: self._ask("GET", "/", None), patience)
        try:
            known = {n: str(found[n]) for n in ("device", "runtime", "runtime_version")}
            return {
                **known,
                "precisions": [str(name) for name in found["precisions"]],
                "threads": int(found["threads"]),
                "max_bytes": int(found["max_bytes"]),
                "protocol": int(found["protocol"]),
            }
        except (KeyError, TypeError, ValueError) as error:
            raise self._strange(found) from error

    def measure(self, content: bytes, job: Job) -> dict[str, Any]:
        """Measures a network there, see `protocol.answer_of`; waits for the device.

        Raises:
            DeviceRefuses: the device cannot measure this network.
            DeviceError: it refuses every request, or answers something else.
        """
        path, failed = f"{MEASURE}?job={quote(job.text())}", False

        def ask() -> dict[str, Any]:
            nonlocal failed
            if (
                failed
            ):  # behind a tunnel, a device that is away looks like one that broke
                self._ask("GET", "/", None)
            failed = True
            return self._ask("POST", path, content)

        found = self._patiently(ask, math.inf)
        try:
            return answer_of(found)
        except ValueError as error:
            raise self._strange(found) from error

    def _patiently(
        self, ask: Callable[[], dict[str, Any]], patience: float
    ) -> dict[str, Any]:
        begun, told, pause, breaks = time.monotonic(), -math.inf, _FIRST_PAUSE, 0
        while True:
            try:
                found = ask()
            except _Away as away:
                breaks += away.during
                if breaks == _BREAKS:
                    raise DeviceRefuses(
                        f"device {self.url}: expected a measurement, found that it "
                        f"broke off {_BREAKS} times with this network ({away})"
                    ) from away
                now = time.monotonic()
                if now - begun >= patience:
                    raise DeviceError(
                        f"{self.url}: expected a device, found none ({away}); run "
                        "autoai4eo device serve there, and forward its port: ssh -N -L "
                        f"{self._port}:127.0.0.1:8642 HOST"
                    ) from away
                if now - told >= _TELL_S:
                    self._tell(f"waits for the device {self.url}: {away}")
                    told = now
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            if told > -math.inf:
                waited = time.monotonic() - begun
                self._tell(f"the device {self.url} answers again, after {waited:.0f} s")
            return found

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        status, content = self._exchange(method, path, body)
        try:
            found = json.loads(content)
            reason = "" if status == 200 else line(str(found["error"]))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._strange(content) from error
        if status == 200:
            if not isinstance(found, dict):
                raise self._strange(content)
            if method == "GET" and found.get("protocol") != VERSION:
                raise DeviceError(
                    f"{self.url}: expected a device that speaks version {VERSION}, "
                    f"found {found.get('protocol')!r}; install the same autoai4eo there"
                )
            return found
        if status in _AWAY:
            raise _Away(f"{status}: {reason}", during=status == 500)
        if status == 401:
            raise DeviceError(
                f"{self.url}: expected a device that accepts this token, found that it "
                f"refuses it; {GIVE}, and run the same again"
            )
        if status in _REFUSED:
            raise DeviceRefuses(f"device {self.url}: {reason}")
        raise DeviceError(f"{self.url}: expected an answer, found {status}: {reason}")

    def _exchange(
        self, method: str, path: str, body: bytes | None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, _CONNECT_S)
        headers = {"Authorization": f"Bearer {known_token()}"}
        try:
            try:
                connection.connect()
            except OSError as error:
                raise _Away(error.strerror or str(error)) from error
            _keep_alive(connection.sock)
            connection.sock.settimeout(_ANSWER_S if body else _CONNECT_S)
            try:
                # refused before all was sent: the answer may be there all the same
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.read(ANSWER_BYTES)
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                raise _Away(reason, during=body is not None) from error
        finally:
            connection.close()

    def _strange(self, found: Any) -> DeviceError:
        return DeviceError(
            f"{self.url}: expected autoai4eo device serve, found another answer "
            f"({str(found)[:80]!r}); check host and port"
        )


def _keep_alive(connection: socket.socket) -> None:
    """Notices within a minute that the device has lost its power or its network."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("KEEPIDLE", 20), ("KEEPINTVL", 10), ("KEEPCNT", 3)):
        if hasattr(socket, f"TCP_{name}"):  # not everywhere
            option = getattr(socket, f"TCP_{name}")
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
