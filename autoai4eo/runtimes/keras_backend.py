"""The backend that Keras runs on, TensorFlow or JAX: compiled, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from autoai4eo.runtimes.base import FLOAT32, Calibration, Prepared, Runtime

if TYPE_CHECKING:
    import keras


class KerasBackend(Runtime):
    """Runs the network that Keras holds, compiled as `networks.compiled` describes.

    Its threads are those that the backend was started with.
    """

    tolerances: ClassVar[Mapping[str, float]] = {FLOAT32: 0.0}

    def __init__(self, name: str) -> None:
        self.name = self.distribution = self.backend = name

    def prepare(
        self,
        model: keras.Model,
        folder: Path,
        precision: str = FLOAT32,
        threads: int | None = None,
        calibration: Calibration | None = None,
    ) -> Prepared:
        """See `Runtime.prepare`."""
        from autoai4eo.networks.compiled import compiled_pass

        return Prepared(partial(compiled_pass, model))
