"""One live line per trial, on a terminal; quiet elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import keras
from rich.console import Console
from rich.live import Live
from rich.text import Text

from autoai4eo.search.objectives import Objective


class Progress:
    """Shows the trial that runs: epoch, time left, best so far.

    Args:
        show: False keeps quiet whatever the terminal.
        objective: name of the figure that is shown.
    """

    def __init__(self, show: bool, objective: str) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._objective = objective
        self._live: Live | None = None
        if show and self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self.best: float | None = None

    def __enter__(self) -> Progress:
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

    def line(self, text: str) -> None:
        """Replaces the live line."""
        if self._live:
            best = (
                ""
                if self.best is None
                else f"   best {self._objective} {self.best:.4f}"
            )
            self._live.update(Text(text + best), refresh=True)

    def done(self, text: str) -> None:
        """Leaves a line above the live one."""
        if self._live:
            self._live.console.print(text)

    def finished(
        self, trial: int, logs: dict[str, float], objective: Objective
    ) -> None:
        """Says how a trial ended and remembers the best."""
        value = logs[objective.name]
        if self.best is None or objective.better(value, self.best):
            self.best = value
        self.done(f"trial {trial}   {objective.name} {value:.4f}")

    def callback(self, trial: str, epochs: int) -> keras.callbacks.Callback:
        """A Keras callback that keeps the line up to date while a trial trains."""
        return _TrialLine(self, trial, epochs, self._objective)


class _TrialLine(keras.callbacks.Callback):
    def __init__(self, to: Progress, trial: str, epochs: int, objective: str) -> None:
        super().__init__()
        self._to, self._trial, self._epochs = to, trial, epochs
        self._objective = objective
        self._start = time.monotonic()
        self._first: int | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._first = epoch if self._first is None else self._first
        per_epoch = (time.monotonic() - self._start) / (epoch + 1 - self._first)
        left = round(per_epoch * (self._epochs - epoch - 1))
        value = (logs or {}).get(self._objective)
        shown = "" if value is None else f"   {self._objective} {value:.4f}"
        self._to.line(
            f"{self._trial}   epoch {epoch + 1}/{self._epochs}   "
            f"{left // 60}:{left % 60:02d} left{shown}"
        )
