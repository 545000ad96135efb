"""The tasks by kind of target."""

from __future__ import annotations

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.target import TARGETS_COME_FROM, Target
from autoai4eo.errors import UserError
from autoai4eo.learning.classification import Classification
from autoai4eo.learning.multilabel import MultiLabel
from autoai4eo.learning.regression import Regression
from autoai4eo.learning.segmentation import Segmentation
from autoai4eo.learning.task import Task

TASKS: dict[str, type[Task]] = {
    "class": Classification,
    "labels": MultiLabel,
    "value": Regression,
    "mask": Segmentation,
}
#: By kind: a description of the data, and what learns it.
_WORDS = {
    "class": ("one class per sample", "ae.ImageClassifier()"),
    "labels": (
        "multi-label data (several classes per sample)",
        "ae.ImageClassifier(multi_label=True)",
    ),
    "value": ("numbers per sample (values=…)", "ae.ImageRegressor()"),
    "mask": ("a class for each pixel (masks)", "ae.ImageSegmenter()"),
    "none": ("samples without a target", "a data set with labels or values"),
}


def task_of(target: Target) -> Task:
    """Returns the task of a target.

    Raises:
        UserError: there is no task for this kind of target.
    """
    if target.kind not in TASKS:
        raise UserError(
            "expected a class, labels, values or a mask of each sample, found "
            f"{target.kind}; {TARGETS_COME_FROM}"
        )
    return TASKS[target.kind](target)


def of_kind(dataset: Dataset, kind: str) -> Dataset:
    """Returns the data set with a target of a kind; converts classes to labels.

    Raises:
        UserError: its target is of another kind.
    """
    found = dataset.target.kind
    if found == kind or not dataset.known.any():
        return dataset
    if (found, kind) == ("class", "labels"):
        return dataset.with_labels()
    raise UserError(
        f"{dataset.path}: expected {_WORDS[kind][0]}, found {_WORDS[found][0]}; use "
        f"{_WORDS[found][1]}"
    )
