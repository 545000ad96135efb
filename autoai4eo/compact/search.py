"""Searches a cell and the depths of its blocks; resumes after the last epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.callers import either
from autoai4eo.compact.complexity import Complexity, complexity
from autoai4eo.compact.halves import Halves
from autoai4eo.compact.network import check_sizes
from autoai4eo.compact.settings import CompactSettings
from autoai4eo.compact.supernet import Supernet, supernet
from autoai4eo.data.augmentation import AUGMENTATION, Augmentation
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import statistics
from autoai4eo.errors import SearchError, UserError
from autoai4eo.learning import checkpoint, checkpoint_file
from autoai4eo.learning.callbacks import NonFiniteLossError
from autoai4eo.learning.registry import of_kind, task_of
from autoai4eo.learning.two_optimizers import TwoOptimizers
from autoai4eo.log import told_while
from autoai4eo.networks.genotype import Architecture
from autoai4eo.runs.folder import Run, locked
from autoai4eo.search.workers.measurement_lock import MeasurementLock

Tell = Callable[[str], None]
#: That of `fit`.
_RATES, _MOMENTUM, _DECAY, _CLIP = (0.025, 0.001), 0.9, 3e-4, 5.0
_LOGITS_BETA = 0.5


def search(
    train: Dataset,
    out: str | Path,
    settings: CompactSettings | None = None,
    *,
    augmentation: Augmentation | None = AUGMENTATION,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    tell: Tell = lambda text: None,
) -> Architecture:
    """Searches an architecture for a data set, and records the search in a folder.

    The weights of a supernet and the probabilities of its operations and depths are
    trained alternately, on two halves of the data. A search that was interrupted
    resumes; one that is over is not repeated.

    Args:
        train: labelled samples, one class each.
        out: the run's folder, which is made.
        settings: the options; None: the defaults.
        augmentation: of the patches.
        callbacks: further Keras callbacks.
        tell: takes a line after each epoch.

    Returns:
        The most probable architecture after the last epoch.

    Raises:
        SearchError: the loss became NaN or infinite.
        UserError: the data, options or dtype policy cannot be used, or the folder has
            the search of other data or options.
    """
    settings = settings or CompactSettings()
    train = of_kind(train, "class")
    train = train.subset(np.flatnonzero(train.known))
    present = int((train.label_counts() > 0).sum())
    if present < 2:
        raise UserError(
            f"{train.path}: expected samples of two classes or more, found {present}"
        )
    if (policy := keras.config.dtype_policy().name) == "mixed_float16":
        raise UserError(
            "expected the dtype policy float32 or mixed_bfloat16, found "
            f"{policy}, whose small gradients vanish without loss scaling; set another"
        )
    check_sizes({spec.name: spec.shape for spec in train.inputs}, settings.blocks)
    data = Halves(train, settings.batch_size, settings.seed, augmentation)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "compact"):
        try:
            return _searched(Run(folder), train, data, settings, callbacks, tell)
        except NonFiniteLossError as error:
            raise SearchError(
                f"{folder}: {error}; search in another folder, with another seed or a "
                "smaller constant"
            ) from error


def _searched(
    run: Run,
    train: Dataset,
    data: Halves,
    settings: CompactSettings,
    callbacks: Sequence[keras.callbacks.Callback],
    tell: Tell,
) -> Architecture:
    steps = settings.epochs * len(data)
    asked = {
        "settings": {
            **settings.record(),
            "logits_rate": settings.logits_rate_of(steps),
        },
        "data": {"path": train.path, "fingerprint": train.fingerprint()},
    }
    record = _recorded(run, asked)
    if "architecture" in record:
        found = Architecture.of(record["architecture"])
        tell(f"compact search: over already   {_told(found)}")
        return found
    with told_while(tell, "compact search: building the supernet"):
        costs = _costs(record, train, settings)
        model = _compiled(train, settings, costs, len(data))
    path, of = run.compact_checkpoint, {"compact": asked}
    finished = 0
    # without the figures of its epochs the state of a search is of no use
    if checkpoint_file.epochs(path) <= len(record["epochs"]):
        try:
            finished = checkpoint.restore(path, model, None, None, of).epochs
        except UserError as error:
            tell(str(error))
    record["epochs"] = record["epochs"][:finished]
    data.go_to(finished)
    if finished:
        tell(f"compact search: resumes after epoch {finished}")
    epochs = _Epochs(run, record, settings, tell)
    if finished < settings.epochs and not epochs.is_settled:
        model.fit(
            data,
            epochs=settings.epochs,
            initial_epoch=finished,
            shuffle=False,  # the halves are; a resumed search has the same order
            verbose=0,
            callbacks=[
                *callbacks,
                epochs,
                checkpoint.Checkpoint(path, None, None, of),
            ],
        )
    found = epochs.keep_found(model)
    path.unlink(missing_ok=True)
    predicted = _told_cost(model.complexity.cost_of(found), settings)
    tell(f"compact search: over   predicted {predicted}   {_told(found)}")
    return found


def _recorded(run: Run, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record of the search in a folder, begun if there is none."""
    record = run.read_compact()
    if not record:
        return {**asked, "epochs": []}
    for name, value in asked["settings"].items():
        if (known := record["settings"].get(name)) != value:
            raise UserError(
                f"{run.path}: expected the options of the compact search that was "
                f"begun there, found {_option(name)} {value} in place of {known}; give "
                "them as before, or choose another folder"
            )
    if record["data"].get("fingerprint") != asked["data"]["fingerprint"]:
        raise UserError(
            f"{run.path}: expected the data that the compact search was begun with "
            f"({record['data'].get('path')}), found other data "
            f"({asked['data']['path']}); choose another folder"
        )
    return record


def _option(setting: str) -> str:
    """Returns the option of `compact search` for one of `CompactSettings`."""
    of_search = setting in ("epochs", "batch_size")
    option = f"--{'search-' if of_search else ''}{setting.replace('_', '-')}"
    return either(option, setting)


def _costs(
    record: dict[str, Any], train: Dataset, settings: CompactSettings
) -> Complexity:
    """Returns the costs of the parts; a resumed search has those that it began with."""
    if "costs" not in record:
        space = settings.space
        with MeasurementLock().exclusive():
            found = complexity(
                {spec.name: spec.shape for spec in train.inputs},
                len(train.target.classes),
                space.channels,
                space.blocks,
                space.cells,
                settings.cost,
            )
        record["costs"] = found.record()
    return Complexity.of(record["costs"])


def _compiled(
    train: Dataset, settings: CompactSettings, costs: Complexity, steps: int
) -> Supernet:
    keras.backend.clear_session()
    keras.utils.set_random_seed(settings.seed)
    task = task_of(train.target)
    classes, space = len(train.target.classes), settings.space
    shapes = {spec.name: spec.shape for spec in train.inputs}
    model = supernet(
        space,
        shapes,
        classes,
        costs,
        settings.weight,
        settings.seed,
        statistics(train),
    )
    first, last = _RATES
    rate = keras.optimizers.schedules.CosineDecay(
        first, steps * settings.epochs, alpha=last / first
    )
    of_weights = keras.optimizers.SGD(
        rate, _MOMENTUM, weight_decay=_DECAY, global_clipnorm=_CLIP
    )
    of_logits = keras.optimizers.Adam(
        settings.logits_rate_of(steps * settings.epochs), _LOGITS_BETA
    )
    logits = [variable.path for variable in model.logits]
    # XLA would compile every branch of every edge on TensorFlow
    model.compile(
        TwoOptimizers(of_weights, of_logits, logits),
        task.loss(task.losses[0], train.targets),
        metrics=task.keras_metrics(train.targets),
        jit_compile=keras.backend.backend() == "jax",
        auto_scale_loss=False,  # the step takes its own gradients
    )
    # otherwise Keras builds them on a batch, and its batches are pairs
    nothing = np.zeros((1, classes), "float32")
    model.compute_loss(None, nothing, nothing)
    model.compute_metrics(None, nothing, nothing)
    model.reset_metrics()
    return model


class _Epochs(keras.callbacks.Callback):
    """Sets the temperature of each epoch, records it, and ends a settled search."""

    def __init__(
        self, run: Run, record: dict[str, Any], settings: CompactSettings, tell: Tell
    ) -> None:
        super().__init__()
        self._run, self._record = run, record
        self._settings, self._tell = settings, tell
        self._begun = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether the architecture has not changed for as long as the options say."""
        after, epochs = self._settings.stop_after, self._record["epochs"]
        if after is None or len(epochs) <= after:
            return False
        last = [(e["genotype"], e["depths"]) for e in epochs[-after - 1 :]]
        return all(one == last[0] for one in last)

    def keep_found(self, model: Supernet) -> Architecture:
        """Records and returns the architecture that was found."""
        found = model.found()
        seconds = sum(epoch["seconds"] for epoch in self._record["epochs"])
        self._record["architecture"] = found.record()
        self._record["seconds"] = round(seconds, 3)
        self._run.write_compact(self._record)
        return found

    def on_train_end(self, logs: Any = None) -> None:
        """Records what was found, before the state of the search is removed."""
        self.keep_found(self.model)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Sets the temperature."""
        self._begun = time.perf_counter()
        self.model.edges.temperature.assign(self._settings.temperature_at(epoch))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Records the epoch.

        Raises:
            NonFiniteLossError: the loss is NaN or infinite.
        """
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if not np.isfinite(figures["loss"]):
            raise NonFiniteLossError(
                f"the loss is {figures['loss']} after epoch {epoch + 1}"
            )
        found = self.model.found()
        row = {
            "epoch": epoch + 1,
            "seconds": round(time.perf_counter() - self._begun, 3),
            **figures,
            **self.model.figures(),
            "genotype": found.genotype.to_list(),
            "depths": list(found.depths),
        }
        self._record["epochs"].append(row)
        self._run.write_compact(self._record)
        expected = _told_cost(row["expected_cost"], self._settings)
        self._tell(
            f"compact search: epoch {epoch + 1} of {self._settings.epochs}   loss "
            f"{figures['loss']:.3f}   entropy {row['entropy']:.3f}   expected "
            f"{expected}   {_told(found)}"
        )
        if self.is_settled:
            self.model.stop_training = True


def _told_cost(value: float, settings: CompactSettings) -> str:
    if settings.cost == "flops":
        return f"{value / 1e6:.1f} M FLOPs"
    return f"{value:.2f} ms"


def _told(found: Architecture) -> str:
    depths = ", ".join(map(str, found.depths))
    return f"depths {depths}   {found.genotype}"
