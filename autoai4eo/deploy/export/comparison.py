"""Compares an exported model with Keras, in a fresh process with its own runtime."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.target import Target
from autoai4eo.deploy.export import samples
from autoai4eo.deploy.export.checking import FreshProcess
from autoai4eo.deploy.export.formats import FORMATS, Format, output_of
from autoai4eo.deploy.predictors.description import target_of, target_told
from autoai4eo.errors import UserError
from autoai4eo.files import scratch_folder
from autoai4eo.learning.registry import task_of
from autoai4eo.networks.device import cpu_name
from autoai4eo.runs.comparable import MeasuredWith
from autoai4eo.runtimes.base import FLOAT32

#: Scores that show how much accuracy quantising loses.
_QUANTISED = (
    "mean_iou",
    "accuracy",
    "cohen_kappa",
    "f1_micro",
    "f1_macro",
    "rmse",
    "mae",
)


@dataclass(frozen=True)
class Exported:
    """An exported model, and how it compared with Keras in a fresh process.

    Attributes:
        path: of the file or folder.
        format: the name of its format.
        quantize: ``"float16"``, ``"int8"`` or None.
        size_bytes: on disk.
        max_difference: the largest difference of an output from Keras's; that of a
            value is a share of the value's largest magnitude.
        tolerance: the largest difference that is allowed.
        checked_on: the patches, in words.
        latency_ms: median time of one patch, in ms.
        device: that latency was measured on.
        runtime: that it was measured in, with its version.
        sample: what a sample is, see `Target.sample`.
        accuracy: of a quantised model: ``on`` (the patches), and the scores by name of
            ``float32`` and ``quantized`` (``accuracy`` and ``cohen_kappa`` of a
            class), or ``not_measured`` with the reason.
    """

    path: Path
    format: str
    quantize: str | None
    size_bytes: int
    max_difference: float
    tolerance: float
    checked_on: str
    latency_ms: float
    device: str
    runtime: str
    sample: str
    accuracy: dict[str, Any] | None = None

    @property
    def measured(self) -> MeasuredWith:
        """What measured the latency, with the threads that the runtime takes."""
        runtime, precision = FORMATS[self.format].runtime_name, self.quantize or FLOAT32
        return MeasuredWith(self.device, runtime, precision, None, 1, None)


@dataclass(frozen=True)
class Source:
    """A run's network and the data that it can be tested on.

    Attributes:
        run: the run's folder.
        known: its ``run.json``.
        model: the network that is exported.
        data: open data sets of the run, by role.
    """

    run: Path
    known: Mapping[str, Any]
    model: keras.Model
    data: Mapping[str, Dataset]

    @property
    def training(self) -> dict[str, Any]:
        """The entry of ``run.json`` on the training data; see `Format.write`."""
        return dict(self.known["data"]["training"])

    @property
    def target(self) -> Target:
        """What the network predicts."""
        return target_of(self.training)

    def part(self, role: str, most: int) -> samples.Part | None:
        """Returns at most `most` patches of the run's data; None if missing."""
        return samples.find(self.known, role, self.model, self.data, most)

    def calibration(self) -> Callable[[], Iterator[dict[str, np.ndarray]]]:
        """Returns a function that yields single training patches for int8.

        Raises:
            UserError: the training data are missing or damaged.
        """
        part = self.part("training", samples.CALIBRATED)
        if part is None:
            raise UserError(
                "quantize int8: expected the training data to calibrate it on, found "
                f"no such file: {self.training['path']}; restore it, or take float16"
            )

        def one_by_one() -> Iterator[dict[str, np.ndarray]]:
            for pixels, _ in part.blocks(1):
                yield pixels

        return one_by_one


def compare(
    kind: Format, written: Path, quantize: str | None, source: Source
) -> Exported:
    """Runs a written model in a fresh process and compares its outputs with Keras's.

    Raises:
        UserError: it differs from Keras by more than the format's tolerance, or the
            run's data are damaged.
        RuntimeError: it does not run in the fresh process.
    """
    some = samples.for_check(source.run, source.known, source.model, source.data)
    with keras.device("cpu:0"):
        expected = np.asarray(source.model(some.pixels, training=False))
    with FreshProcess(kind, written, output_of(source.training)) as fresh:
        difference = _difference(fresh.predict(some.pixels), expected, source.target)
        tolerance = kind.tolerances[quantize]
        if not difference <= tolerance:
            raise UserError(
                f"format {kind.name}: expected outputs within {tolerance:g} of Keras's "
                f"on {some.told}, found a difference of {difference:.2g}, and wrote "
                f"nothing; take {'float16' if quantize else 'another format'}"
            )
        one = {name: pixels[:1] for name, pixels in some.pixels.items()}
        latency = fresh.latency_ms(one)
        accuracy = None if quantize is None else _cost(kind, fresh, source)
    return Exported(
        path=written,
        format=kind.name,
        quantize=quantize,
        size_bytes=_size(written),
        max_difference=difference,
        tolerance=tolerance,
        checked_on=some.told,
        latency_ms=latency,
        device=cpu_name(),
        runtime=kind.runs_in,
        sample=source.target.sample,
        accuracy=accuracy,
    )


def _difference(found: np.ndarray, expected: np.ndarray, target: Target) -> float:
    """Returns the largest difference of two outputs (N, outputs); see `Exported`.

    Two NaN are equal; one NaN makes the difference infinite.
    """
    difference = np.abs(found - expected)
    difference[np.isnan(found) & np.isnan(expected)] = 0
    if target.kind == "value":
        largest = np.nanmax(np.abs(expected), axis=0, initial=0)
        difference = difference / np.where(largest > 0, largest, 1)
    return float(np.nan_to_num(difference, nan=np.inf).max())


def _cost(kind: Format, quantised: FreshProcess, source: Source) -> dict[str, Any]:
    """Scores the network with and without quantising, in the format's runtime."""
    part = source.part("validation", samples.JUDGED)
    if part is None:
        path = source.known["data"]["validation"]["path"]
        return {"not_measured": f"{path}: no such file"}
    task, fitted = task_of(source.target), target_told(source.training)
    scorers = {name: task.scorer(fitted) for name in ("float32", "quantized")}
    with scratch_folder() as folder:
        plain = Path(folder, f"float32{kind.suffix}")
        kind.write(source.model, plain, source.training, None, None)
        with FreshProcess(kind, plain, output_of(source.training)) as float32:
            for pixels, truth in part.blocks(samples.at_once(source.model)):
                for name, process in (("float32", float32), ("quantized", quantised)):
                    scorers[name].add(truth, process.predict(pixels))
    return {
        "on": part.told,
        **{
            name: {n: v for n, v in scorer.result().items() if n in _QUANTISED}
            for name, scorer in scorers.items()
        },
    }


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(
        Path(folder, name).stat().st_size
        for folder, _, names in os.walk(path)
        for name in names
    )
