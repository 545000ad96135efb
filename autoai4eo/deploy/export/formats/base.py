"""A format: how a network is written in it, and how it is run from it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from autoai4eo.deploy.predictors.description import target_of
from autoai4eo.errors import UserError

#: Gives single patches (1, H, W, bands) by input name, anew on each call.
Calibration = Callable[[], Iterator[Mapping[str, np.ndarray]]]


class Format(ABC):
    """A format; one file and one entry in `FORMATS` adds one.

    `export` asks `check` first, then calls `write` once with a temporary name, then
    runs `load` and `call` in a fresh process on what was written. Where a model is
    quantised it calls `write` again for the same network in float32. The lines of
    `load` and `call` are in the model card, too.

    Attributes:
        name: as the user writes it.
        suffix: of its files' names; empty if it is a folder.
        extra: the extra of this package that installs the modules that it needs; None:
            it needs no more.
        needs: modules that it needs.
        tolerances: by quantisation (None: none), the largest allowed difference of an
            output from Keras's, see `Exported.max_difference`.
        on_tensorflow: whether Keras must run on TensorFlow to write it.
        framework: the framework that reads it, as the MLM extension spells it.
        distribution: the distribution whose version is the framework's.
        artifact_type: what wrote it, in the words of the MLM extension.
        media_type: of its file.
        load: Python that makes ``model`` of ``{path!r}``, with the runtime alone.
        call: Python expression that makes the outputs, float32 (N, outputs), of
            ``pixels``, float32 (N, H, W, bands) by input name. ``{output!r}`` in it is
            the name of the output, see `output_of`; other braces are doubled.
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
            model: from raw pixels, float32 (N, H, W, bands) for each input, to float32
                (N, outputs).
            out: where to; nothing is there yet.
            data: ``run.json`` on the training data; its ``target`` is what
                `target_of_run` gives.
            quantize: one of `tolerances`.
            calibration: patches of the training data, if `quantize` is ``"int8"``.
        """

    @property
    def version(self) -> str:
        """The version of the framework here."""
        return importlib.metadata.version(self.distribution)


def output_of(data: Mapping[str, Any]) -> str:
    """The name of a network's output: ``values``, or else ``probabilities``.

    Args:
        data: see `Format.write`.
    """
    return "values" if target_of(data).kind == "value" else "probabilities"


def check(format: Format, out: Path, quantize: str | None) -> None:
    """Whether a format can be written here.

    Raises:
        UserError: it has no such quantisation, the name has another suffix, Keras runs
            on another backend than the format needs, or a package is missing.
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
        package = f'"autoai4eo[{format.extra}]"' if format.extra else missing[0]
        raise UserError(
            f"format {format.name}: expected the package {missing[0]}, found none; "
            f"pip install {package}"
        )
