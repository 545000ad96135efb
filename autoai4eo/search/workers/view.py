"""The live view of a search: workers, their activities, and the front."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from autoai4eo.learning.figures import find, rounded
from autoai4eo.learning.objectives import Objective
from autoai4eo.log import EVERY_S, is_watched, log
from autoai4eo.text import line


class View:
    """Shows messages of workers live on a terminal; elsewhere writes a log.

    Args:
        verbose: 0: shows nothing; 2: writes a log with every epoch, also on a terminal.
        objectives: of the search; several are shown as a table of the front.
        monitor: the metric whose best value is shown.
    """

    def __init__(
        self, verbose: int, objectives: tuple[Objective, ...], monitor: Objective
    ) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._objectives, self._monitor = objectives, monitor
        self._live: Live | None = None
        if verbose == 1 and is_watched():
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._log = log(verbose)
        self._every = verbose > 1
        self._logged = time.monotonic()
        self._doing: dict[int, str] = {}
        self._waits: dict[int, str] = {}
        self._front: list[list[float]] = []
        self._best: float | None = None

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def told(self, worker: int, message: dict[str, Any]) -> None:
        """Shows a message, see `progress.Progress`."""
        if "doing" in message:
            self._doing[worker] = message["doing"]
        if "waits" in message:
            self._waits[worker] = message["waits"]
        if "best" in message and (
            self._best is None or self._monitor.better(message["best"], self._best)
        ):
            self._best = message["best"]
        if "front" in message:
            self._front = message["front"]
        if self._live:
            if "done" in message:
                self._live.console.print(Text(line(message["done"])))
            self._live.update(self._drawn(), refresh=True)
        elif "done" in message:
            self._write(message["done"])
        elif self._every and "doing" in message:
            several = f"worker {worker}   " if len(self._doing) > 1 else ""
            self._write(several + message["doing"])

    def go_on(self) -> None:
        """Logs the activities of the workers if nothing was logged for a minute."""
        if self._live is None and time.monotonic() - self._logged >= EVERY_S:
            for doing in self._doings():
                self._write("   ".join([doing, *self._best_so_far()]))

    def ended(self, worker: int) -> None:
        """Removes a worker that has ended."""
        self._doing.pop(worker, None)
        self._waits.pop(worker, None)

    def _drawn(self) -> Group:
        parts: list[Any] = []
        if len(self._objectives) > 1 and self._front:
            table = Table("trial", *(o.name for o in self._objectives), title="front")
            for trial, *figures in self._front:
                table.add_row(f"{trial:.0f}", *map(rounded, figures))
            parts.append(table)
        parts += [Text(line(doing)) for doing in self._doings()]
        parts += map(Text, self._best_so_far())
        return Group(*parts)

    def _doings(self) -> list[str]:
        several = len(self._doing) > 1
        found = []
        for worker, doing in sorted(self._doing.items()):
            name = f"worker {worker}" if several else ""
            words = (name, doing, self._waits.get(worker, ""))
            found.append("   ".join(filter(None, words)))
        return found

    def _best_so_far(self) -> list[str]:
        if self._best is None:
            return []
        name = self._monitor.name
        return [f"best {name} so far {find(name).text(self._best)}"]

    def _write(self, text: str) -> None:
        self._log(text)
        self._logged = time.monotonic()
