"""What a format is: how a network is written in it, and how it is run from it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from autoai4eo.errors import UserError

#: Gives single patches (1, H, W, bands) by input name, anew on each call.
Calibration = Callable[[], Iterator[Mapping[str, np.ndarray]]]


class Format(ABC):
    """A format; one file and one entry in `FORMATS` adds one.

    `export` asks `check` first, then calls `write` once with a name that is not yet
    the final one, then runs `load` and `call` in a fresh process on what was written.
    The same lines are in the model card.

    Attributes:
        name: as the user writes it.
        suffix: that the name of its file ends with; empty where it is a folder.
        extra: of this package, which installs what it needs; None: nothing more.
        needs: modules that must be there.
        tolerances: by quantisation (None: none), how far a probability may be from
            Keras's. Over it the export is refused.
        on_tensorflow: whether Keras must run on TensorFlow to write it.
        framework: that reads it, as the MLM extension spells it.
        distribution: whose version is told as the framework's.
        artifact_type: what wrote it, in the words of the MLM extension.
        media_type: of its file.
        load: Python that makes ``model`` of ``{path!r}``, in the runtime alone.
        call: Python that makes of ``pixels``, float32 (N, H, W, bands) by input name,
            the probabilities, float32 (N, classes).
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    extra: ClassVar[str | None] = None
    needs: ClassVar[tuple[str, ...]] = ()
    tolerances: ClassVar[Mapping[str | None, float]]
    on_tensorflow: ClassVar[bool] = True
    framework: ClassVar[str]
    distribution: ClassVar[str]
    artifact_type: ClassVar[str]
    media_type: ClassVar[str]
    load: ClassVar[str]
    call: ClassVar[str]

    @abstractmethod
    def write(
        self,
        model: keras.Model,
        out: Path,
        data: Mapping[str, Any],
        quantize: str | None,
        calibration: Calibration | None,
    ) -> None:
        """Writes a network.

        Args:
            model: takes raw pixels, float32 (N, H, W, bands) for each input, and gives
                probabilities, float32 (N, classes).
            out: where; nothing is there yet.
            data: what ``run.json`` says of the training data.
            quantize: one of `tolerances`.
            calibration: patches of the training data, where `quantize` is ``"int8"``.
        """

    @property
    def version(self) -> str:
        """The version of the framework here."""
        return importlib.metadata.version(self.distribution)


def check(format: Format, out: Path, quantize: str | None) -> None:
    """Whether a format can be written here, before anything is done for it.

    Raises:
        UserError: it does not quantise like that, the name has another suffix, Keras
            runs on another backend than it must, or a package is missing.
    """
    if quantize not in format.tolerances:
        ways = [way for way in format.tolerances if way is not None]
        expected = f"one of {', '.join(ways)}" if ways else "none; litert has it"
        raise UserError(
            f"quantize, for format {format.name}: expected {expected}, got {quantize!r}"
        )
    if format.suffix and out.suffix != format.suffix:
        raise UserError(
            f"{out}: expected a name that ends with {format.suffix}; add it"
        )
    if format.on_tensorflow and keras.backend.backend() != "tensorflow":
        raise UserError(
            f"format {format.name}: expected Keras on TensorFlow, found it on "
            f"{keras.backend.backend()}; set KERAS_BACKEND=tensorflow and export again"
        )
    missing = [m for m in format.needs if importlib.util.find_spec(m) is None]
    if missing:
        raise UserError(
            f"format {format.name}: expected the package {missing[0]}, found none; "
            f'pip install "autoai4eo[{format.extra}]"'
        )
