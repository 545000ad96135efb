"""The live view of a search: its workers, what they do, and the front."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from autoai4eo.search.objectives import Objective, figure


class View:
    """Shows what workers tell on a terminal; quiet elsewhere.

    Args:
        show: False keeps quiet whatever the terminal.
        objectives: of the search; the first that is no cost is shown.
        monitor: the figure of which the best is shown.
    """

    def __init__(
        self, show: bool, objectives: tuple[Objective, ...], monitor: Objective
    ) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._objectives, self._monitor = objectives, monitor
        self._live: Live | None = None
        if show and self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._doing: dict[int, str] = {}
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
        """Takes a message, see `progress.Progress`."""
        if "doing" in message:
            self._doing[worker] = message["doing"]
        if "best" in message and (
            self._best is None or self._monitor.better(message["best"], self._best)
        ):
            self._best = message["best"]
        if "front" in message:
            self._front = message["front"]
        if self._live:
            if "done" in message:
                self._live.console.print(Text(message["done"]))
            self._live.update(self._drawn(), refresh=True)

    def ended(self, worker: int) -> None:
        """A worker is no more."""
        self._doing.pop(worker, None)

    def _drawn(self) -> Group:
        parts: list[Any] = []
        if len(self._objectives) > 1 and self._front:
            table = Table("trial", *(o.name for o in self._objectives), title="front")
            for trial, *figures in self._front:
                table.add_row(f"{trial:.0f}", *map(figure, figures))
            parts.append(table)
        for worker, doing in sorted(self._doing.items()):
            who = f"worker {worker}   " if len(self._doing) > 1 else ""
            parts.append(Text(who + doing))
        if self._best is not None:
            parts.append(Text(f"best {self._monitor.name} {self._best:.4f}"))
        return Group(*parts)
