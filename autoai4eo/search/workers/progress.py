"""Messages of a worker about its trials."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import keras
import optuna
from optuna.trial import TrialState

from autoai4eo.learning.figures import find, rounded
from autoai4eo.learning.objectives import Objective
from autoai4eo.runs import front
from autoai4eo.runs.study import trials_of
from autoai4eo.search.compat.optuna import read_once
from autoai4eo.text import counted

#: Least seconds between two messages that a training has finished batches.
BEAT_S = 5.0

Tell = Callable[[dict[str, Any]], None]


class Progress:
    """Reports events as small messages.

    ``{"doing": text}``: the present activity of the worker. ``{"waits": text}``: what
    it waits for meanwhile, empty if nothing. ``{"done": text}``: a line for the log.
    ``{"best": number}``: the figure of a complete trial. ``{"front": [[trial, figure,
    …], …]}``: the present front. ``{"batch": true}``: a batch was finished, at most
    every `BEAT_S` seconds.

    Args:
        tell: takes a message, a dict for JSON.
        objective: the figure to show.
    """

    def __init__(self, tell: Tell, objective: Objective) -> None:
        self.tell = tell
        self.objective = objective

    def line(self, text: str) -> None:
        """Reports the present activity of the worker."""
        self.tell({"doing": text})

    def done(self, text: str) -> None:
        """Reports a line for the log."""
        self.tell({"done": text})

    def ended(self, text: str) -> None:
        """Reports the end of a trial, with a line for the log.

        The choice of the next candidate may take minutes; meanwhile the epochs of the
        trial that has ended are no activity.
        """
        self.tell({"done": text, "doing": "choosing the next candidate"})

    def reached(self, logs: dict[str, float]) -> None:
        """Reports the figures of a complete trial."""
        self.tell({"best": logs[self.objective.name]})

    def callback(self, trial: str, epochs: int) -> keras.callbacks.Callback:
        """Returns a Keras callback that reports every epoch of a trial."""
        return _Epochs(self, trial, epochs)


def tell_front(study: optuna.Study, limits: Mapping[str, float], to: Progress) -> None:
    """Reports the front of several objectives after a trial.

    With its hypervolume if that compares from trial to trial, see `front.is_fixed`.
    """
    if len(study.directions) == 1:
        return
    with read_once(study):
        ended = [t for t in trials_of(study) if t.datetime_complete is not None]
        ended.sort(key=lambda trial: trial.datetime_complete or datetime.min)
        if not ended or ended[-1].state != TrialState.COMPLETE:
            return
        last = ended[-1]
        told = _volume(study, limits) if front.is_fixed(study, limits) else ""
        found: list[Any] = [[t.number, *t.values] for t in front.front(study)]
    to.tell({"front": found})
    to.done(f"trial {last.number}   front: {counted(len(found), 'trial')}{told}")


def _volume(study: optuna.Study, limits: Mapping[str, float]) -> str:
    point = front.reference(study, limits)
    at = ", ".join(f"{name} {rounded(value)}" for name, value in point.items())
    return f"   hypervolume {front.dominated(study, point):.4g} (reference: {at})"


class _Epochs(keras.callbacks.Callback):
    def __init__(self, to: Progress, trial: str, epochs: int) -> None:
        super().__init__()
        self._to, self._trial, self._epochs = to, trial, epochs
        self._start = time.monotonic()
        self._first: int | None = None
        self._beat = -BEAT_S

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self._gets_on()

    def on_test_batch_end(self, batch: int, logs: object = None) -> None:
        self._gets_on()

    def _gets_on(self) -> None:
        now = time.monotonic()
        if now - self._beat >= BEAT_S:
            self._beat = now
            self._to.tell({"batch": True})

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._first is None:
            self._first = epoch
            self._to.line(f"{self._trial}   in epoch {epoch + 1}/{self._epochs}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert self._first is not None
        per_epoch = (time.monotonic() - self._start) / (epoch + 1 - self._first)
        left = round(per_epoch * (self._epochs - epoch - 1))
        name = self._to.objective.name
        value = (logs or {}).get(name)
        shown = "" if value is None else f"   {name} {find(name).text(value)}"
        self._to.line(
            f"{self._trial}   epoch {epoch + 1}/{self._epochs}   "
            f"{left // 60}:{left % 60:02d} left{shown}"
        )
