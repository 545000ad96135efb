"""Configures a graph for the data before it is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import autokeras as ak
import keras

from autoai4eo.blocks import ImageInput, SegmentationHead
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import BandStatistics
from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.task import Task, told_loss
from autoai4eo.learning.user_metrics import beside
from autoai4eo.learning.worst_group import check_groups
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph

_HEADS = (ak.ClassificationHead, ak.RegressionHead, SegmentationHead)


def check_training(
    task: Task,
    epochs: int | None,
    loss: Any,
    objectives: Sequence[Objective],
    validation: Dataset,
) -> None:
    """Checks arguments of `AutoModel.fit`, and the objectives against the data.

    Raises:
        UserError: there are no epochs, the task has no such loss, or the validation
            data lack the groups of an objective.
    """
    if epochs is not None and epochs < 1:
        raise UserError(f"--epochs: expected 1 or more, got {epochs}")
    task.loss_name(loss)
    check_groups(objectives, validation)


def inputs_of(
    train: Dataset, validation: Dataset, graph: Graph, settings: SearchSettings
) -> list[Path]:
    """Returns the files that a search reads, and must not write to."""
    data = [Path(train.path), Path(validation.path)]
    return [*data, *graph.files, *map(Path, settings.prior)]


def check_finalist(number: int | None, trained: bool) -> None:
    """Checks that there is a finalist where one is to be trained.

    Raises:
        UserError: there is none.
    """
    if number == 0 and trained:
        raise UserError(
            "--finalists: expected 1 or more with refit or final_epochs, got 0; leave "
            "them out for a search without a finalist"
        )


def configure(
    graph: Graph,
    train: Dataset,
    statistics: Mapping[str, BandStatistics],
    loss: Any,
) -> str | None:
    """Sets shapes, bands and statistics of the inputs, and target and loss of the head.

    Args:
        graph: to be configured.
        train: the training data.
        statistics: of their bands.
        loss: see `Task.loss_name`; None: the head's.

    Returns:
        The name of the loss that was asked for; None: none was.

    Raises:
        UserError: the graph does not have exactly one head, or the head's loss is not
            known.
    """
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
            "outputs: expected one classification, regression or segmentation head, "
            f"got {', '.join(type(head).__name__ for head in heads)}"
        )
    (head,) = heads
    task = task_of(train.target)
    binary = isinstance(head.loss, keras.losses.BinaryCrossentropy)
    if binary and task.target.kind == "class" and len(train.class_names) == 2:
        head.loss = None  # AutoKeras's choice for one column; here each class has one
    asked = head.loss if loss is None else loss
    name = task.loss_name(asked)
    known = name or task.losses[0]
    for attribute, value in task.head(known, train.targets).items():
        setattr(head, attribute, value)
    if task.target.kind == "labels" and head.loss is None:
        head.loss = keras.losses.BinaryCrossentropy()  # AutoKeras's head is a sigmoid
    graph.smooths_labels = task.target.kind in ("class", "mask")
    graph.loss = asked if name is None else task.loss(name, train.targets)
    own = task.keras_metrics(train.targets)
    graph.metrics = [*own, *beside(head.metrics, task.metrics)]
    if asked is None:
        return None
    return name or told_loss(asked)


def graph_of(inputs: Sequence[Any], outputs: Sequence[Any]) -> Graph:
    """Returns the graph of these nodes.

    Raises:
        UserError: an input is no `ae.ImageInput`.
    """
    for node in inputs:
        if not isinstance(node, ImageInput):
            raise UserError(
                "inputs: expected ae.ImageInput nodes, got "
                f"{type(node).__module__.partition('.')[0]}.{type(node).__name__}"
            )
    return Graph(inputs=inputs, outputs=outputs)


def kind_of(head: Any) -> str:
    """Returns the kind of target that a head predicts."""
    if isinstance(head, SegmentationHead):
        return "mask"
    if isinstance(head, ak.RegressionHead):
        return "value"
    return "labels" if getattr(head, "multi_label", False) else "class"
