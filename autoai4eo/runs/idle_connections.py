"""Connections that nobody uses are closed: a server has a hundred, workers are more."""

from __future__ import annotations

import threading
import time

from sqlalchemy import Engine, event

#: What a trial does with its storage takes milliseconds a step; then it trains.
IDLE_S = 1.0


def close_idle_connections(engine: Engine, after: float = IDLE_S) -> None:
    """Has an engine close the connections of its pool when it is not used.

    A worker keeps none while it trains, and makes a new one for its next heartbeat.

    Args:
        engine: of a database on a server.
        after: seconds without use.
    """
    _Closer(engine, after)


class _Closer:
    """Looks after an engine's pool."""

    def __init__(self, engine: Engine, after: float) -> None:
        self._engine, self._after = engine, after
        self._used, self._waits = 0.0, False
        self._lock = threading.Lock()
        event.listen(engine, "checkin", self._returned)
        self._returned()  # those that were used before this

    def _returned(self, *_: object) -> None:
        with self._lock:
            self._used = time.monotonic()
            if self._waits:
                return
            self._waits = True
        self._wait(self._after)

    def _wait(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._close_if_idle)
        timer.daemon = True
        timer.start()

    def _close_if_idle(self) -> None:
        with self._lock:
            left = self._used + self._after - time.monotonic()
            self._waits = left > 0
        if left > 0:
            self._wait(left)
        else:
            # not the engine's dispose(): a connection that is in use now would come
            # back to a pool that nobody looks after any more
            self._engine.pool.dispose()
