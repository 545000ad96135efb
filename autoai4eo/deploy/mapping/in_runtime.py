"""Runs a map's network in another runtime or precision."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from autoai4eo.cost.instrument import Instrument
from autoai4eo.deploy.predictors.base import Predictor, checked
from autoai4eo.errors import UserError
from autoai4eo.files import scratch_folder
from autoai4eo.runtimes import FileRuntime, runtime_of
from autoai4eo.runtimes.base import FLOAT32, Pixels, Run
from autoai4eo.runtimes.checking import not_convertible

_CALIBRATED = 64  # windows or tiles of the scene, for int8


@dataclass(frozen=True)
class MapRuntime:
    """What a map's network runs in.

    Attributes:
        runtime: a name of `autoai4eo.runtimes.RUNTIMES`; None: whatever the model runs
            in already.
        precision: of its computations.
        threads: of the runtime; None: one for each core.
    """

    runtime: str | None = None
    precision: str = FLOAT32
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.runtime is not None:
            runtime_of(self.runtime, self.precision)
        elif self.precision != FLOAT32:
            raise UserError(
                f"precision: expected a runtime for {self.precision}, found none; add "
                "--runtime openvino or litert"
            )
        elif self.threads is not None:
            raise UserError(
                "threads: expected a runtime to give them to, found none; add "
                "--runtime onnx, or leave --threads out"
            )


class Converter:
    """Runs the network of a map in another runtime.

    Args:
        how: the runtime.
        folder: for the converted networks, which are needed as long as they run.
    """

    def __init__(self, how: MapRuntime, folder: Path) -> None:
        self.how = how
        self._folder = folder
        self._numbers = itertools.count()

    def predictor(self, predictor: Predictor, windows: Pixels) -> Predictor:
        """Returns a predictor in the runtime.

        Args:
            predictor: with a Keras network, or of a file that the runtime reads.
            windows: of the scene, (n, height, width, bands) by input, for int8.

        Raises:
            UserError: the network cannot be run so.
        """
        return checked(replace(predictor, predict=self._run_of(predictor, windows)))

    def tile(self, network: keras.Model, tiles: Pixels) -> Run | None:
        """Converts a network that takes whole tiles.

        Args:
            network: the network.
            tiles: of the scene, (n, height, width, bands) by input, for int8.

        Returns:
            What runs it; None if Keras does.

        Raises:
            UserError: the network cannot be run so; also when it runs.
        """
        if self._in_keras:
            return None
        run = self._converted(network, tiles)

        def guarded(pixels: Pixels) -> np.ndarray:
            try:
                return run(pixels)
            except Exception as error:  # runtimes' errors have no common class
                raise not_convertible(str(self.how.runtime), error) from error

        return guarded

    @property
    def _in_keras(self) -> bool:
        return not isinstance(runtime_of(str(self.how.runtime)), FileRuntime)

    def _converted(self, network: keras.Model, pixels: Pixels) -> Run:
        how = self.how
        place = self._folder / str(next(self._numbers))
        place.mkdir()
        few = {name: values[:_CALIBRATED] for name, values in pixels.items()}
        instrument = Instrument(how.runtime, how.precision, how.threads, few or None)
        # what a lower precision changes is judged by the classes of the scene
        return instrument.converted(network, place, how.precision == FLOAT32)

    def _run_of(self, predictor: Predictor, windows: Pixels) -> Run:
        how, name = self.how, str(self.how.runtime)
        runtime = runtime_of(name, how.precision)
        if predictor.network is not None:
            if self._in_keras:
                return predictor.predict
            return self._converted(predictor.network, windows)
        path = Path(predictor.path)
        if not isinstance(runtime, FileRuntime) or not runtime.reads(path):
            raise UserError(
                f"{path}: expected a run, a .keras file or a file of {name}, found "
                "none of these; map with the run, or leave --runtime out"
            )
        if how.precision == "int8":
            raise UserError(
                f"{path}: expected a run or a .keras file to quantise, found a file; "
                "map with the run, or leave --precision out"
            )
        try:
            return runtime.load(path, how.precision, how.threads)
        except Exception as error:  # runtimes' errors have no common class
            raise not_convertible(name, error) from error


def check_agreement(
    how: MapRuntime | None,
    agreement: float,
    share: str,
    min_agreement: float,
    verbose: int,
) -> None:
    """Checks that another way of computing agrees with the model; prints by how much.

    Args:
        how: the runtime; None: dense inference in Keras.
        agreement: share of what was sampled.
        share: the same in words.
        min_agreement, verbose: see `map_scene`.

    Raises:
        UserError: they agree too seldom.
    """
    if agreement < min_agreement:
        raise UserError(
            f"dense: expected agreement with exact windows on {min_agreement:.1%}, "
            f"found {share}; leave --dense out, or lower --min-agreement"
            if how is None
            else f"runtime {how.runtime} in {how.precision}: expected agreement with "
            f"the model on {min_agreement:.1%}, found {share}; use another precision, "
            "or lower --min-agreement"
        )
    if verbose:
        print(
            f"dense inference agrees with exact windows on {share}"
            if how is None
            else f"{how.runtime} in {how.precision} agrees on {share}"
        )


@contextmanager
def converter(how: MapRuntime) -> Iterator[Converter | None]:
    """A converter, whose files live as long as the context; None without a runtime."""
    if how.runtime is None:
        yield None
        return
    with scratch_folder() as folder:
        yield Converter(how, folder)
