"""A training that was broken off goes on from its last finished epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.files import in_one_step, read_npz
from autoai4eo.search.callbacks import BestEpoch

FILE = "state.npz"
_CURE = "remove it: the training then begins anew"


class Checkpoint(keras.callbacks.Callback):
    """Writes the state of a training after every epoch, in one step.

    Weights, optimiser, random generators of layers, and the best epoch so far; plain
    arrays, since Keras takes seconds to write a file of its own. The file goes when
    the training ends.

    Args:
        path: of the file.
        best: the callback that keeps the best epoch; it comes first in the list.
    """

    def __init__(self, path: Path, best: BestEpoch) -> None:
        super().__init__()
        self._path = path
        self._best = best

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the file."""
        story = {
            "epochs": epoch + 1,
            "best_epoch": self._best.epoch,
            "logs": self._best.logs,
            "curve": self._best.curve,
        }
        with in_one_step(self._path) as temporary:
            np.savez(
                temporary,
                story=np.array(json.dumps(story)),
                **_named("state", [_array(v) for v in _variables(self.model)]),
                **_named("best", self._best.weights),
            )

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Removes the file."""
        self._path.unlink(missing_ok=True)


def epochs(path: Path) -> int:
    """How many epochs were finished when the file was written; 0 without a file."""
    if not path.is_file():
        return 0
    return int(json.loads(str(read_npz(path, _CURE, ("story",))["story"]))["epochs"])


def restore(path: Path, model: keras.Model, best: BestEpoch) -> int:
    """Gives a compiled network, as it was built, the state in a file.

    Args:
        path: of a file that `Checkpoint` wrote; it need not be there.
        model: the same network.
        best: gets the best epoch so far.

    Returns:
        How many epochs are finished; 0 where there is no file.
    """
    if not path.is_file():
        return 0
    model.optimizer.build(model.trainable_variables)
    kept = read_npz(path, _CURE, ("story",))
    story = json.loads(str(kept["story"]))
    for i, variable in enumerate(_variables(model)):
        variable.assign(kept[f"state_{i}"])
    names = [name for name in kept if name.startswith("best_")]
    weights = [kept[f"best_{i}"] for i in range(len(names))]
    finished = int(story["epochs"])
    best.go_on(story["logs"], story["best_epoch"], weights, finished, story["curve"])
    return finished


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]


def _array(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable))


def _named(prefix: str, arrays: list[np.ndarray]) -> dict[str, Any]:
    return {f"{prefix}_{i}": array for i, array in enumerate(arrays)}
