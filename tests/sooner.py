"""What every test spends time on and none is about, done sooner.

Only here: a search of a user does all of it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pytest
from optuna.storages._rdb.storage import _VersionManager

if TYPE_CHECKING:
    from autoai4eo.deploy.export.formats import Format

#: Seconds in which a network is timed; a search takes up to a second for each.
TIMED_SECONDS = 0.02


def read_migrations_once() -> None:
    """Optuna's are the same whichever database is opened."""
    read = _VersionManager.get_head_version
    known: list[str] = []

    def once(self: _VersionManager) -> str:
        if not known:
            known.append(read(self))
        return known[0]

    _VersionManager.get_head_version = once


def leave_jax_alone() -> None:
    """Without JAX's work at each garbage collection; TensorFlow imports JAX."""
    gc.callbacks[:] = [one for one in gc.callbacks if "xla" not in one.__name__]


def record_one_stack() -> None:
    """Every operation of a graph is said to come from here, without looking."""
    from tensorflow.python.util import tf_stack

    here = tf_stack.extract_stack()
    tf_stack.extract_stack = lambda stacklevel=1: here


def time_networks_briefly() -> None:
    """The figures are less exact, which no test of a whole search looks at."""
    from autoai4eo.cost import instrument

    time_passes: Callable[..., Any] = instrument.time_passes

    def briefly(run: Callable[[], None], deadline: float, at_least_s: float) -> Any:
        soon = time.perf_counter() + TIMED_SECONDS
        return time_passes(run, min(deadline, soon), min(at_least_s, TIMED_SECONDS))

    instrument.time_passes = briefly


def grow_few_trees() -> None:
    """The references' trees, which are kept tree by tree: 30 rounds, not 100."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    HistGradientBoostingClassifier.__init__.__kwdefaults__["max_iter"] = 30


class SameProcess:
    """An exported model in this process, which has its runtime already.

    Stands in for `FreshProcess`, in which a runtime, often TensorFlow, is imported
    first.
    """

    def __init__(
        self, format: Format, path: Path, output: str = "probabilities"
    ) -> None:
        load = format.load.format(path=str(path.absolute()))
        call = format.call.format(output=output)
        self._names: dict[str, Any] = {}
        exec(f"{load}\ndef predict(pixels):\n    return {call}", self._names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._names.clear()

    def predict(self, pixels: Mapping[str, np.ndarray]) -> np.ndarray:
        return self._names["predict"](pixels)

    def latency_ms(self, pixels: Mapping[str, np.ndarray]) -> float:
        begin = time.perf_counter()
        self.predict(pixels)
        return 1000 * (time.perf_counter() - begin)


@contextmanager
def exports_checked_here() -> Iterator[None]:
    """An export is compared with Keras in this process."""
    from autoai4eo.deploy.export import comparison

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "FreshProcess", SameProcess)
        yield
