"""What a search would do, without doing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autoai4eo.data.augmentation import AUGMENTATION
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import warn
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.training import Training
from autoai4eo.log import told_while
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import open_study
from autoai4eo.runs.trials import trials_of, was_trained
from autoai4eo.search.rehearsal import Rehearsal, rehearse
from autoai4eo.tasks.auto_model import AutoModel
from autoai4eo.tasks.configuration import check_training
from autoai4eo.tasks.training_data import (
    check_alike,
    check_unseen,
    told_of_validation,
)
from autoai4eo.text import line


@dataclass(frozen=True)
class Plan:
    """What a search would do.

    Attributes:
        model: that would search.
        train, validation: the data that candidates are trained and judged on.
        rehearsal: what was measured, and what is estimated from it.
    """

    model: AutoModel
    train: Dataset
    validation: Dataset
    rehearsal: Rehearsal


def plan(
    model: AutoModel,
    train: Dataset,
    validation: Dataset,
    *,
    epochs: int,
    batch_size: int,
    loss: str | None,
    final_epochs: int | None,
    allow_overlap: bool,
    tell: Callable[[str], None],
) -> Plan:
    """Returns what a search would do; writes nothing.

    Trains the default network for two epochs, see `rehearse`.

    Args:
        model: that would search.
        train, validation: its data, opened.
        epochs, batch_size, loss, final_epochs, allow_overlap: see `AutoModel.fit`.
        tell: takes a line on what is being done.

    Raises:
        UserError: data or an argument cannot be used.
    """
    check_alike(train, validation)
    if not allow_overlap:
        check_unseen(train, validation)
    with told_while(tell, "computing the statistics of the bands"):
        graph, train = model.search_space(train, loss=loss)
    for note in told_of_validation(train, validation):
        warn(line(note))
    task = task_of(train.target)
    check_training(task, epochs, loss, model.objectives, validation)
    training = Training(
        train,
        validation,
        epochs=epochs,
        final_epochs=final_epochs,
        batch_size=batch_size,
        objectives=model.objectives,
        augmentation=AUGMENTATION,
        proxy=model.settings.proxy,
    )
    trained = _trained(model)
    with told_while(tell, "training the default network for two epochs"):
        found = rehearse(graph, model.settings, training, trained)
    return Plan(model, train, validation, found)


def _trained(model: AutoModel) -> int:
    """Returns the number of trials that are trained in the run to be resumed."""
    if model.overwrite or not Run(model.run).exists:
        return 0
    study = open_study(model.run, storage=model.settings.storage)
    return sum(map(was_trained, trials_of(study)))
