"""Resumes an interrupted training from its last finished epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from autoai4eo.files import in_one_step
from autoai4eo.learning.callbacks import BestEpoch, History
from autoai4eo.learning.checkpoint_file import check, damaged, read


class Finished(NamedTuple):
    """What is done of an interrupted training.

    Attributes:
        epochs: number of finished epochs.
        ended: whether a callback ended the training after the last of them.
    """

    epochs: int = 0
    ended: bool = False


class Checkpoint(keras.callbacks.Callback):
    """Writes the state of a training after every epoch, in one step.

    The state consists of weights, optimiser, random generators of layers and, where
    they are kept, the best epoch so far and the history, as plain arrays, since Keras
    takes seconds to write its own file. The caller removes the file once the result of
    the training is kept. This callback must be the last that may end the training.

    Args:
        path: of the file.
        best: the callback of the best epoch, if any; it must come before this one.
        history: the callback of the learning curve, if any; it must come before.
        of: identifies the training.
    """

    def __init__(
        self,
        path: Path,
        best: BestEpoch | None,
        history: History | None,
        of: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._path = path
        self._best = best
        self._history = history
        self._of = dict(of)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the file after an epoch."""
        story: dict[str, Any] = {
            "of": self._of,
            "epochs": epoch + 1,
            "ended": bool(self.model.stop_training),
        }
        weights: list[np.ndarray] = []
        if self._best is not None:
            best = self._best
            story |= {"best_epoch": best.epoch, "logs": best.logs, "curve": best.curve}
            weights = best.weights
        if self._history is not None:
            story["history"] = self._history.rows
        with in_one_step(self._path) as temporary:
            np.savez(
                temporary,
                story=np.array(json.dumps(story)),
                **_named("state", [_array(v) for v in _variables(self.model)]),
                **_named("best", weights),
            )


def restore(
    path: Path,
    model: keras.Model,
    best: BestEpoch | None,
    history: History | None,
    of: Mapping[str, Any],
) -> Finished:
    """Restores the state of a training from a file.

    Args:
        path: of a file that `Checkpoint` wrote; it may be missing.
        model: the same network, newly built and compiled.
        best: gets the best epoch so far, if it was kept.
        history: gets the learning curve so far, if it was kept.
        of: identifies the training.

    Returns:
        What is finished; nothing without a file.

    Raises:
        UserError: the file is damaged, or of another training; nothing is restored.
    """
    if not path.is_file():
        return Finished()
    check(path, of)
    story, kept = read(path)
    model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    states = [kept.get(f"state_{i}") for i in range(len(variables))]
    for variable, state in zip(variables, states, strict=True):
        if state is None or tuple(state.shape) != tuple(variable.shape):
            raise damaged(path, "it is that of another network")
        if state.dtype.kind not in "biufV":
            raise damaged(path, "values that are no numbers")
    for variable, state in zip(variables, states, strict=True):
        variable.assign(state)
    finished = int(story["epochs"])
    if best is not None:
        names = [name for name in kept if name.startswith("best_")]
        weights = [kept[f"best_{i}"] for i in range(len(names))]
        best.go_on(
            story["logs"], story["best_epoch"], weights, finished, story["curve"]
        )
    if history is not None:
        history.go_on(story.get("history", []))
    return Finished(finished, bool(story.get("ended", False)))


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _array(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _named(prefix: str, arrays: list[np.ndarray]) -> dict[str, Any]:
    return {f"{prefix}_{i}": array for i, array in enumerate(arrays)}
