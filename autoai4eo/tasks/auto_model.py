"""The AutoModel: a graph of blocks, searched, trained, evaluated, exported."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from html import escape
from pathlib import Path
from typing import Any

import autokeras as ak
import keras
import numpy as np
import pandas as pd

from autoai4eo import deploy
from autoai4eo.blocks import ImageInput
from autoai4eo.blocks.pretrained_weights.catalogue import Weights
from autoai4eo.data.augmentation import Augmentation
from autoai4eo.data.dataset import Dataset, InputSpec
from autoai4eo.data.problems import value_problems
from autoai4eo.data.readers.joined import joined
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import split
from autoai4eo.data.statistics import (
    BandStatistics,
    cached_statistics,
    keep_statistics,
)
from autoai4eo.data.target import Target
from autoai4eo.data.units import typical_of, unlike_training
from autoai4eo.errors import UserError
from autoai4eo.files import check_utf8, set_aside, written
from autoai4eo.learning import evaluation
from autoai4eo.learning.objectives import (
    DEFAULT,
    check_map_step,
    parse_constraints,
    parse_objectives,
)
from autoai4eo.learning.registry import of_kind, task_of
from autoai4eo.learning.training import Proxy, Training, clock_after
from autoai4eo.log import log
from autoai4eo.networks.device import device_name
from autoai4eo.report.notebook import notebook_view
from autoai4eo.report.page import write_report
from autoai4eo.runs import databases, front
from autoai4eo.runs.folder import (
    alone,
    check_same_data,
    check_same_map_step,
    damage,
    locked,
    read_evaluation,
    read_run,
    read_statistics,
    write_run,
)
from autoai4eo.runs.layout import (
    RUN,
    STATISTICS,
    STUDY,
    check_no_inputs,
    check_no_links,
    clear,
    made,
    removed,
)
from autoai4eo.runs.soundness import mend
from autoai4eo.runs.storage import open_storage, without_password
from autoai4eo.runs.study import (
    claim,
    forget,
    mark_of,
    open_study,
    trials_table,
)
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.strategies import DEFAULT as DEFAULT_TUNER
from autoai4eo.search.strategies import check as check_tuner
from autoai4eo.search.trials import finalist
from autoai4eo.search.trials.retries import fail_and_retry_all
from autoai4eo.search.tuner import Tuner
from autoai4eo.search.workers import pool
from autoai4eo.tasks.validating import validate
from autoai4eo.text import line

#: Augmentation that is valid for Earth observation, as `fit` uses it.
AUGMENTATION = Augmentation()
_HEADS = (ak.ClassificationHead, ak.RegressionHead)
#: What AutoKeras's heads ask for where the user asks for nothing.
_METRICS_OF_AUTOKERAS = ("accuracy", "mean_squared_error")


class AutoModel:
    """A graph of blocks, searched for the best network; as AutoKeras's AutoModel.

    Args:
        inputs: `ae.ImageInput` nodes.
        outputs: the node that a classification head gives.
        project_name: the run's folder is ``directory/project_name``.
        max_trials: how many candidates are trained.
        directory: where the run's folder is made; None: the current folder.
        objective: ``val_cohen_kappa`` by default; any metric or cost, or several.
        tuner: ``"cost-aware"`` (the default), ``"greedy"``, ``"bayesian"``,
            ``"hyperband"``, ``"random"``, ``"tpe"``, ``"nsga2"``, ``"gp"``,
            ``"cost-sorted"``, or a `keras_tuner.Oracle` class.
        overwrite: forgets what the run's folder holds instead of going on with it.
        seed: makes a search repeatable.
        max_model_size: the same as a constraint on ``params``, as in AutoKeras.
        constraints: upper limits of costs by name, such as ``{"latency_ms": 2.0}``.
        latency_batch_size: the batch size for which latency is measured.
        map_step: pixels from one window of a map to the next, for which the cost
            ``map_ms_per_km2`` is measured: milliseconds to map a square kilometre of
            10 m pixels.
        workers: processes on this machine that try candidates at the same time.
        patience: the search ends when so many trainings in a row did not enlarge the
            hypervolume that the front dominates (with one objective: did not improve
            on the best) by a thousandth; None: it does not.
        proxy: a cheaper training that candidates are judged by: ``{"epochs": 5,
            "fraction": 0.25}``, either may be missing.
        finalists: with a `proxy`, so many of the front are trained in full in the end.
        prune: ends a training that cannot reach the front any more: whose best
            so far and the largest gain of any of five or more whole trainings from the
            same epoch on would still be dominated; after a third of the epochs.
        storage: ``postgresql://USER@HOST/DATABASE`` where several machines, which share
            the run's folder, work on one search; None: ``study.db`` in the folder. The
            password comes from ``PGPASSWORD``, ``~/.pgpass`` or the URL; it is kept in
            memory only.

    Raises:
        UserError: an argument that is not understood.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        project_name: str = "auto_model",
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: Any = DEFAULT,
        tuner: Any = None,
        overwrite: bool = False,
        seed: int | None = None,
        max_model_size: int | None = None,
        constraints: Mapping[str, float] | None = None,
        latency_batch_size: int = 1,
        map_step: int | None = None,
        workers: int = 1,
        patience: int | None = None,
        proxy: Mapping[str, float] | None = None,
        finalists: int = 1,
        prune: bool = False,
        storage: str | None = None,
    ) -> None:
        _check_numbers(
            max_trials=max_trials,
            workers=workers,
            patience=patience,
            map_step=map_step,
            finalists=finalists,
        )
        self.inputs = keras.tree.flatten(inputs)
        self.outputs = keras.tree.flatten(outputs)
        limits = dict(constraints or {})
        if max_model_size is not None:
            limits["params"] = min(max_model_size, limits.get("params", max_model_size))
        self.constraints = parse_constraints(limits)
        self.objectives = parse_objectives(objective)
        check_map_step(
            [*(o.name for o in self.objectives), *self.constraints], map_step
        )
        self.project_name = project_name
        self.directory = Path(directory or ".").expanduser()
        self.max_trials = max_trials
        self.overwrite = overwrite
        self.seed = 0 if seed is None else int(seed)
        self.latency_batch_size = latency_batch_size
        self.map_step = map_step
        self.workers = workers
        self.patience = patience
        self.proxy = _proxy(proxy)
        self.finalists = finalists
        self.prune = prune
        self.storage = storage and databases.name(storage)
        self._tuner = check_tuner(tuner or DEFAULT_TUNER)
        self._objective = objective
        self.tuner: Tuner
        self._finalist: keras.Model | None = None
        self._training: Training | None = None

    @property
    def kind(self) -> str:
        """The kind of target that the head predicts, see `Target`."""
        return _kind_of(self.outputs[0].in_blocks[0])

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.directory / self.project_name

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
        loss: str | None = None,
        augmentation: Augmentation | None = AUGMENTATION,
        max_hours: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Searches, then trains the finalist; goes on where the run's folder is.

        Args:
            x: a path (So2Sat HDF5, folder or zip of images), an `ae.open_dataset`, an
                array (N, H, W, bands) or one for each input, by name or in order.
            y: targets of arrays: class numbers (N,) or one-hot (N, classes); for several
                labels zeros and ones (N, classes); for numbers (N,) or (N, values).
            batch_size: samples per step.
            epochs: for each candidate and for the finalist; None trains until the
                validation loss has not improved for ten epochs.
            callbacks: Keras callbacks, copied for each candidate.
            validation_split: share of `x` that candidates are judged on where there
                are no `validation_data`; whole groups where the data have groups. The
                finalist is then trained anew on everything.
            validation_data: a path or data set, or a tuple (x, y) of arrays.
            verbose: 0 keeps quiet.
            class_weight: ``"balanced"``, or weights by class number.
            loss: of classes and labels ``"crossentropy"`` or ``"focal"`` (Lin et al.,
                2017); of numbers ``"mse"``, ``"mae"``, ``"huber"`` or ``"gaussian"``
                (with a predicted spread). None takes the head's own where it has one,
                else the first of these.
            augmentation: None for none.
            max_hours: after which the search ends.
            **kwargs: passed to `keras.Model.fit`.

        Raises:
            UserError: data or an argument that cannot be used, nothing is written; or
                another fit is at work in the run's folder.
            RuntimeError: every trial failed.
        """
        check_utf8(self.run)
        tell = log(bool(verbose))
        if not isinstance(x, Dataset):
            tell("opening the data")
        train = whole = of_kind(self._open(x, y), self.kind)
        task = task_of(train.target)
        task.check(train)
        if validation_data is not None:
            if not isinstance(validation_data, tuple):
                validation_data = (validation_data, None)
            there, labels = validation_data
            if isinstance(there, str | Path):
                tell(f"opening {there}")
            validation = of_kind(self._open(there, labels, like=train), self.kind)
            _check_alike(train, validation)
        else:
            train, validation = _split(train, validation_split, self.seed)
        if epochs is not None and epochs < 1:
            raise UserError(f"epochs: expected 1 or more, got {epochs}")
        if loss is not None and loss not in task.losses:
            raise UserError(
                f"loss: expected one of {', '.join(task.losses)}, got {loss!r}"
            )
        weights = task.class_weight(class_weight, train)
        data = {"training": train, "validation": validation}
        graph = self._graph(train)
        self._check_overwrites_a_run()
        inputs = [Path(train.path), Path(validation.path), *_weight_files(graph)]
        check_no_links(self.run)
        check_no_inputs(self.run, inputs)
        self._check_same(data)
        if self.storage is not None:
            open_storage(self.storage)  # before anything is written
        tell(
            f"{len(train):,} samples for training, {len(validation):,} for validation, "
            f"{train.num_classes} classes; computing the statistics of the bands"
        )
        statistics = cached_statistics(train, self.run / STATISTICS)
        _tell(train, validation, statistics)
        _configure(graph, train, statistics, loss)
        with written(self.run):
            self.run.mkdir(parents=True, exist_ok=True)
        with _told_if_removed(self.run), ExitStack() as held:
            held.enter_context(
                alone(self.run)
                if self.storage is None
                else locked(self.run, "beginning")
            )
            # once more: whoever held the lock may have begun a search
            self._check_overwrites_a_run()
            check_no_inputs(self.run, inputs)
            self._check_same(data)
            if self.overwrite:
                self._clear()
            elif error := damage(self.run):
                aside = set_aside(self.run / RUN)
                tell(f"{error}; set aside as {aside.name}")
            self.tuner = Tuner(
                graph,
                objective=self._objective,
                max_trials=self.max_trials,
                tuner=self._tuner,
                constraints=self.constraints,
                latency_batch_size=self.latency_batch_size,
                map_step=self.map_step,
                patience=self.patience,
                finalists=self.finalists,
                prune=self.prune,
                storage=self.storage,
                directory=self.directory,
                project_name=self.project_name,
                seed=self.seed,
            )
            training = Training(
                train,
                validation,
                epochs=epochs,
                batch_size=batch_size,
                callbacks=tuple(callbacks),
                class_weight=weights,
                augmentation=augmentation,
                end=clock_after(max_hours),
                fit=kwargs,
                proxy=self.proxy,
            )
            self.tuner.connect()
            begun_with = {
                **{role: part.fingerprint() for role, part in data.items()},
                "map_step": self.map_step,
            }
            shared = self.storage is not None
            mark = mark_of(self.tuner.study, self.run, shared, begun_with)
            with locked(self.run, "finalist"):
                mend(self.run, self.tuner.study, tell, shared=shared)
            if self.storage is None:
                fail_and_retry_all(self.tuner.study, self.run)
            keep_statistics(train, statistics, self.run / STATISTICS)
            write_run(
                self.run,
                {
                    "objective": [o.name for o in self.objectives],
                    "constraints": self.constraints,
                    "tuner": self._tuner
                    if isinstance(self._tuner, str)
                    else self._tuner.__name__,
                    "max_trials": self.max_trials,
                    "epochs": epochs,
                    "batch_size": batch_size,
                    "loss": loss,
                    "seed": self.seed,
                    "latency_batch_size": self.latency_batch_size,
                    "map_step": self.map_step,
                    "workers": self.workers,
                    "patience": self.patience,
                    "proxy": None if self.proxy is None else asdict(self.proxy),
                    "finalists": self.finalists,
                    "prune": self.prune,
                    "storage": self.storage and without_password(self.storage),
                },
                data,
                device_name(),
                mark,
            )
            claim(self.tuner.study, mark, begun_with)
            self._finalist = None
            self._training = training
            if self.storage is not None:
                held.close()  # other machines may join
            pool.search(
                self.tuner,
                training,
                whole if validation_data is None else None,
                workers=self.workers,
                verbose=verbose,
            )
            with locked(self.run, "finalist"):
                tell("holding the finalist against the validation data")
                validate(self.run, validation, batch_size)

    def export_model(self) -> keras.Model:
        """The finalist, trained; it takes raw pixels.

        It gives class probabilities (N, classes), or numbers (N, values).

        Raises:
            UserError: nothing was searched in this run's folder yet.
        """
        if self._finalist is None:
            self._finalist = deploy.load_finalist(self.run)
        return self._finalist

    def predict(self, x: Any, batch_size: int = 32) -> np.ndarray:
        """What the finalist predicts for each patch.

        The class number, int64 (N,); for several labels which classes a patch has,
        uint8 (N, classes), by the thresholds that were tuned on the validation data;
        numbers, float32 (N, values).
        """
        output = self._outputs(x, batch_size)
        target = Target(self.kind, tuple(self._told()["classes"]))
        return task_of(target).decide(output, read_evaluation(self.run))

    def predict_proba(self, x: Any, batch_size: int = 32) -> np.ndarray:
        """The probability of each class for each patch, float32 (N, classes).

        Raises:
            UserError: the finalist predicts numbers.
        """
        if self.kind == "value":
            raise UserError(
                "predict_proba: expected a network that tells classes, found one that "
                "gives numbers; use predict"
            )
        return self._outputs(x, batch_size)

    def _outputs(self, x: Any, batch_size: int) -> np.ndarray:
        model = self.export_model()
        dataset = self._open_for(model, x, unlabelled=True)
        return evaluation.outputs(model, dataset, batch_size)

    def predict_scene(self, scene: Any, out: str | Path, **how: Any) -> Path:
        """Maps a scene with the finalist, see `autoai4eo.deploy.map_scene`.

        Args:
            scene: files of the scene.
            out: the map's path, ``.tif``.
            **how: ``stride``, ``scale``, ``seasons`` and the other arguments there.

        Raises:
            UserError: scene or output that cannot be used, or no finalist yet.
        """
        return deploy.map_scene(self.run, scene, out, **how)

    def evaluate(self, x: Any, y: Any = None, batch_size: int = 32) -> dict[str, Any]:
        """Scores of the finalist on labelled data.

        Returns:
            ``accuracy`` (overall), ``average_accuracy`` (mean recall over the classes
            that the data have), ``cohen_kappa``, ``macro_f1``, ``per_class`` (by class
            name: precision, recall, f1, support), ``confusion_matrix`` (rows: truth)
            and ``absent_classes``; ``intervals`` (95 %) of OA, AA and kappa and what
            they were ``resampled_by``; ``expected_calibration_error`` and its
            ``reliability`` table. For several labels F1, mean average precision and
            more, see `autoai4eo.learning.multilabel.LabelScorer`; for numbers RMSE,
            MAE, R² and bias, see `autoai4eo.learning.regression.ValueScorer`.
        """
        model = self.export_model()
        dataset = self._open_for(model, x, y)
        fitted = read_evaluation(self.run)
        return evaluation.evaluate(model, dataset, batch_size, fitted)

    def trials(self) -> pd.DataFrame:
        """One row per trial: status, metrics, costs, hyperparameters."""
        return trials_table(open_study(self.run))

    def pareto_front(self) -> pd.DataFrame:
        """The rows of `trials` that no other is better than in every objective.

        From the best to the worst by the first objective.
        """
        return front.front_table(open_study(self.run))

    def select(
        self, rule: str | None = None, *, refit: bool = False, **limits: float
    ) -> int:
        """Makes another trial of the front the finalist, and trains it to its end.

        It replaces the best model: `predict`, `evaluate` and `export` use it from now
        on. `fit` must have been called on this object, for the data; where the search
        is over that takes a moment.

        Args:
            rule: ``"knee"``: where the front bends most; None: the best by the first
                objective.
            refit: train it anew on training and validation data together.
            **limits: of costs, such as ``max_latency_ms=2.0`` or ``max_params=1e5``.

        Returns:
            The number of the trial.

        Raises:
            UserError: no trial of the front is within the limits, a limit is not known,
                or `fit` was not called.
        """
        if self._training is None:
            raise UserError(
                "select: expected a search of this object, found none; call fit with "
                "the same arguments first, it goes on where the folder is"
            )
        for name in limits:
            if not name.startswith("max_"):
                raise UserError(f"select: expected max_COST=LIMIT, got {name}")
        study = self.tuner.study
        trial = front.choose(
            study,
            rule,
            {name.removeprefix("max_"): limit for name, limit in limits.items()},
        )
        training = replace(self._training, end=math.inf)
        whole = None
        if refit and training.validation is not None:
            whole = joined(training.train, training.validation)
        check_no_links(self.run)
        with alone(self.run) if self.storage is None else locked(self.run, "finalist"):
            finalist.set_to(study, trial)
            pool.search(self.tuner, training, whole, verbose=0, task="finalist")
            assert training.validation is not None  # fit always has some
            validate(self.run, training.validation, training.batch_size)
        self._finalist = None
        return trial.number

    def export(
        self,
        path: str | Path,
        format: str = "savedmodel",
        *,
        trial: int | None = None,
        quantize: str | None = None,
        calibrated: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """Writes the finalist, or a trial, for other programs; gives the path.

        Checked in a fresh process, with ``model.json`` and ``MODEL_CARD.md`` beside it;
        see `autoai4eo.deploy.export`.

        Args:
            path: what is written.
            format: ``"savedmodel"``, ``"keras"``, ``"onnx"`` or ``"litert"``.
            trial: a trial's number; None: the finalist.
            quantize: for ``"litert"``: ``"float16"`` or ``"int8"``.
            calibrated: as sure as it is right, by the finalist's temperature.
            overwrite: replaces what is there.

        Raises:
            UserError: it cannot be written so, nor is anything left.
        """
        data = {}
        if self._training is not None:
            data["training"] = self._training.train
            if self._training.validation is not None:
                data["validation"] = self._training.validation
        return deploy.export(
            self.run,
            path,
            format,
            trial=trial,
            quantize=quantize,
            calibrated=calibrated,
            overwrite=overwrite,
            data=data,
        ).path

    def report(self) -> Path:
        """Writes ``report.html`` into the run's folder, one page; gives its path.

        The search may be at work in another process, or broken off.

        Raises:
            UserError: nothing was begun in this run's folder yet.
        """
        return write_report(self.run)

    def _repr_html_(self) -> str:
        """Status, leaderboard and a small chart, for notebooks."""
        try:
            return notebook_view(self.run)
        except Exception as error:  # a notebook would show a traceback in their place
            return f"<code>{escape(line(f'{self}: {error}'))}</code>"

    def _open_for(
        self, model: keras.Model, x: Any, y: Any = None, unlabelled: bool = False
    ) -> Dataset:
        known = read_statistics(self.run).items()
        return evaluation.open_for(
            model,
            self._told(),
            x,
            y,
            unlabelled=unlabelled,
            typical={name: typical_of(told) for name, told in known},
        )

    def _told(self) -> dict[str, Any]:
        """What the run's record says of its training data."""
        return dict(read_run(self.run)["data"]["training"])

    def _open(self, x: Any, y: Any, like: Dataset | None = None) -> Dataset:
        """Data for `fit`, with the bands and classes of another data set."""
        names = [node.name for node in self.inputs]
        dataset = open_dataset(
            evaluation.by_input(x, names),
            **evaluation.told_targets(y, self.kind),
            **names_of(like),
        )
        if len(names) == len(dataset.inputs) == 1:
            # one input and one image: no name is needed to know which is meant
            self.inputs[0].name = dataset.inputs[0].name
            return dataset
        return dataset.select(names)

    def _graph(self, train: Dataset) -> Graph:
        """The graph for these data."""
        for node in self.inputs:
            if not isinstance(node, ImageInput):
                raise UserError(
                    f"inputs: expected ae.ImageInput nodes, got {type(node).__name__}"
                )
        return Graph(inputs=self.inputs, outputs=self.outputs)

    def _check_overwrites_a_run(self) -> None:
        # a power cut may have damaged run.json, not made a run of a folder of others
        known = (self.run / RUN).is_file() and (
            damage(self.run) is None or (self.run / STUDY).is_file()
        )
        strange = set(self.run.glob("[!.]*")) - set(made(self.run))
        if self.overwrite and not known and strange:
            raise UserError(
                f"{self.run}: expected a run's folder to overwrite, found one without "
                "its run.json; choose another folder, or empty it yourself"
            )

    def _check_same(self, data: Mapping[str, Dataset]) -> None:
        """Whether a search goes on with what it was begun with."""
        if not self.overwrite and damage(self.run) is None:
            check_same_data(self.run, data)
            check_same_map_step(self.run, self.map_step)

    def _clear(self) -> None:
        if self.storage is not None and (self.run / "run.json").is_file():
            forget(self.run, self.storage)
        clear(self.run)


@contextmanager
def _told_if_removed(run: Path) -> Iterator[None]:
    """Tells in one line that a run's folder is gone, whatever went wrong for it."""
    try:
        yield
    except Exception as error:
        if run.is_dir():
            raise
        raise removed(run) from error


def _weight_files(graph: Graph) -> list[Path]:
    sources = [getattr(block, "weights", None) for block in graph.blocks]
    return [Path(s.file) for s in sources if isinstance(s, Weights) and s.file]


def _check_numbers(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UserError(f"{name}: expected 1 or more, got {number}")


def _proxy(asked: Mapping[str, float] | None) -> Proxy | None:
    if asked is None:
        return None
    epochs, fraction = asked.get("epochs"), asked.get("fraction", 1.0)
    known = asked.keys() <= {"epochs", "fraction"}
    if not known or not 0 < fraction <= 1 or (epochs is not None and epochs < 1):
        raise UserError(
            "proxy: expected epochs of 1 or more, or a fraction of the training data "
            f"above 0, or both, got {dict(asked)}"
        )
    return Proxy(None if epochs is None else int(epochs), fraction)


def _split(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    if not 0 < share < 1:
        raise UserError(
            f"validation_split: expected a share between 0 and 1, got {share}; "
            "or give validation_data"
        )
    group = next(iter(dataset.groups), None)
    train, validation = split(dataset, (1 - share, share), group=group, seed=seed)
    return train, validation


def names_of(like: Dataset | None) -> dict[str, Any]:
    """The bands and classes to look for in `open_dataset`, as another data set has."""
    if like is None:
        return {}
    return {
        "class_names": like.class_names or None,
        "bands": evaluation.told_bands(
            {spec.name: [b.name for b in spec.bands] for spec in like.inputs}
        ),
    }


def _check_alike(train: Dataset, validation: Dataset) -> None:
    missing = {s.name for s in train.inputs} - {s.name for s in validation.inputs}
    if missing or len(train.inputs) != len(validation.inputs):
        raise UserError(
            "validation data: expected the inputs of the training data "
            f"({', '.join(s.name for s in train.inputs)}), found "
            f"{', '.join(s.name for s in validation.inputs)}; choose them by name"
        )
    for told, found in zip(train.inputs, validation.inputs, strict=True):
        if (told.shape, told.bands, told.level) != (
            found.shape,
            found.bands,
            found.level,
        ):
            raise UserError(
                "validation data: expected the inputs of the training data "
                f"({_brief_input(told)}), found {_brief_input(found)}; bring both to "
                "one form"
            )
    if not len(validation) or not validation.known.all():
        raise UserError(
            f"{validation.path}: expected labelled samples to judge candidates on, "
            "found some without a label"
        )


def _brief_input(spec: InputSpec) -> str:
    bands = " ".join(f"{band.name} ({band.quantity})" for band in spec.bands)
    level = f", {spec.level}" if spec.level else ""
    return f"{spec.name}: {spec.height}×{spec.width} pixels, {bands}{level}"


def _tell(
    train: Dataset, validation: Dataset, statistics: Mapping[str, BandStatistics]
) -> None:
    """Warns of what is wrong with the data, once each."""
    problems = map(str, value_problems(train.inputs, statistics))
    typical = {name: typical_of(vars(told)) for name, told in statistics.items()}
    units = unlike_training(validation, typical)
    there, judged = train.label_counts(), validation.label_counts()
    absent = np.flatnonzero((judged == 0) & (there > 0))
    if len(absent):
        names = ", ".join(train.class_names[i] for i in absent)
        units.append(
            f"{validation.path}: no samples of {names}: candidates are judged by the "
            "other classes"
        )
    for note in dict.fromkeys((*train.notes, *validation.notes, *problems, *units)):
        warnings.warn(line(note), stacklevel=3)


def _configure(
    graph: Graph,
    train: Dataset,
    statistics: Mapping[str, BandStatistics],
    loss: str | None,
) -> None:
    """Tells the graph's inputs what the data are, its head what to predict."""
    specs = {spec.name: spec for spec in train.inputs}
    for node in graph.inputs:
        spec = specs[node.name]
        node.shape = spec.shape
        node.bands = spec.bands
        node.mean = [float(v) for v in statistics[node.name].mean]
        node.std = [float(v) for v in statistics[node.name].std]
    heads = [node.in_blocks[0] for node in graph.outputs]
    if len(heads) != 1 or not isinstance(heads[0], _HEADS):
        raise UserError(
            "outputs: expected one classification or regression head, got "
            f"{', '.join(type(head).__name__ for head in heads)}"
        )
    (head,) = heads
    task = task_of(train.target)
    name = loss or task.losses[0]
    for attribute, value in task.head(name, train.targets).items():
        setattr(head, attribute, value)
    own = head.loss if loss is None else None
    if task.target.kind == "labels" and head.loss is None:
        head.loss = keras.losses.BinaryCrossentropy()  # AutoKeras's head is a sigmoid
    graph.loss = own or task.loss(name, train.targets)
    graph.metrics = [
        *task.keras_metrics(train.targets),
        *(metric for metric in head.metrics if metric not in _METRICS_OF_AUTOKERAS),
    ]


def _kind_of(head: Any) -> str:
    """The kind of target that a head predicts."""
    if isinstance(head, ak.RegressionHead):
        return "value"
    return "labels" if getattr(head, "multi_label", False) else "class"
