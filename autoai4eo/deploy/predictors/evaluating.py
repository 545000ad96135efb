"""Any model, with what an evaluation of it must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autoai4eo.data.stream import Batches
from autoai4eo.data.units import Typical, typical_of
from autoai4eo.deploy.predictors.base import Predictor, output_shape
from autoai4eo.deploy.predictors.description import METADATA
from autoai4eo.deploy.predictors.loading import load_predictor
from autoai4eo.deploy.predictors.networks import load_network
from autoai4eo.learning.network import Network
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which


class Input(NamedTuple):
    """An input of a network: its name and its shape, (None, H, W, bands)."""

    name: str
    shape: tuple[int | None, ...]


class PredictorNetwork:
    """A `Predictor` of any runtime in the form of a `Network`."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.inputs = [
            Input(name, (None, *predictor.window, len(bands)))
            for name, bands in predictor.bands.items()
        ]
        self._one = output_shape(predictor.target)
        self.output_shape = (None, *self._one)

    def predict(self, batches: Batches, *, verbose: int = 0) -> np.ndarray:
        """See `Network.predict`."""
        some = [self._predictor.predict(batches[i][0]) for i in range(len(batches))]
        none = np.empty((0, *self._one), np.float32)
        return np.concatenate([none, *some])


@dataclass(frozen=True)
class Evaluated:
    """A model that is evaluated.

    Attributes:
        network: it.
        trained: the record of its training data, see `evaluation.open_for`; None: not
            known.
        typical: statistics of each band of its training data, by input.
        fitted: what `Task.fit` fitted to its outputs.
        run: its run's folder; None: a model without a run.
    """

    network: Network
    trained: dict[str, Any] | None = None
    typical: Mapping[str, tuple[Typical, ...]] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=dict)
    run: Path | None = None


def record_of(predictor: Predictor) -> dict[str, Any]:
    """Returns the record of a predictor's training data, as in run.json."""
    return {
        "inputs": [
            {"name": name, "bands": list(bands)}
            for name, bands in predictor.bands.items()
        ],
        "classes": list(predictor.target.classes),
        "target": predictor.target.kind,
    }


def evaluated(model: Path, trial: Which = None, trust: bool = False) -> Evaluated:
    """Loads a run, or a model that `load_predictor` knows.

    A ``.keras`` file without a description beside it takes the bands and classes of the
    data in their order.

    Args:
        model: the path, or a name of the catalogue.
        trial: of a run, see `load_predictor`.
        trust: see `load_predictor`.

    Raises:
        UserError: it cannot be loaded, see `load_predictor`.
    """
    run = Run(model)
    if run.exists:
        network = load_network(model, trial)
        statistics = run.read_statistics().items()
        return Evaluated(
            network,
            run.read()["data"]["training"],
            {name: typical_of(kept) for name, kept in statistics},
            # thresholds of labels were tuned on the outputs of the finalist
            run.read_evaluation() if trial is None else {},
            model,
        )
    if model.suffix == ".keras" and not (model.parent / METADATA).is_file():
        return Evaluated(load_network(model))
    predictor = load_predictor(model, trial=trial, trust=trust)
    tuned = predictor.thresholds
    return Evaluated(
        PredictorNetwork(predictor),
        record_of(predictor),
        predictor.typical or {},
        {} if tuned is None else {"thresholds": list(tuned)},
    )
