"""The training of one network: its data and options."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from autoai4eo.data.augmentation import Augmentation
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.splits import sample
from autoai4eo.data.stream import Batches
from autoai4eo.errors import UserError
from autoai4eo.learning.callbacks import Deadline, EarlyStopping, WorstGroup
from autoai4eo.learning.data_parallel import data_parallel, device_count
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.worst_group import OBJECTIVE, CountedGroups, is_asked_for

#: Most epochs if the user gives none; training usually stops earlier.
UNNAMED_EPOCHS = 1000


def clock_after(hours: float | None) -> float:
    """Returns the value of `time.monotonic` after so many hours; None: infinity."""
    return math.inf if hours is None else time.monotonic() + 3600 * hours


@dataclass(frozen=True)
class Proxy:
    """A cheaper training to judge candidates by.

    Attributes:
        epochs: None: as in a full training.
        fraction: of the training data.
    """

    epochs: int | None = None
    fraction: float = 1.0


@dataclass(frozen=True)
class Training:
    """The data and options of trainings.

    Attributes:
        train, validation: the data; validation is None for a last training on all data.
        epochs: per network; None trains until the validation loss has not improved for
            ten epochs, as AutoKeras does.
        final_epochs: of the finalist, which is then trained anew; None: it continues
            for as many epochs more.
        batch_size: samples per step.
        callbacks: the user's Keras callbacks, copied for each training.
        objectives: of the search; the kappa of the worst group is computed after each
            epoch if it is one.
        class_weight: weight of the loss by class number.
        augmentation: of the training patches.
        end: of the time limit, on the clock `time.monotonic`; the epoch that runs then
            is the last.
        fit: further arguments of `keras.Model.fit`.
        proxy: the cheaper training to judge candidates by, if any.
        splits: training and held-out parts that finalists are trained on again, and
            scored on; empty: they are not trained again.
        split_by: the name of the groups that stay together in a held-out part.
        data_parallel: divides each batch among all devices of this machine. Up to one
            sample less than there are devices is left out of each epoch and of its
            validation, so that the last batch can be divided, too.
        label_smoothing: share of each label that is spread over other classes in
            training, not in validation, see `Task.encode_training`.
    """

    train: Dataset
    validation: Dataset | None
    epochs: int | None = None
    final_epochs: int | None = None
    batch_size: int = 32
    callbacks: Sequence[keras.callbacks.Callback] = ()
    objectives: Sequence[Objective] = ()
    class_weight: dict[int, float] | None = None
    augmentation: Augmentation | None = None
    end: float = math.inf
    fit: dict[str, Any] = field(default_factory=dict)
    proxy: Proxy | None = None
    splits: Sequence[tuple[Dataset, Dataset]] = ()
    split_by: str = ""
    data_parallel: bool = False
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.final_epochs is not None and self.final_epochs < 1:
            raise UserError(
                f"--final-epochs: expected 1 or more, got {self.final_epochs}"
            )
        if self.data_parallel and is_asked_for(self.objectives):
            raise UserError(
                "--data-parallel: expected objectives of one device, found "
                f"{OBJECTIVE}, which is not computed on several; leave one of them out"
            )

    @property
    def groups(self) -> CountedGroups | None:
        """Groups of the validation data of which the worst kappa is an objective."""
        if self.validation is None or not is_asked_for(self.objectives):
            return None
        return CountedGroups.of(self.validation)

    @property
    def steps(self) -> int | None:
        """Number of training batches; None if unknown beforehand."""
        if self.epochs is None:
            return None
        return self.epochs * math.ceil(len(self.train) / self.batch_size)

    @property
    def max_epochs(self) -> int:
        """The most epochs of a training."""
        return self.epochs or UNNAMED_EPOCHS

    @property
    def time_is_up(self) -> bool:
        """Whether the time limit is reached."""
        return time.monotonic() >= self.end

    def cheaper(self, seed: int) -> Training:
        """Returns the training by the proxy; without a proxy, itself."""
        if self.proxy is None:
            return self
        number = max(2, round(self.proxy.fraction * len(self.train)))
        return replace(
            self,
            train=sample(self.train, number, seed=seed),
            epochs=self.proxy.epochs or self.epochs,
            proxy=None,
        )

    def by_recipe(self, values: Mapping[str, Any]) -> Training:
        """Returns the training by the hyperparameters of a candidate."""
        return replace(self, label_smoothing=values.get("label_smoothing", 0.0))

    def on_everything(self, whole: Dataset, epochs: int) -> Training:
        """Returns the training on all data, without validation, for `epochs`."""
        return replace(self, train=whole, validation=None, epochs=epochs)

    def run(
        self,
        model: keras.Model,
        seed: int,
        callbacks: Sequence[keras.callbacks.Callback],
        initial_epoch: int = 0,
        epochs: int | None = None,
        earlier: Sequence[Mapping[str, float]] = (),
    ) -> None:
        """Trains a compiled network in place.

        Args:
            model: the network.
            seed: of the order of the samples.
            callbacks: further ones.
            initial_epoch: number of epochs that an interrupted training finished.
            epochs: the last epoch; None: as these options say.
            earlier: the learning curve of the finished epochs.
        """
        early: list[keras.callbacks.Callback] = []
        worst = []
        if self.validation is not None and (groups := self.groups) is not None:
            worst = [WorstGroup(self.validation, groups, self.batch_size)]
        if self.epochs is None and self.validation is not None:
            early = [EarlyStopping(earlier)]
        task = task_of(self.train.target)
        encode = task.encode

        def encode_training(targets: np.ndarray) -> np.ndarray:
            return task.encode_training(
                targets, self.label_smoothing, self.class_weight
            )

        devices = device_count() if self.data_parallel else 1
        batches = Batches(
            self.train,
            self.batch_size,
            shuffle=True,
            seed=seed,
            augmentation=self.augmentation,
            encode=encode_training,
            multiple=devices,
        )
        batches.go_to(initial_epoch)
        if not model.optimizer.built:
            # built in the first step it would make TensorFlow trace twice
            model.optimizer.build(model.trainable_variables)
        validation = None
        if self.validation is not None:
            validation = Batches(
                self.validation, self.batch_size, encode=encode, multiple=devices
            )
        first = encode(self.train.read_targets(np.arange(1)))
        with data_parallel(model, first) if devices > 1 else nullcontext():
            model.fit(
                batches,
                validation_data=validation,
                epochs=epochs or self.max_epochs,
                initial_epoch=initial_epoch,
                shuffle=False,  # the stream does; a resumed training has its order
                class_weight=None if task.weighs_pixels else self.class_weight,
                callbacks=[
                    *worst,  # first: the others may use its figure
                    *copy.deepcopy(list(self.callbacks)),
                    *early,
                    Deadline(self.end),
                    *callbacks,
                ],
                **{"verbose": 0, **self.fit},
            )
