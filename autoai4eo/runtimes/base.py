"""A runtime: how it converts a network and runs it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from autoai4eo.errors import UserError

if TYPE_CHECKING:
    import keras

    from autoai4eo.networks.compiled import CompiledPass

#: Arrays by the name of the input, samples first.
Pixels = Mapping[str, np.ndarray]
#: Outputs of a network, samples first.
Run = Callable[[Pixels], np.ndarray]
#: Gives single patches (1, H, W, bands) by input name, anew on each call.
Calibration = Callable[[], Iterator[Pixels]]

FLOAT32 = "float32"


@dataclass(frozen=True)
class Prepared:
    """A network that is ready to run in a runtime.

    Attributes:
        on: makes a pass over arrays, one for each of the network's inputs. The pass
            returns when the device is done.
        run: outputs for arrays by input name; None: it is Keras itself.
        file: the converted network; None: there is no file.
    """

    on: Callable[[Sequence[np.ndarray]], CompiledPass]
    run: Run | None = None
    file: Path | None = None


class Runtime(ABC):
    """Runs networks: the base class.

    Attributes:
        name: as the user writes it.
        distribution: the package whose version is the runtime's.
        extra: the extra of this package that installs what it needs; None: nothing
            more is needed.
        needs: modules that it needs.
        tolerances: by precision, the largest allowed difference of an output from
            Keras's, see `checking.check_outputs`.
        backend: the Keras backend that it needs for converting; None: any.
    """

    name: str
    distribution: str
    extra: ClassVar[str | None] = None
    needs: ClassVar[tuple[str, ...]] = ()
    tolerances: ClassVar[Mapping[str, float]]
    backend: str | None = None

    @property
    def version(self) -> str:
        """The version of the runtime here."""
        return importlib.metadata.version(self.distribution)

    def check(self, precision: str = FLOAT32) -> None:
        """Checks that networks of this precision can be prepared here.

        Raises:
            UserError: it has no such precision, a package is missing, or Keras uses
                another backend.
        """
        self.check_precision(precision)
        self.check_installed()
        check_backend(self._told, self.backend, "or use --runtime {found}")

    def check_precision(self, precision: str) -> None:
        """Checks that the runtime and this machine have a precision.

        Raises:
            UserError: they have not.
        """
        if precision not in self.tolerances:
            raise UserError(
                f"precision, for runtime {self.name}: expected one of "
                f"{', '.join(self.tolerances)}, got {precision!r}"
            )

    def check_installed(self) -> None:
        """Checks that the packages for running networks are installed.

        Raises:
            UserError: one is missing.
        """
        check_packages(self._told, self.needs, self.extra)

    @property
    def _told(self) -> str:
        """The runtime in messages."""
        return f"runtime {self.name}"

    @abstractmethod
    def prepare(
        self,
        model: keras.Model,
        folder: Path,
        precision: str = FLOAT32,
        threads: int | None = None,
        calibration: Calibration | None = None,
    ) -> Prepared:
        """Converts a network and loads it.

        Args:
            model: a functional or built Sequential model.
            folder: for files; nothing is needed of it later but what `Prepared` names.
            precision: one of `tolerances`.
            threads: of the runtime; None: a thread for each core of this process.
            calibration: patches of the training data, where `precision` is ``"int8"``.

        Raises:
            Exception: whatever the converter raises where it cannot convert it.
        """


class FileRuntime(Runtime):
    """A runtime that reads a file, which needs neither Keras nor this package.

    Attributes:
        suffix: of its files' names.
        runs_with: the one module that it needs for running, which `needs` may name
            beside those for converting.
    """

    suffix: ClassVar[str]
    runs_with: ClassVar[str]
    backend = "tensorflow"  # converts

    def check_can_run(self) -> None:
        """Checks that what runs its files is installed; converting may need more.

        Raises:
            UserError: it is not.
        """
        if importlib.util.find_spec(self.runs_with) is None:
            raise UserError(
                f"runtime {self.name}: expected the package {self.distribution}, found "
                f"none; pip install {self.distribution}"
            )

    @abstractmethod
    def write(
        self,
        model: keras.Model,
        out: Path,
        output: str = "output",
        precision: str = FLOAT32,
        calibration: Calibration | None = None,
    ) -> None:
        """Writes a network to a file.

        Args:
            model: see `Runtime.prepare`.
            out: the file; it does not exist yet.
            output: the name of the network's output.
            precision: see `Runtime.prepare`.
            calibration: see `Runtime.prepare`.
        """

    def reads(self, path: Path) -> bool:
        """Whether a path is of a network in the runtime's own form."""
        return path.suffix == self.suffix

    @abstractmethod
    def load(
        self, file: Path, precision: str = FLOAT32, threads: int | None = None
    ) -> Run:
        """Loads a file; neither Keras nor TensorFlow is imported.

        The arrays of a call may have any number of samples, where the network was not
        made for a fixed one. Of several outputs the first is returned.

        Raises:
            Exception: whatever the runtime raises where it cannot read it.
        """

    def prepare(
        self,
        model: keras.Model,
        folder: Path,
        precision: str = FLOAT32,
        threads: int | None = None,
        calibration: Calibration | None = None,
    ) -> Prepared:
        """See `Runtime.prepare`."""
        from autoai4eo.networks.compiled import CompiledPass

        file = folder / f"network{self.suffix}"
        self.write(model, file, precision=precision, calibration=calibration)
        run = self.load(file, precision, threads)
        names = [node.name for node in model.inputs]

        def on(arrays: Sequence[np.ndarray]) -> CompiledPass:
            pixels = dict(zip(names, arrays, strict=True))
            return CompiledPass(lambda: void(run(pixels)))

        return Prepared(on, run, file)


def check_packages(told: str, needs: Sequence[str], extra: str | None) -> None:
    """Checks that modules are installed.

    Args:
        told: what needs them, for the message.
        needs: names of modules.
        extra: the extra of this package that installs them; None: none does.

    Raises:
        UserError: one is missing.
    """
    missing = [m for m in needs if importlib.util.find_spec(m) is None]
    if missing:
        package = f'"autoai4eo[{extra}]"' if extra else missing[0]
        raise UserError(
            f"{told}: expected the package {missing[0]}, found none; pip install "
            f"{package}"
        )


def check_backend(told: str, wanted: str | None, otherwise: str) -> None:
    """Checks what Keras runs on.

    Args:
        told: what needs the backend, for the message.
        wanted: the backend; None: any.
        otherwise: what else the user may do; ``{found}`` is the backend in use.

    Raises:
        UserError: it is another.
    """
    if wanted is None:
        return
    import keras

    found = keras.backend.backend()
    if found != wanted:
        raise UserError(
            f"{told}: expected Keras on {wanted}, found it on {found}; set "
            f"KERAS_BACKEND={wanted}, {otherwise.format(found=found)}"
        )


def void(_: Any) -> None:
    """Drops a result."""


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
