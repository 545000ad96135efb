"""One training of a table: a search, if any, the training from scratch and the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoai4eo.compact.baselines import RESNETS
from autoai4eo.compact.settings import METHODS as COMPACT
from autoai4eo.compact.settings import CompactSettings
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import DamagedError, UserError
from autoai4eo.files import in_one_step, read_json, read_npz, write_json
from autoai4eo.text import counted

if TYPE_CHECKING:
    import keras

Tell = Callable[[str], None]
#: A method and a seed.
Job = tuple[str, int]
#: The rows of the table.
METHODS = (*RESNETS, *COMPACT)
SCORES = ("accuracy", "average_accuracy", "cohen_kappa")
COSTS = ("params", "macs")
_RESULT, _OUTPUTS = "result.json", "outputs.npz"
_STATE, _HISTORY = "training.npz", "epochs.csv"
_FORM = {
    "method": str,
    "seed": int,
    "asked": dict,
    **dict.fromkeys(SCORES, float),
    "depths": list | None,
    "confusion_matrix": [[int]],
    **dict.fromkeys(COSTS, int),
    "train_seconds": float,
}
_RATE, _DECAY, _SMOOTHING = 3e-3, 1e-2, 0.1


@dataclass(frozen=True)
class TableSettings:
    """The options of a table.

    Attributes:
        methods: rows, see `METHODS`.
        seeds: trainings of each row, with the seeds 0, 1, ….
        epochs: of each training from scratch.
        batch_size: of these trainings.
        search: options of the searches; method and seed are those of the row.

    Raises:
        UserError: a method is unknown, or a number is below 1.
    """

    methods: tuple[str, ...] = METHODS
    seeds: int = 4
    epochs: int = 100
    batch_size: int = 32
    search: CompactSettings = field(default_factory=CompactSettings)

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(dict.fromkeys(self.methods)))
        unknown = [name for name in self.methods if name not in METHODS]
        if unknown or not self.methods:
            raise UserError(
                f"--methods: expected some of {', '.join(METHODS)}, got "
                f"{', '.join(unknown) or 'none'}"
            )
        for name in ("seeds", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise UserError(
                    f"{name}: expected 1 or more, got {getattr(self, name)}"
                )

    @property
    def jobs(self) -> list[Job]:
        """The trainings: every method with one seed, then with the next."""
        return [(name, seed) for seed in range(self.seeds) for name in self.methods]


def asked_of(train: Dataset, test: Dataset, settings: TableSettings) -> dict[str, Any]:
    """Returns what two results of one table have in common."""
    search = replace(settings.search, method=COMPACT[0], seed=0).record()
    del search["method"], search["seed"]
    return {
        "train": train.fingerprint(),
        "test": test.fingerprint(),
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "search": search,
    }


def is_done(out: Path, method: str, seed: int) -> bool:
    """Returns whether a training has a result."""
    return (out / f"{method}-{seed}" / _RESULT).is_file()


def result_of(
    out: Path, method: str, seed: int, asked: dict[str, Any]
) -> dict[str, Any] | None:
    """Returns the result of a training; None if it is not done."""
    if not is_done(out, method, seed):
        return None
    path = out / f"{method}-{seed}" / _RESULT
    cure = "remove it to train again"
    known = read_json(path, cure, _FORM)
    if (known["method"], known["seed"]) != (method, seed):
        raise UserError(
            f"{path}: expected the result of {method} with seed {seed}, found that of "
            f"{known['method']} with seed {known['seed']}; {cure}"
        )
    for name, value in _of_method(asked, method).items():
        if known["asked"].get(name) != value:
            raise UserError(
                f"{out}: expected trainings of this table, found {path.parent.name} "
                f"with {name} {known['asked'].get(name)} in place of {value}; choose "
                "another --out"
            )
    return known


def _of_method(asked: dict[str, Any], method: str) -> dict[str, Any]:
    """Leaves the options of the searches out for a network that is not searched."""
    if method in COMPACT:
        return asked
    return {name: value for name, value in asked.items() if name != "search"}


def outputs_of(out: Path, method: str, seed: int) -> np.ndarray:
    """Returns the output for the test data of a training that is done, (N, classes)."""
    path = out / f"{method}-{seed}" / _OUTPUTS
    return read_npz(path, f"remove {path.parent} to train again", ("output",))["output"]


def results(
    out: Path, settings: TableSettings, asked: dict[str, Any]
) -> list[dict[str, Any]]:
    """Returns the results that are done."""
    every = [result_of(out, *job, asked) for job in settings.jobs]
    return [found for found in every if found is not None]


def do_job(
    train: Dataset,
    test: Dataset,
    out: Path,
    settings: TableSettings,
    method: str,
    seed: int,
    tell: Tell = lambda text: None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Does one training, resumed after its last epoch, and writes its result.

    Args:
        train: the training data.
        test: the test data.
        out: the folder of the table.
        settings: the options.
        method, seed: of the training.
        tell: takes a line about each epoch of a search, and one when the training
            begins.
        callbacks: of the search and of the training; they come before those that write.

    Returns:
        The content of ``OUT/METHOD-SEED/result.json``.
    """
    folder = out / f"{method}-{seed}"
    folder.mkdir(exist_ok=True)
    asked = asked_of(train, test, settings)
    known = result_of(out, method, seed, asked)  # of a command that was killed then
    if known is None:
        of = (settings, method, seed, asked, tell, callbacks)
        known = _trained(train, test, folder, *of)
        known["asked"] = _of_method(asked, method)
        write_json(folder / _RESULT, known)
        (folder / _STATE).unlink(missing_ok=True)
    return known


def _trained(
    train: Dataset,
    test: Dataset,
    folder: Path,
    settings: TableSettings,
    method: str,
    seed: int,
    asked: dict[str, Any],
    tell: Tell,
    callbacks: Sequence[keras.callbacks.Callback],
) -> dict[str, Any]:
    import keras

    from autoai4eo.compact.baselines import resnet
    from autoai4eo.compact.network import build
    from autoai4eo.compact.search import search
    from autoai4eo.cost import profile
    from autoai4eo.data.augmentation import AUGMENTATION
    from autoai4eo.data.statistics import statistics
    from autoai4eo.learning import checkpoint, evaluation
    from autoai4eo.learning.callbacks import History
    from autoai4eo.learning.optimizer import layerwise_adamw, warm_cosine
    from autoai4eo.learning.registry import task_of
    from autoai4eo.learning.training import Training
    from autoai4eo.runs.folder import Run

    shapes = {spec.name: spec.shape for spec in train.inputs}
    classes = len(train.target.classes)
    search_seconds, found = None, None
    if method in COMPACT:
        of_search = replace(settings.search, method=method, seed=seed)
        found = search(train, folder, of_search, callbacks=callbacks, tell=tell)
        search_seconds = Run(folder).read_compact()["seconds"]
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    known = statistics(train)
    model = (
        resnet(RESNETS[method], shapes, classes, known)
        if found is None
        else build(found, shapes, classes, known)
    )
    training = Training(
        train,
        None,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        augmentation=AUGMENTATION,
        label_smoothing=_SMOOTHING,
    )
    task = task_of(train.target)
    rate = warm_cosine(_RATE, training.steps or 1)
    model.compile(
        layerwise_adamw(model, {}, learning_rate=rate, weight_decay=_DECAY),
        task.loss(task.losses[0], train.targets),
    )
    history = History(folder / _HISTORY, seed)
    state = folder / _STATE
    of = {"method": method, "seed": seed, **_of_method(asked, method)}
    finished = 0
    try:
        finished = checkpoint.restore(state, model, None, history, of).epochs
    except DamagedError as error:
        tell(str(error))
    after = f" after epoch {finished}" if finished else ""
    tell(f"trains {counted(settings.epochs, 'epoch')}{after}")
    keep = checkpoint.Checkpoint(state, None, history, of)
    if finished < settings.epochs:
        every = [*callbacks, history, keep]
        training.run(model, seed, every, initial_epoch=finished)
    output = evaluation.outputs(model, test, 64)
    scores = evaluation.score(test, output)
    cost = profile(model, latency=False)
    with in_one_step(folder / _OUTPUTS) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, output=output)
    return {
        "method": method,
        "seed": seed,
        **{name: scores[name] for name in SCORES},
        "confusion_matrix": scores["confusion_matrix"],
        "params": cost.params,
        "macs": cost.macs,
        "depths": None if found is None else list(found.depths),
        "architecture": None if found is None else found.record(),
        "search_seconds": search_seconds,
        "train_seconds": history.rows[-1]["seconds"],
    }
