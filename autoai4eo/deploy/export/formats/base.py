"""A format: how to write a network in it, and how to run it."""

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

#: Each call returns a new iterator of single patches (1, H, W, bands) by input name.
Calibration = Callable[[], Iterator[Mapping[str, np.ndarray]]]


class Format(ABC):
    """A format; to add one, add a file and an entry in `FORMATS`.

    `export` calls `check`, then `write` once with a temporary name, then runs `load`
    and `call` in a fresh process on the written model. For a quantised model it calls
    `write` again for the same network in float32. The model card also shows `load` and
    `call`.

    Attributes:
        name: that the user writes.
        suffix: of file names; empty if an export is a folder.
        extra: the extra of this package that installs `needs`; None: `needs` is empty.
        needs: modules that the format needs.
        tolerances: by quantisation (None: none), the largest allowed difference of an
            output from Keras's, see `Exported.max_difference`.
        on_tensorflow: whether Keras must run on TensorFlow to write it.
        framework: the framework that reads it, as the MLM extension spells it.
        distribution: the distribution whose version is the framework's.
        artifact_type: the writer, as the MLM extension spells it.
        media_type: of a file.
        load: Python that loads ``model`` from ``{path!r}``, with the runtime alone.
        call: Python expression for the outputs, float32 (N, outputs), of ``pixels``,
            float32 (N, H, W, bands) by input name. ``{output!r}`` in it is the name of
            the output, see `output_of`; other braces are doubled.
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


def output_of(data: Mapping[str, Any]) -> str:
    """Returns the name of a network's output, ``values`` or ``probabilities``.

    Args:
        data: see `Format.write`.
    """
    return target_of(data).output


def check(format: Format, out: Path, quantize: str | None) -> None:
    """Checks that a format can be written here.

    Raises:
        UserError: the format lacks this quantisation, the name has another suffix,
            Keras runs on another backend than the format needs, or a package is
            missing.
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
