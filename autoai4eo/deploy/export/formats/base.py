"""A format: how to write a network in it, and how to run it."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np

from autoai4eo.deploy.predictors.description import target_of
from autoai4eo.runtimes.base import FLOAT32, FileRuntime

#: What files are called, by suffix.
OF_SUFFIX = {".onnx": "onnx", ".tflite": "litert", ".keras": "keras"}

#: Each call returns a new iterator of single patches (1, H, W, bands) by input name.
Calibration = Callable[[], Iterator[Mapping[str, np.ndarray]]]


class Format(ABC):
    """A format; to add one, add a file and an entry in `FORMATS`.

    `export` calls `check`, then `write` once with a temporary name, then runs `load`
    and `call` in a fresh process on the written model. For a quantised model it calls
    `write` again for the same network in float32. The model card also shows `load` and
    `call`. What a runtime of `autoai4eo.runtimes` converts and runs is a
    `RuntimeFormat`.

    Attributes:
        name: that the user writes.
        suffix: of file names; empty if an export is a folder.
        contents: of a folder: a regular expression of the paths in it that `write`
            makes.
        extra: the extra of this package that installs `needs`; None: no extra does.
        needs: modules that the format needs.
        tolerances: by quantisation (None: none), the largest allowed difference of an
            output from Keras's, see `Exported.max_difference`.
        backend: the Keras backend that writes it; None: any.
        framework: the framework that reads it, as the MLM extension spells it.
        distribution: the distribution whose version is the framework's.
        artifact_type: the writer, as the MLM extension spells it.
        media_type: of a file.
        load: Python that loads ``model`` from ``{path!r}``, with the runtime alone;
            other braces are doubled.
        call: Python expression for the outputs, float32 (N, outputs), of ``pixels``,
            float32 (N, H, W, bands) by input name. ``{output!r}`` in it is the name of
            the output, see `output_of`; other braces are doubled.
    """

    name: str
    suffix: str
    contents: ClassVar[str] = ""
    extra: str | None = None
    needs: tuple[str, ...] = ()
    tolerances: Mapping[str | None, float]
    backend: str | None = "tensorflow"
    framework: ClassVar[str]
    distribution: str
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
            out: the path to write; it does not exist.
            data: the entry of ``run.json`` on the training data, with the result of
                `target_of_run` as its ``target``.
            quantize: a key of `tolerances`.
            calibration: patches of the training data, if `quantize` is ``"int8"``.
        """

    @property
    def version(self) -> str:
        """The installed version of the framework."""
        return importlib.metadata.version(self.distribution)

    @property
    def runs_in(self) -> str:
        """What runs a written model here, with its version."""
        return f"{self.framework} {self.version}"

    @property
    def runtime_name(self) -> str:
        """The name of what runs it among `autoai4eo.runtimes.RUNTIMES`."""
        return self.backend or str(keras.backend.backend())


class RuntimeFormat(Format):
    """A format that a runtime converts to and runs; see there for what it needs.

    Args:
        runtime: of `autoai4eo.runtimes`.
        quantize: the precisions of the runtime that a file of this format can have,
            besides float32.
    """

    def __init__(self, runtime: FileRuntime, quantize: tuple[str, ...] = ()) -> None:
        self.runtime = runtime
        self.name, self.suffix = runtime.name, runtime.suffix
        self.extra, self.needs = runtime.extra, runtime.needs
        self.distribution, self.backend = runtime.distribution, runtime.backend
        allowed = runtime.tolerances
        self.tolerances = {None: allowed[FLOAT32]} | {q: allowed[q] for q in quantize}

    @property
    def runs_in(self) -> str:
        """See `Format.runs_in`."""
        return f"{self.runtime.runs_with} {self.runtime.version}"

    @property
    def runtime_name(self) -> str:
        """See `Format.runtime_name`."""
        return self.runtime.name

    def write(
        self,
        model: keras.Model,
        out: Path,
        data: Mapping[str, Any],
        quantize: str | None,
        calibration: Calibration | None,
    ) -> None:
        """See `Format.write`."""
        self.runtime.write(
            model, out, output_of(data), quantize or FLOAT32, calibration
        )


def output_of(data: Mapping[str, Any]) -> str:
    """Returns the name of a network's output, ``values`` or ``probabilities``.

    Args:
        data: see `Format.write`.
    """
    return target_of(data).output
