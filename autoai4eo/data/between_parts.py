"""Problems between the parts of a split: classes, inputs, copies."""

from __future__ import annotations

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.patch_checks import look
from autoai4eo.data.problem import Problem, times
from autoai4eo.data.readers.labels import unnamed
from autoai4eo.errors import UnknownClassError


def between_parts(
    dataset: Dataset, prints: np.ndarray, name: str, other: Dataset
) -> list[Problem]:
    """Returns the problems of a dataset beside another part of its split.

    Args:
        dataset: the dataset.
        prints: hashes of its samples, see `autoai4eo.data.patch_checks.Looked`.
        name: of the other part, for messages.
        other: the other part.
    """
    found = [Problem(note) for note in other.notes]
    found += _classes(dataset, other)
    if [s.shape for s in other.inputs] != [s.shape for s in dataset.inputs]:
        return [
            *found,
            Problem(
                f"{name} has other inputs ({_shapes(other)}) than {dataset.path} "
                f"({_shapes(dataset)})",
                serious=True,
            ),
        ]
    if shared := int(np.isin(prints, look(other).prints).sum()):
        found.append(
            Problem(
                f"{times(shared, 'patch occurs', 'patches occur')} in {name} as well: "
                "the score there is not one on unseen data",
                serious=True,
            )
        )
    return found


def _classes(dataset: Dataset, other: Dataset) -> list[Problem]:
    """A problem where one of the two has classes that the other lacks."""
    kinds = {dataset.target.kind, other.target.kind}
    if len(kinds) > 1 or kinds <= {"value", "none"} or unnamed(other.class_names):
        return []
    try:
        same = other.with_classes(dataset.class_names)
    except UnknownClassError as error:
        return [Problem(str(error), serious=True)]
    lacking = (same.label_counts() == 0) & (dataset.label_counts() > 0)
    if not lacking.any():
        return []
    names = ", ".join(np.array(dataset.class_names, object)[lacking])
    return [Problem(f"{other.path}: no samples of {names}")]


def _shapes(dataset: Dataset) -> str:
    return ", ".join(f"{spec.name} {spec.shape}" for spec in dataset.inputs)
