"""What a search would try and take here, from two epochs of its default network."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf, prod
from typing import Any

import keras

from autoai4eo.cost import profile
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.splits import sample
from autoai4eo.learning.objectives import violation
from autoai4eo.learning.training import Training
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.building import candidates_of
from autoai4eo.search.space.graph import Graph, build

#: Most batches of an epoch that is measured; the time of a longer one is scaled.
MEASURED_BATCHES = 100


@dataclass(frozen=True)
class Rehearsal:
    """What a search would try, and the time it would take on this machine.

    Attributes:
        choices: the values of each hyperparameter of the default network, in words.
        networks: the number of combinations of them; infinite if one is a number from a
            range without steps.
        cost: of the default network, counted: a `Cost` as a dict.
        start_s: seconds of building it, and of what its first epoch takes more.
        epoch_s: seconds of its second epoch, on all data of a trial, with validation.
        share: of that epoch's batches that were measured.
        epochs: of a trial.
        trial_s: seconds of a trial, estimated.
        finalist_s: seconds of all trainings after the search, estimated.
        left: number of trials that are not trained yet.
        search_s: seconds of these trials by one worker, and of the finalist, estimated.
        over: the limits that the default network is over, in words; None: none.
    """

    choices: Mapping[str, str]
    networks: float
    cost: Mapping[str, Any]
    start_s: float
    epoch_s: float
    share: float
    epochs: int
    trial_s: float
    finalist_s: float
    left: int
    search_s: float
    over: str | None


def rehearse(
    graph: Graph, settings: SearchSettings, training: Training, trained: int = 0
) -> Rehearsal:
    """Trains the default network of a search for two epochs, and keeps nothing.

    Args:
        graph: of blocks, with the shapes of the data.
        settings: the options of the search.
        training: data and options of its trainings.
        trained: the number of its trials that are trained already.
    """
    trial = training.cheaper(settings.seed)
    recorded: dict[str, Sequence[Any]] = {}
    space, _ = candidates_of(graph, settings, trial.steps, lambda _: True, recorded)
    begun = time.monotonic()
    model = build(graph, space, settings.seed, trial.steps)
    built_s = time.monotonic() - begun
    cost = profile(model, latency=False).to_dict()
    most = MEASURED_BATCHES * trial.batch_size
    share = min(1.0, most / len(trial.train))
    part = partial(_part, share=share, seed=settings.seed)
    clock = _Clock()
    measured = replace(
        trial,
        train=part(trial.train),
        validation=trial.validation and part(trial.validation),
        epochs=2,
        callbacks=(),
        end=inf,
    )
    measured.by_recipe(space.values).run(model, settings.seed, [clock])
    first, second = clock.seconds
    epoch_s = second / share
    start_s = built_s + max(0.0, first - second)
    trial_s = start_s + trial.max_epochs * epoch_s
    # the finalist learns from all training data, whatever the proxy
    whole_s = epoch_s * len(training.train) / len(trial.train)
    finalist_s = start_s + whole_s * (training.final_epochs or training.max_epochs)
    finalist_s += _trained_again(settings) * (start_s + whole_s * training.max_epochs)
    left = max(0, settings.max_trials - trained)
    return Rehearsal(
        {hp.name: _told(hp) for hp in space.space},
        prod(_count(hp) for hp in space.space),
        cost,
        start_s,
        epoch_s,
        share,
        trial.max_epochs,
        trial_s,
        finalist_s,
        left,
        left * trial_s + finalist_s,
        violation(cost, settings.constraints),
    )


class _Clock(keras.callbacks.Callback):
    """Takes the seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._begun = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self._begun = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds.append(time.monotonic() - self._begun)


def _part(dataset: Dataset, share: float, seed: int) -> Dataset:
    if share == 1:
        return dataset
    return sample(dataset, max(2, round(share * len(dataset))), seed=seed)


def _trained_again(settings: SearchSettings) -> int:
    """Returns how many full trainings there are between the trials and the finalist."""
    number = settings.finalists or 0
    of_each = (settings.folds or 1) * settings.seeds
    return number * ((of_each if of_each > 1 else 0) + (settings.proxy is not None))


def _told(hp: Any) -> str:
    if hasattr(hp, "values"):
        return ", ".join(map(str, hp.values))
    if hasattr(hp, "min_value"):
        step = f" in steps of {hp.step}" if hp.step else ""
        return f"{hp.min_value:g} to {hp.max_value:g}{step}"
    return str(hp.value)


def _count(hp: Any) -> float:
    if hasattr(hp, "values"):
        return len(hp.values)
    if hasattr(hp, "min_value"):
        if hp.step and hp.sampling in (None, "linear"):
            return (hp.max_value - hp.min_value) // hp.step + 1
        return inf
    return 1
