"""Measures networks in a runtime of this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from autoai4eo.cost.latency import BATCHES, Latency, best_throughput
from autoai4eo.errors import UserError
from autoai4eo.files import scratch_folder
from autoai4eo.networks.device import (
    cpu_name,
    device_name,
    forget_peak_memory,
    peak_memory_bytes,
)
from autoai4eo.networks.inputs import InputShapes, input_tensors, random_arrays
from autoai4eo.runtimes import (
    RUNTIMES,
    FileRuntime,
    Prepared,
    Runtime,
    default_runtime,
    runtime_of,
)
from autoai4eo.runtimes.base import FLOAT32, Pixels, Run, cores
from autoai4eo.runtimes.checking import check_outputs, not_convertible
from autoai4eo.runtimes.energy import joules_between, until_updated
from autoai4eo.runtimes.timing import TIMED_SHARE, WARM_UP, time_passes

_CHECKED = 4  # samples that a converted network is compared with Keras on
_CALIBRATED = 16  # samples for int8, where the caller gives none


@dataclass(frozen=True)
class Instrument:
    """A runtime of this machine that measures networks.

    Attributes:
        runtime: its name, see `autoai4eo.runtimes.RUNTIMES`; None: the default.
        precision: of the computations; one that the runtime has.
        threads: of the runtime; None: a thread for each core of this process.
        patches: some of the training data, (n, H, W, bands) by input name, on which a
            converted network is compared with Keras, and calibrated for int8; None:
            random numbers.

    Raises:
        UserError: an unknown runtime or precision, or a missing package.
    """

    local: ClassVar[bool] = True
    runtime: str | None = None
    precision: str = FLOAT32
    threads: int | None = None
    patches: Pixels | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "runtime", self.runtime or default_runtime())
        if self.threads is not None and self.threads < 1:
            raise UserError(f"threads: expected 1 or more, got {self.threads}")
        runtime = runtime_of(str(self.runtime), self.precision)
        if self.threads is not None and not isinstance(runtime, FileRuntime):
            raise UserError(
                f"threads: expected a runtime that takes their number, found "
                f"{runtime.name}, which has those of this process; leave --threads out"
            )

    @classmethod
    def like(
        cls,
        known: Mapping[str, Any],
        runtime: str | None = None,
        precision: str | None = None,
        threads: int | None = None,
        patches: Pixels | None = None,
    ) -> Instrument:
        """Returns an instrument as given, else as recorded, else the default.

        Args:
            known: a recorded `about`; may be empty.
            runtime, precision, threads, patches: see the class; None: not given.

        Raises:
            UserError: see the class.
        """
        chosen = runtime or known.get("runtime")
        recorded = known if chosen == known.get("runtime") else {}
        if threads is None and isinstance(RUNTIMES.get(str(chosen)), FileRuntime):
            threads = recorded.get("threads")
        precision = precision or recorded.get("precision") or FLOAT32
        return cls(chosen, precision, threads, patches)

    @property
    def _runtime(self) -> Runtime:
        return runtime_of(str(self.runtime), self.precision)

    def about(self) -> dict[str, Any]:
        """What is measured with: device, runtime, version, precision, threads."""
        on_file = isinstance(self._runtime, FileRuntime)
        return {
            "device": cpu_name() if on_file else device_name(),
            "runtime": self.runtime,
            "runtime_version": self._runtime.version,
            "precision": self.precision,
            "threads": self.threads or cores(),
        }

    def remarks(self) -> dict[str, Any]:
        """See `MeasuringInstrument`: nothing."""
        return {}

    def converted(self, model: Any, folder: Path, checked: bool = True) -> Run:
        """The outputs of a network in a runtime that reads files.

        Args:
            model: a functional or built Sequential Keras model.
            folder: for the file, which is needed as long as the outputs are.
            checked: whether it is compared with Keras on a few samples.

        Raises:
            NotConvertible: see `prepared`.
        """
        run = self._prepare(model, folder, None, checked).run
        assert run is not None, "Keras's backends read no files"
        return run

    @contextmanager
    def prepared(
        self, model: Any, input_shapes: InputShapes | None = None
    ) -> Iterator[LocalNetwork]:
        """The network in the runtime, converted and compared with Keras.

        Args:
            model: a functional or built Sequential Keras model.
            input_shapes: see `measure_latency`.

        Raises:
            NotConvertible: the runtime cannot run it, or gives other outputs.
        """
        with scratch_folder() as folder:
            prepared = self._prepare(model, folder, input_shapes)
            yield LocalNetwork(model, prepared, self, input_shapes)

    def _prepare(
        self,
        model: Any,
        folder: Path,
        input_shapes: InputShapes | None,
        checked: bool = True,
    ) -> Prepared:
        name, runtime = str(self.runtime), self._runtime
        pixels = self._pixels(model, input_shapes)
        try:
            prepared = runtime.prepare(
                model,
                folder,
                self.precision,
                self.threads,
                lambda: _one_by_one(pixels),
            )
        except UserError:
            raise
        except Exception as error:  # converters' errors have no common class
            raise not_convertible(name, error) from error
        if prepared.run is not None and checked:
            few = {name: values[:_CHECKED] for name, values in pixels.items()}
            tolerance = runtime.tolerances[self.precision]
            check_outputs(name, prepared.run, model, few, tolerance)
        return prepared

    def _pixels(self, model: Any, input_shapes: InputShapes | None) -> Pixels:
        if self.patches is not None:
            return self.patches
        tensors = input_tensors(model, _CALIBRATED, input_shapes)
        return dict(
            zip((x.name for x in model.inputs), random_arrays(tensors), strict=True)
        )


@dataclass(frozen=True)
class LocalNetwork:
    """See `MeasuredNetwork`; `Instrument.prepared` makes one."""

    model: Any
    network: Prepared
    instrument: Instrument
    input_shapes: InputShapes | None = None

    def latency(self, batch_size: int, budget_s: float) -> Latency:
        """See `measure_latency`."""
        if batch_size < 1 or budget_s <= 0:
            raise UserError(
                f"expected a positive batch_size and budget_s, found {batch_size} and "
                f"{budget_s}; give at least 1 sample and some seconds"
            )
        tensors = input_tensors(self.model, batch_size, self.input_shapes)
        if tensors[0].shape[0] != batch_size:
            raise UserError(
                f"expected batch size {tensors[0].shape[0]}, which the model fixes, "
                f"found {batch_size}; measure with that, or build the model with an "
                "open one"
            )
        deadline = time.perf_counter() + budget_s
        in_keras = self.network.file is None
        if in_keras:
            forget_peak_memory()
        run = self.network.on(random_arrays(tensors))
        about = self.instrument.about()
        on_gpu = not about["device"].startswith("CPU ")
        run()  # what only the first pass needs is no energy of a sample
        _, before = until_updated(run, on_gpu)
        timing = time_passes(run, deadline, TIMED_SHARE * budget_s)
        more, after = until_updated(run, on_gpu)
        joules = joules_between(before, after)
        samples = batch_size * (WARM_UP + timing.runs + more)
        file = self.network.file
        return Latency(
            median_ms=timing.median_ms,
            p95_ms=timing.p95_ms,
            spread_ms=timing.spread_ms,
            batch_size=batch_size,
            runs=timing.runs,
            peak_memory_bytes=run.memory_bytes
            or (peak_memory_bytes() if in_keras else None),
            file_bytes=None if file is None else file.stat().st_size,
            energy_mj=None if joules is None else 1000 * joules / samples,
            **about,
        )

    def samples_per_second(self, budget_s: float) -> float:
        """See `MeasuredNetwork`."""
        return best_throughput(lambda n: self.latency(n, budget_s / len(BATCHES)))


def measure_latency(
    model: Any,
    batch_size: int = 1,
    budget_s: float = 1.0,
    *,
    input_shapes: InputShapes | None = None,
    instrument: Instrument | None = None,
) -> Latency:
    """Times forward passes in a runtime on random input.

    Each pass ends when the device has finished. Conversion, compilation and three
    warm-up passes are not timed. Passes are repeated until the budget is spent or the
    median is steady: after every tenth pass, the medians of the first and the second
    half of the passes are compared, and must differ by 2 % at most. In any case, at
    least three passes and a fifth of the budget are timed.

    Args:
        model: a functional or built Sequential Keras model.
        batch_size: samples in a pass.
        budget_s: seconds for compiling, warm-up and timing; a network that takes longer
            to compile overruns it.
        input_shapes: input name -> shape without batch, where the model leaves
            height or width open.
        instrument: the runtime; None: the default one, see `default_runtime`.

    Raises:
        UserError: `batch_size` or `budget_s` is not positive, the model fixes another
            batch size, an input's shape is not known, the Keras backend is neither
            TensorFlow nor JAX, or the runtime cannot run the model.
    """
    instrument = instrument or Instrument()
    with instrument.prepared(model, input_shapes) as network:
        return network.latency(batch_size, budget_s)


def _one_by_one(pixels: Pixels) -> Iterator[Mapping[str, np.ndarray]]:
    for i in range(len(next(iter(pixels.values())))):
        yield {name: values[i : i + 1] for name, values in pixels.items()}
