"""The AutoModel: searches a graph of blocks, trains, evaluates and exports."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from autoai4eo.data.augmentation import AUGMENTATION, Augmentation
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import cached_statistics, statistics
from autoai4eo.errors import UserError
from autoai4eo.files import check_utf8
from autoai4eo.learning.data_parallel import check_data_parallel
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.registry import of_kind, task_of
from autoai4eo.learning.training import Training, clock_after
from autoai4eo.log import log, told_while
from autoai4eo.runs.folder import Run
from autoai4eo.runs.trials import keep_end
from autoai4eo.search.session import Session
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.workers import pool
from autoai4eo.tasks.call_checks import OF_KERAS, OPTIONS, check_callbacks, check_names
from autoai4eo.tasks.configuration import (
    check_finalist,
    check_training,
    configure,
    inputs_of,
)
from autoai4eo.tasks.finalists import Finalists
from autoai4eo.tasks.graph_data import GraphData
from autoai4eo.tasks.outcome import tell_outcome, told_interrupt
from autoai4eo.tasks.priors import priors_of
from autoai4eo.tasks.references import keep_references
from autoai4eo.tasks.reopening import task_record
from autoai4eo.tasks.training_data import open_both, warn_of_problems
from autoai4eo.tasks.unet_reference import UNets, keep_unet
from autoai4eo.tasks.validating import judge
from autoai4eo.text import counted

#: The default augmentation of `fit`, which is valid for Earth observation.


class AutoModel(GraphData, Finalists):
    """Searches a graph of blocks for the best network, as AutoKeras's AutoModel.

    Args:
        inputs: `ae.ImageInput` nodes.
        outputs: the node that a head returns.
        project_name: the run's folder is ``directory/project_name``.
        max_trials, objective, tuner, seed, max_model_size, **settings: the options of
            the search, see `autoai4eo.search.settings.SearchSettings`.
        directory: parent of the run's folder; None: the current folder.
        overwrite: deletes the search in the run's folder instead of resuming it.

    Attributes:
        settings: the options of the search, checked.
        tuner: the tuner of the search; exists after `fit`.

    Raises:
        UserError: an argument is not valid.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        project_name: str = "auto_model",
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: Any = None,
        tuner: Any = None,
        overwrite: bool = False,
        seed: int | None = None,
        max_model_size: int | None = None,
        **settings: Any,
    ) -> None:
        self.inputs = keras.tree.flatten(inputs)
        self.outputs = keras.tree.flatten(outputs)
        if len(self.outputs) > 1:
            raise UserError(
                "outputs: expected one classification, regression or segmentation "
                f"head, got {len(self.outputs)}; make an AutoModel for each"
            )
        super().__init__(directory, project_name)
        self.overwrite = overwrite
        check_names(type(self).__name__, settings, (*OPTIONS, *_arguments(type(self))))
        self.settings = SearchSettings(
            max_trials=max_trials,
            objective=objective,
            kind=self.kind,
            tuner=tuner,
            seed=seed or 0,
            max_model_size=max_model_size,
            **settings,
        )

    @property
    def max_trials(self) -> int:
        """The number of candidates to train."""
        return self.settings.max_trials

    @property
    def seed(self) -> int:
        """The seed of the search."""
        return self.settings.seed

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives; the first chooses the finalist."""
        return self.settings.objectives

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int = 32,
        epochs: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        validation_split: float = 0.2,
        validation_data: Any = None,
        verbose: int = 1,
        class_weight: str | Mapping[int, float] | None = None,
        loss: Any = None,
        augmentation: Augmentation | None = AUGMENTATION,
        max_hours: float | None = None,
        data_parallel: bool = False,
        references: bool = True,
        group: str | None = None,
        block_km: float | None = None,
        allow_overlap: bool = False,
        refit: bool = False,
        final_epochs: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Searches, then trains the finalist; resumes the search in the run's folder.

        Args:
            x: a path (So2Sat HDF5, folder or zip of images), an `ae.open_dataset`, a
                `tf.data.Dataset` or `keras.utils.PyDataset`, or arrays (N, H, W, bands)
                or (N, H, W), one for each input, by name or in order.
            y: targets of arrays: class numbers or names (N,) or one-hot (N, classes);
                for several labels zeros and ones (N, classes); for values (N,) or
                (N, values).
            batch_size: samples per step.
            epochs: of each candidate and of the finalist; None trains until the
                validation loss has not improved for ten epochs.
            callbacks: Keras callbacks, copied for each candidate.
            validation_split: share of `x` to judge candidates on, if `validation_data`
                is None; of whole groups, if the data have groups. The finalist is then
                trained again on all of `x`.
            validation_data: a path or data set, or a tuple (x, y) of arrays.
            verbose: 0 prints nothing; 2 a line with date and time for each epoch.
            class_weight: ``"balanced"``, or weights by class number.
            loss: for classes and labels ``"crossentropy"`` or ``"focal"`` (Lin et al.,
                2017); for values ``"mse"``, ``"mae"``, ``"huber"`` or ``"gaussian"``
                (with a predicted spread); or a Keras loss or its name. None takes the
                head's own loss if it has one, else the first of these.
            augmentation: None: no augmentation.
            max_hours: ends the search after this many hours.
            data_parallel: trains each network on all GPUs of this machine (JAX).
            references: whether to train `autoai4eo.learning.references`.
            group: name of the groups of samples, such as ``"city"``, that stay together
                in `validation_split` and in ``folds``; None: the data's own.
            block_km: side in kilometres of the squares of ``group="spatial_block"``.
            allow_overlap: lets `validation_split` and folds divide windows of one scene
                that overlap at random, and lets `validation_data` be training data.
            refit: whether to train the finalist on the given `validation_data`, too.
            final_epochs: trains the finalist anew for so many epochs; None: it
                continues its trial's training for `epochs` more.
            **kwargs: ``steps_per_epoch``, ``validation_steps`` and ``validation_freq``
                of `keras.Model.fit`.

        Raises:
            UserError: data or an argument cannot be used, and nothing is written; or
                another fit is running in the run's folder.
            RuntimeError: every trial failed.
        """
        names = set(inspect.signature(AutoModel.fit).parameters) - {"self", "kwargs"}
        check_names("fit", kwargs, (*names, *OF_KERAS))
        callbacks = check_callbacks(callbacks)
        check_utf8(self.run)
        tell = log(verbose)
        with told_interrupt(self.run, self.overwrite, verbose):
            how = (validation_data, validation_split, self.settings, tell)
            by = (group, block_km, allow_overlap)
            data = open_both(self._opened, self.kind, x, y, *how, *by, refit)
            train, validation = data.train, data.validation
            task = task_of(train.target)
            check_training(task, epochs, loss, self.objectives, validation)
            check_finalist(self.settings.finalists, refit or final_epochs is not None)
            if data_parallel:
                check_data_parallel(batch_size)
            weights = task.class_weight(class_weight, train)
            graph = self._graph(train)
            session = Session(
                self.run,
                self.settings,
                {"training": train, "validation": validation},
                inputs_of(train, validation, graph, self.settings),
                self.overwrite,
                tell,
            )
            session.check()
            with told_while(
                tell,
                f"{counted(len(train), 'sample')} for training, "
                f"{len(validation):,} for validation, "
                f"{counted(train.num_classes, train.target.noun)}; "
                "computing the statistics of the bands",
            ):
                found = cached_statistics(train, Run(self.run).statistics)
                warn_of_problems(train, validation, found)
            name = configure(graph, train, found, loss)
            training = Training(
                train,
                validation,
                epochs=epochs,
                final_epochs=final_epochs,
                batch_size=batch_size,
                callbacks=callbacks,
                objectives=self.objectives,
                class_weight=weights,
                augmentation=augmentation,
                end=clock_after(max_hours),
                fit=kwargs,
                proxy=self.settings.proxy,
                splits=data.splits,
                split_by=data.split_by,
                data_parallel=data_parallel,
            )
            arguments = {"epochs": epochs, "batch_size": batch_size, "loss": name}
            refits = data.whole is not None
            of_task = task_record(self._made_of(), training, class_weight, refits)
            priors = priors_of(graph, self.settings)
            for prior in priors:
                tell(f"prior {prior.name}: {counted(len(prior.values), 'network')}")
            of = graph, found, arguments, of_task, priors
            with session.opened(*of) as self.tuner:
                self._finalist, self._training = None, training
                if references:
                    keep_references(self.run, train, validation, self.seed, tell)
                workers = self.settings.workers
                pool.search(
                    *(self.tuner, training, data.whole),
                    workers=workers,
                    verbose=verbose,
                )
                if self.settings.finalists == 0:
                    keep_end(self.tuner.study, self.settings.max_trials)
                    return
                if references:
                    unets = UNets.of(self.tuner, training)
                    keep_unet(self.run, self.tuner.study, unets, tell)
                judge(self.run, validation, batch_size, tell)
                keep_end(self.tuner.study, self.settings.max_trials)
        tell_outcome(self.run, verbose)

    def search_space(
        self, x: Any, y: Any = None, loss: Any = None
    ) -> tuple[Graph, Dataset]:
        """Returns the graph that `fit` searches on these data, and the data.

        Reads the training data `x`, `y` (see `fit`) once, for their statistics.
        """
        train = of_kind(self._opened(x, y), self.kind)
        task_of(train.target).check(train)
        graph = self._graph(train)
        configure(graph, train, statistics(train), loss)
        return graph, train

    def _made_of(self) -> dict[str, Any]:
        """Returns name and arguments of the class, for `open_run`."""
        return {"name": AutoModel.__name__}


def _arguments(of: type) -> list[str]:
    """Returns the names of the arguments of a class and its bases."""
    every = [inspect.signature(base) for base in of.__mro__[:-1]]
    named = (p for signature in every for p in signature.parameters.values())
    return [p.name for p in named if p.kind != p.VAR_KEYWORD]
