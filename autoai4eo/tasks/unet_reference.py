"""Trains a U-Net of about the finalist's parameters, as a reference of masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import optuna

from autoai4eo.blocks import (
    FeaturePyramid,
    ImageInput,
    SegmentationHead,
    UNetDecoder,
)
from autoai4eo.blocks.backbones.pyramid import FEWEST_LEVELS, possible_levels
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import BandStatistics, cached_statistics
from autoai4eo.errors import DamagedError, MissingError
from autoai4eo.learning.callbacks import NonFiniteLossError
from autoai4eo.learning.evaluation import score
from autoai4eo.learning.mask_references import judged_rows
from autoai4eo.learning.network_reference import train_network, width_for
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.training import Training
from autoai4eo.learning.verdict import UNET, in_words, short
from autoai4eo.log import told_while
from autoai4eo.runs import phases
from autoai4eo.runs.belonging import digest
from autoai4eo.runs.folder import Run, locked
from autoai4eo.runs.network_id import EVERYTHING, finalist_in
from autoai4eo.runs.reference_network import check_network, network_outputs
from autoai4eo.runs.trials import FULL_TRAINING_OF, trial_of
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.tuner import Tuner
from autoai4eo.tasks.configuration import configure, graph_of


@dataclass(frozen=True)
class UNets:
    """The U-Nets for the data of a search.

    Attributes:
        training: data and options of the search.
        statistics: of the bands of the training data, by input.
        loss: see `AutoModel.fit`.
        monitor: the metric that determines the best epoch.
        seed: of the U-Net.
    """

    training: Training
    statistics: Mapping[str, BandStatistics]
    loss: Any
    monitor: Objective
    seed: int

    @classmethod
    def of(cls, tuner: Tuner, training: Training) -> UNets:
        """Returns those for the data of a search, with the loss of its run."""
        return cls(
            training,
            cached_statistics(training.train, Run(tuner.run).statistics),
            Run(tuner.run).read()["arguments"].get("loss"),
            tuner.monitor,
            tuner.settings.seed,
        )

    def graph(self, width: int) -> Graph:
        """Returns the graph of the U-Net whose finest level has so many channels."""
        train = self.training.train
        inputs = [ImageInput(spec.name) for spec in train.inputs]
        pyramid = FeaturePyramid(
            family="residual",
            width=width,
            depth=1,
            kernel_size=3,
            levels=possible_levels(*train.target.shape),
        )
        decoder = UNetDecoder(width=width, depth=1, separable=False)
        features = decoder(pyramid(inputs))
        graph = graph_of(inputs, SegmentationHead(dropout=0.0)(features))
        configure(graph, train, self.statistics, self.loss)
        return graph

    def built(
        self, width: int, steps: int | None = None
    ) -> tuple[keras.Model, dict[str, Any]]:
        """Returns the U-Net of a width, and its hyperparameters: the defaults."""
        hp = keras_tuner.HyperParameters()
        return build(self.graph(width), hp, self.seed, steps), dict(hp.values)


def keep_unet(
    run: Path, study: optuna.Study, unets: UNets, tell: Callable[[str], None]
) -> None:
    """Trains and scores a U-Net beside the finalist of a run, unless it is there.

    It has about as many parameters as the finalist, and is trained for as many epochs
    as it was in all before it was judged on the validation data. Nothing happens if the
    target is no mask, the tiles are too small for a pyramid, or the finalist is an
    ensemble or such a U-Net itself.

    Args:
        run: the folder, with ``references.json`` and a finalist.
        study: of the search.
        unets: for its data.
        tell: takes lines about the work and the scores.
    """
    target = unets.training.train.target
    if target.kind != "mask" or possible_levels(*target.shape) < FEWEST_LEVELS:
        return
    folder = Run(run)
    with locked(run, "references"):
        kept = folder.read_evaluation()
        finalist = finalist_in(kept)
        if finalist is None or finalist.is_ensemble:
            return
        trial = trial_of(study, run, finalist.number).user_attrs
        if _is_unet(trial["hyperparameters"]):
            tell(f"reference {UNET}: the finalist is a U-Net itself")
            return
        wanted = {
            "wanted_params": int(trial["cost"]["params"]),
            "epochs": _epochs(kept, trial),
        }
        record = folder.read_references()
        if not _is_there(folder, record, wanted):
            batch_size = trial.get("batch_size", unets.training.batch_size)
            training = replace(unets.training, batch_size=batch_size)
            unets = replace(unets, training=training)
            doing = (
                f"training the reference {short(UNET)}, of about "
                f"{wanted['wanted_params']:,} parameters, for {wanted['epochs']} epochs"
            )
            with told_while(tell, doing):
                found = _trained(folder, unets, **wanted)
            if found is None:
                tell(f"reference {short(UNET)}: left out, its loss became infinite")
                return
            record = {**record, UNET: {**wanted, **found}}
            folder.write_references(_scored(record, run, training))
    record = folder.read_references()
    tell(f"reference {short(UNET)}: {in_words(record['scores'][UNET])} (validation)")


def _trained(
    folder: Run, unets: UNets, wanted_params: int, epochs: int
) -> dict[str, Any] | None:
    """Returns the record of a trained U-Net; None if its training failed."""
    width = width_for(
        wanted_params, lambda tried: int(unets.built(tried)[0].count_params())
    )
    training = unets.training
    steps = replace(training, epochs=epochs).steps
    network, recipe = unets.built(width, steps)
    how = (training, epochs, unets.seed, unets.monitor, folder.reference_network)
    try:
        train_network(network, recipe, *how)
    except NonFiniteLossError:
        return None
    return {
        "network": digest(folder.reference_network),
        "params": int(network.count_params()),
        "width": width,
    }


def _scored(record: dict[str, Any], run: Path, training: Training) -> dict[str, Any]:
    """Returns a record of references with the scores of its U-Net."""
    validation = training.validation
    assert validation is not None, "a search has validation data"
    rows = judged_rows(validation)
    judged: Dataset = validation.subset(rows)
    (output,) = network_outputs(run, record, judged, training.batch_size).values()
    return {
        **record,
        "scores": {**record["scores"], UNET: score(judged, output)},
        "fitted": {**record["fitted"], UNET: {}},
    }


def _is_there(folder: Run, record: dict[str, Any], wanted: dict[str, int]) -> bool:
    known = record.get(UNET, {})
    try:
        check_network(folder, record)
    except (MissingError, DamagedError):
        return False  # `soundness` reports why
    return all(known.get(name) == value for name, value in wanted.items())


def _is_unet(hyperparameters: Mapping[str, Any]) -> bool:
    """Returns whether a network is of the residual trunk and the U-Net's decoder."""
    chosen = {n.rpartition("/")[2]: v for n, v in hyperparameters.items()}
    return chosen.get("decoder") == "unet" and chosen.get("family") == "residual"


def _epochs(kept: Mapping[str, Any], trial: Mapping[str, Any]) -> int:
    """Returns the epochs of the network that is judged on the validation data.

    They are those of all trainings after another, also those after the best epoch.
    """
    before = int(trial["epochs"])
    if kept["trained_on"] == EVERYTHING:
        return before  # that of the trial is judged
    if found := phases.read(kept):
        return sum(phase.epochs for phase in found)
    # of an earlier version
    if FULL_TRAINING_OF in trial and "final_epochs" not in kept:
        return before  # the trial was the full training
    return before + int(kept["epochs"])
