"""What gives the latency of a search: a runtime, a device elsewhere, or its profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from autoai4eo.blocks.heads.classification import LatencyConstrainedHead
from autoai4eo.cost.instrument import Instrument
from autoai4eo.cost.latency import MeasuringInstrument
from autoai4eo.data.dataset import Dataset
from autoai4eo.devices.predicted import PredictedDevice
from autoai4eo.devices.remote import RemoteDevice
from autoai4eo.errors import UserError
from autoai4eo.learning.figures import ENERGY, MEASURED
from autoai4eo.runs.instrument import check_instrument, keep_instrument, other_version
from autoai4eo.runs.layout import DEVICE
from autoai4eo.runtimes.base import FLOAT32, Pixels
from autoai4eo.runtimes.energy import POWERCAP, read_energy
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph

_PATCHES = 16  # that a converted network is compared with Keras on


def instrument_for(
    settings: SearchSettings,
    known: Mapping[str, Any],
    run: Path,
    patches: Pixels | None = None,
    say: Callable[[str], None] | None = None,
) -> MeasuringInstrument:
    """Returns the instrument that measures latency.

    Uses the options of the user, otherwise those that the search began with, otherwise
    the defaults.

    Args:
        settings: the options of the search.
        known: what the search began with, see `autoai4eo.runs.instrument`.
        run: the run's folder.
        patches: some of the training data, see `Instrument`.
        say: is told that a device is waited for, or has changed.

    Raises:
        UserError: see `Instrument`, `RemoteDevice` and `PredictedDevice`.
    """
    if settings.device_profile is not None:
        return predicted_device(settings)
    precision = settings.precision or known.get("precision", FLOAT32)
    if settings.device is not None:
        return RemoteDevice(
            settings.device,
            settings.runtime,
            precision,
            settings.threads,
            patches,
            run / DEVICE,
            say,
        )
    return Instrument.like(
        known, settings.runtime, settings.precision, settings.threads, patches
    )


def predicted_device(settings: SearchSettings) -> PredictedDevice:
    """Returns the device whose profile the settings name.

    Raises:
        UserError: see `PredictedDevice`.
    """
    return PredictedDevice(
        Path(str(settings.device_profile)),
        settings.runtime,
        settings.precision,
        settings.threads,
    )


def some(dataset: Dataset) -> Pixels:
    """Reads a few samples, evenly spread over a data set."""
    return dataset.read(
        np.unique(np.linspace(0, len(dataset) - 1, _PATCHES, dtype=int))
    )


def heads_of(graph: Graph) -> list[LatencyConstrainedHead]:
    """Returns the heads of a graph that limit the latency themselves."""
    return [b for b in graph.blocks if isinstance(b, LatencyConstrainedHead)]


def record_instrument(
    study: optuna.Study,
    run: Path,
    settings: SearchSettings,
    graph: Graph,
    about: Mapping[str, Any],
    tell: Callable[[str], None] | None = None,
) -> None:
    """Records what measures latency; see `check_instrument`.

    Args:
        study: of the search.
        run: its folder.
        settings: its options.
        graph: its blocks.
        about: what measures latency, see `MeasuringInstrument`.
        tell: is told if the runtime has another version than before.

    Raises:
        UserError: the search depends on latency, and measured it otherwise before; or
            it depends on energy, which is not reported here.
    """
    names = {*(o.name for o in settings.objectives), *settings.constraints}
    on_gpu = not about["device"].startswith("CPU ")
    if ENERGY in names and settings.device is not None:
        raise UserError(
            f"{ENERGY}: expected a search that measures on this machine, found "
            "--device, and autoai4eo device serve sends no energy; use latency_ms, or "
            "leave --device out"
        )
    if ENERGY in names and not read_energy(on_gpu):
        raise UserError(
            f"{ENERGY}: expected a machine that reports its energy (RAPL of a CPU in "
            f"{POWERCAP}, readable by this user, or NVML of a GPU with nvidia-ml-py), "
            f"found none on {about['device']}; use latency_ms"
        )
    measured = {**about, "batch_size": settings.latency_batch_size}
    if names & {*MEASURED} or heads_of(graph):
        check_instrument(study, run, measured)
        if tell is not None and (line := other_version(study, about)):
            tell(f"warning: {line}")
    else:
        keep_instrument(study, measured)
