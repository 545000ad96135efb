"""Trains members of an ensemble anew, on training and validation data together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

import keras
import keras_tuner
from optuna.trial import FrozenTrial

from autoai4eo.data.dataset import Dataset
from autoai4eo.learning.training import Training
from autoai4eo.runs.seeds import candidate, derived_seed
from autoai4eo.search.space.graph import build
from autoai4eo.search.trials.finalist import epochs_alone
from autoai4eo.search.tuner import Tuner
from autoai4eo.text import counted

#: Distinguishes the seeds of these trainings from those of the search.
_SEEDS = 3


def refitting(
    tuner: Tuner, training: Training, whole: Dataset, tell: Callable[[str], None]
) -> Callable[[FrozenTrial], keras.Model]:
    """Returns a function that trains the network of a trial anew, in this process.

    Args:
        tuner: of the search.
        training: data and options of a full training.
        whole: training and validation data together.
        tell: takes a line about each training.
    """

    def refit(trial: FrozenTrial) -> keras.Model:
        tell(f"trial {trial.number}   training on {counted(len(whole), 'sample')}")
        hp = keras_tuner.HyperParameters()
        hp.values = dict(trial.user_attrs["hyperparameters"])
        batch_size = trial.user_attrs.get("batch_size", training.batch_size)
        how = training.on_everything(whole, epochs_alone(training, trial))
        how = replace(how.by_recipe(hp.values), end=inf, batch_size=batch_size)
        number = candidate(tuner.study, trial)
        seed = derived_seed(tuner.settings.seed, number, _SEEDS)
        model = build(tuner.graph, hp, seed, how.steps)
        how.run(model, seed, [])
        return model

    return refit
