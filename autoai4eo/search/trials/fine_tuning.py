"""Trains a found network further while it rounds as in int8.

Quantising after the training costs accuracy; a network that was trained with the
rounding can lose less (Jacob et al. 2018, arXiv:1712.05877).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from optuna.trial import FrozenTrial

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.stream import Batches
from autoai4eo.errors import UserError
from autoai4eo.learning.evaluation import outputs
from autoai4eo.learning.figures import VALIDATION, find
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.optimizer import LayerwiseAdamW
from autoai4eo.learning.registry import TASKS, task_of
from autoai4eo.learning.training import Training
from autoai4eo.learning.worst_group import OBJECTIVE
from autoai4eo.networks.fake_quantized import fake_quantized
from autoai4eo.networks.saving import save_model
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import finalist_in
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.trials.instruments import some
from autoai4eo.search.trials.quantized import quantized_metrics
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress
from autoai4eo.search.workers.yielding import YieldToMeasurements

#: The learning rate begins with this share of the one of the training.
RATE = 0.1

Metrics = dict[str, float]


def check_judged(settings: SearchSettings, refit_on: Dataset | None) -> None:
    """Checks that validation data can judge a fine-tuned finalist.

    Raises:
        UserError: the finalist is trained on them, too.
    """
    if settings.fine_tune_quantized is not None and refit_on is not None:
        raise UserError(
            "fine_tune_quantized: expected a finalist that the validation data can "
            "judge, found one that is trained on them, too; give validation_data, and "
            "leave refit and folds out"
        )


def is_done(run: Path, settings: SearchSettings) -> bool:
    """Whether the finalist in a run's folder was fine-tuned, if it is to be."""
    if settings.fine_tune_quantized is None:
        return True
    evaluation = Run(run).read_evaluation()
    if (finalist := finalist_in(evaluation)) and finalist.is_ensemble:
        return True  # an ensemble is not trained
    known = evaluation.get("quantized", {})
    return bool(known.get("epochs") == settings.fine_tune_quantized)


def is_other(run: Path, settings: SearchSettings) -> bool:
    """Whether the finalist was fine-tuned for another number of epochs than wanted.

    It must be trained anew, since fine-tuning begins with a network in float32.
    """
    return not is_done(run, settings) and "quantized" in Run(run).read_evaluation()


def of(
    settings: SearchSettings,
    trial: FrozenTrial,
    graph: Graph,
    training: Training,
    seed: int,
    progress: Progress,
    lock: MeasurementLock,
) -> Callable[[Path], Mapping[str, Any]]:
    """Returns what fine-tunes a finalist's file for int8.

    It takes the path of the network, and writes that anew if it became better. It
    returns what evaluation.json is to say: ``metrics`` in float32, and ``quantized``:
    ``before``, ``after``, ``epoch`` (from 1; 0: none was better) and ``epochs``.

    Args:
        settings: of the search, with the number of epochs.
        trial: the finalist.
        graph: of its blocks.
        training: data and options.
        seed: of the order of the data.
        progress: reports events.
        lock: pauses the training during measurements.
    """
    epochs = settings.fine_tune_quantized
    assert epochs is not None, "see is_done"
    cost, hp = trial.user_attrs["cost"], keras_tuner.HyperParameters()
    about = {
        "runtime": settings.runtime or cost.get("runtime"),
        "precision": settings.precision,
    }
    hp.values = dict(trial.user_attrs["hyperparameters"])
    batch_size = trial.user_attrs.get("batch_size", training.batch_size)
    training = replace(training.by_recipe(hp.values), batch_size=batch_size)

    def tune(path: Path) -> dict[str, Any]:
        validation = training.validation
        assert validation is not None, "see check_judged"
        network = build(graph, hp, seed, training.steps)
        network.set_weights(keras.models.load_model(path).get_weights())
        patches = some(training.train)

        def judge(network: keras.Model) -> Metrics:
            # one that quantising spoils is what fine-tuning is for
            return quantized_metrics(network, about, patches, validation, False)

        best = fine_tune(
            network,
            training,
            epochs,
            hp.values["learning_rate"],
            seed,
            judge,
            (settings.monitor, TASKS[settings.kind].objective),
            [YieldToMeasurements(lock), progress.callback("fine-tuning", epochs)],
        )
        name = best.objective.name
        before, after = (find(name).text(m[name]) for m in (best.before, best.metrics))
        begin = f"finalist   fine-tuning for {about['precision']}"
        if best.diverged:
            progress.done(f"{begin} ended: the loss is not finite; try fewer epochs")
        if best.epoch < 0:
            progress.done(f"{begin} did not improve it ({name} {before}): it is kept")
        else:
            progress.done(
                f"{begin}: {name} {before} before, {after} after epoch "
                f"{best.epoch + 1} of {epochs}"
            )
        told = {
            "before": best.before,
            "after": best.metrics,
            "epoch": best.epoch + 1,
            "epochs": epochs,
        }
        if best.epoch < 0:
            return {"quantized": told}
        save_model(network, path)
        return {"metrics": float32_metrics(network, training), "quantized": told}

    return tune


class BestQuantized(keras.callbacks.Callback):
    """Keeps the weights of the epoch that is best in the runtime of deployment.

    Attributes:
        before: the metrics of the quantised network before the training.
        metrics: those of the best epoch, or `before`.
        epoch: the best epoch, from 0; -1: none was better than `before`.
        diverged: whether the loss was not finite, which ends the training.
        objective: the metric that epochs are compared by.

    Args:
        network: whose weights are trained.
        judge: returns the metrics of the quantised network.
        objectives: the first that is among these metrics compares epochs.
    """

    def __init__(
        self,
        network: keras.Model,
        judge: Callable[[keras.Model], Metrics],
        objectives: Sequence[Objective],
    ) -> None:
        super().__init__()
        self._network, self._judge = network, judge
        self._weights: list[np.ndarray] = network.get_weights()
        self.before = self.metrics = judge(network)
        self.objective = next(o for o in objectives if o.name in self.before)
        self.epoch = -1
        self.diverged = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judges the epoch; an end of the training if the loss is not finite."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.diverged = self.model.stop_training = True
            return
        found, name = self._judge(self._network), self.objective.name
        if self.objective.better(found[name], self.metrics[name]):
            self.metrics, self.epoch = found, epoch
            self._weights = self._network.get_weights()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Gives the network the weights of the best epoch."""
        self._network.set_weights(self._weights)


def fine_tune(
    network: keras.Model,
    training: Training,
    epochs: int,
    rate: float,
    seed: int,
    judge: Callable[[keras.Model], Metrics],
    objectives: Sequence[Objective],
    callbacks: Sequence[keras.callbacks.Callback] = (),
    rounding: Callable[[keras.Model], keras.Model] = fake_quantized,
) -> BestQuantized:
    """Trains a network in place with simulated rounding; keeps the best epoch.

    Its weights stay float32, so that it is converted and exported as any other. After
    each epoch it is converted and scored; without an epoch that is better than before,
    it keeps its weights.

    Args:
        network: compiled by `autoai4eo.search.space.graph.Graph`.
        training: data and options.
        epochs: to train.
        rate: the learning rate that it was trained with; that of the fine-tuning begins
            with a tenth of it, and decays to 0 as a cosine.
        seed: of the order of the data.
        judge: returns the metrics of the quantised network.
        objectives: the first that is among these metrics compares epochs.
        callbacks: further ones.
        rounding: returns the network to train, which shares the weights.
    """
    best = BestQuantized(network, judge, objectives)
    training = replace(
        training, validation=None, epochs=epochs, end=math.inf, proxy=None
    )
    assert training.steps is not None, "epochs are given"
    model = rounding(network)
    model.compile(_optimizer(network, model, rate, training.steps), network.loss)
    training.run(model, seed, [best, *callbacks])
    return best


def float32_metrics(network: keras.Model, training: Training) -> Metrics:
    """Returns the metrics of a compiled network on the validation data."""
    assert training.validation is not None, "the caller has validation data"
    encode = task_of(training.train.target).encode
    batches = Batches(training.validation, training.batch_size, encode=encode)
    found = network.evaluate(batches, return_dict=True, verbose=0)
    told = {f"{VALIDATION}{name}": float(value) for name, value in found.items()}
    if (groups := training.groups) is not None:
        output = outputs(network, training.validation, training.batch_size)
        told[OBJECTIVE] = groups.worst(output)
    return told


def _optimizer(
    network: keras.Model, model: keras.Model, rate: float, steps: int
) -> LayerwiseAdamW:
    """Returns AdamW with the factors of `network`'s layers, for `model`."""
    known = network.optimizer
    of = zip(network.trainable_variables, known.factors, strict=True)
    factors = {id(variable): factor for variable, factor in of}
    return LayerwiseAdamW(
        [factors[id(variable)] for variable in model.trainable_variables],
        learning_rate=keras.optimizers.schedules.CosineDecay(RATE * rate, steps),
        weight_decay=known.decoupled_decay,
    )
