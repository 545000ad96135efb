"""Runs a map's network in another runtime or precision, checked on the scene itself."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from autoai4eo.cost.instrument import Instrument
from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.layers import MapKind
from autoai4eo.deploy.mapping.patchwise import Convert
from autoai4eo.deploy.mapping.sampling import sampled_windows
from autoai4eo.deploy.mapping.windows import WindowGrid
from autoai4eo.deploy.predictors.base import Predictor, checked
from autoai4eo.errors import UserError
from autoai4eo.runtimes import FileRuntime, runtime_of
from autoai4eo.runtimes.base import FLOAT32, Run
from autoai4eo.runtimes.checking import not_convertible

_CALIBRATED = 64  # windows of the scene, for int8


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


@contextmanager
def in_runtime(
    predictor: Predictor,
    how: MapRuntime,
    scene: Scene,
    grid: WindowGrid,
    kind: MapKind,
    min_agreement: float,
    verbose: int,
) -> Iterator[tuple[Predictor, Convert | None]]:
    """The predictor in another runtime, and what converts a further network to it.

    Their temporary files live as long as the context.

    Args:
        predictor: with a Keras network, or of a file that the runtime reads.
        how: the runtime.
        scene: of the map; windows of it calibrate int8, and are compared.
        grid: of the map.
        kind: of the map; it decides whether two predictions agree.
        min_agreement: the share of windows that must agree.
        verbose: 0: prints nothing.

    Raises:
        UserError: the network cannot be run so, or too few windows agree.
    """
    if how.runtime is None:
        yield predictor, None
        return
    windows = sampled_windows(predictor, scene, grid)
    with tempfile.TemporaryDirectory(prefix="autoai4eo-") as folder:
        numbers = itertools.count()

        def convert(network: keras.Model) -> Run:
            place = Path(folder, str(next(numbers)))
            place.mkdir()
            few = {n: values[:_CALIBRATED] for n, values in windows.items()} or None
            fits = network is predictor.network  # another takes whole tiles
            return Instrument(
                how.runtime, how.precision, how.threads, few if fits else None
            ).converted(network, place)

        in_keras = not isinstance(runtime_of(str(how.runtime)), FileRuntime)
        run = _run_of(predictor, how, convert)
        found = checked(replace(predictor, predict=run))
        if windows:
            number = len(next(iter(windows.values())))
            same = kind.same(found.predict(windows), predictor.predict(windows))
            share = f"{same.mean():.1%} of {number:,} windows of this scene"
            if same.mean() < min_agreement:
                raise UserError(
                    f"runtime {how.runtime} in {how.precision}: expected agreement "
                    f"with the model on {min_agreement:.1%}, found {share}; use "
                    "another precision, or lower --min-agreement"
                )
            if verbose:
                print(f"{how.runtime} in {how.precision} agrees on {share}")
        yield found, None if in_keras else convert


def _run_of(predictor: Predictor, how: MapRuntime, convert: Convert) -> Run:
    name = str(how.runtime)
    runtime = runtime_of(name, how.precision)
    if predictor.network is not None:
        if not isinstance(runtime, FileRuntime):
            return predictor.predict  # Keras runs it already
        return convert(predictor.network)
    path = Path(predictor.path)
    if not isinstance(runtime, FileRuntime) or not runtime.reads(path):
        raise UserError(
            f"{path}: expected a run, a .keras file or a file of {name}, found none of "
            "these; map with the run, or leave --runtime out"
        )
    if how.precision == "int8":
        raise UserError(
            f"{path}: expected a run or a .keras file to quantise, found a file; map "
            "with the run, or leave --precision out"
        )
    try:
        return runtime.load(path, how.precision, how.threads)
    except Exception as error:  # runtimes' errors have no common class
        raise not_convertible(name, error) from error
