"""Connections to a server: so many at a time, each for so long.

A client that sends nothing, or a byte now and then, cannot keep others away.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

#: Open at the same time, at most.
CONNECTIONS = 32
_BUSY = b'{"error": "expected fewer connections; try again later"}\n'


class BoundedServer(ThreadingHTTPServer):
    """Serves each connection in a thread, and ends reading from those that are overdue.

    Args:
        address: host and port; port 0: one that is free.
        handler: of a connection.
        tell: is told a line for each event.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], handler: Any, tell: Callable[[str], None]
    ) -> None:
        self.tell = tell
        self._free = threading.Semaphore(CONNECTIONS)
        self._deadlines: dict[socket.socket, float] = {}
        self.overdue: set[socket.socket] = set()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Binds without asking a name server, as `http.server` would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])

    def expect(self, connection: socket.socket, seconds: float | None) -> None:
        """Ends reading from a connection after so many seconds; None: it need not."""
        if seconds is None:
            self._deadlines.pop(connection, None)
        else:
            self._deadlines[connection] = time.monotonic() + seconds

    def service_actions(self) -> None:
        """Ends what is overdue; the base class calls this twice a second."""
        now = time.monotonic()
        for connection, deadline in list(self._deadlines.items()):
            if now > deadline:
                self.overdue.add(connection)
                self._deadlines.pop(connection, None)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread, unless there are too many of them."""
        if self._free.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except BaseException:
                self._free.release()
                raise
        else:
            with contextlib.suppress(OSError):
                request.settimeout(1)
                request.sendall(b"HTTP/1.0 503 Service Unavailable\r\n\r\n" + _BUSY)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serves a connection; see `process_request`."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.expect(request, None)
            self.overdue.discard(request)
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tells of a connection that broke in a line, without a traceback."""
        self.tell(f"{client_address[0]}: the connection broke")
