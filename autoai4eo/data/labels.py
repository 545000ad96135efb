"""Labels as they lie in files, to one class index per sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autoai4eo.errors import UserError


def class_indices(labels: np.ndarray, path: str) -> tuple[np.ndarray, int, list[str]]:
    """Return int64 class indices (N,), the number of classes and what was wrong.

    ``labels`` is one-hot (N, classes) or integer (N,) or (N, 1). A row without any
    class (all zero, not a number, negative) becomes -1.

    Raises:
        UserError: rows with several classes (multi-label data), no number, wrong shape.
    """
    if labels.dtype.kind not in "biuf":
        raise UserError(
            f"{path}: expected labels as numbers, found type {labels.dtype}; "
            "store class indices or one-hot rows"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 1:
        indices = _from_integers(labels, path)
        classes = int(indices.max(initial=-1)) + 1
    elif labels.ndim == 2:
        indices = _from_one_hot(labels, path)
        classes = labels.shape[1]
    else:
        raise UserError(
            f"{path}: expected labels of shape (N,) or (N, classes), found "
            f"{labels.shape}; a map of labels per pixel is not a patch label"
        )
    lost = int((indices < 0).sum())
    notes = []
    if lost:
        notes.append(
            f"{lost} of {len(indices)} label rows are not one-hot (no class at all): "
            "these samples are left out"
        )
    return indices, classes, notes


def _from_integers(labels: np.ndarray, path: str) -> np.ndarray:
    if labels.dtype.kind == "f":
        finite = np.isfinite(labels)
        if (labels[finite] != np.round(labels[finite])).any():
            raise UserError(
                f"{path}: expected whole numbers as class indices, found fractions "
                f"such as {labels[finite & (labels != np.round(labels))][0]}"
            )
        labels = np.where(finite, labels, -1)
    return np.maximum(labels.astype(np.int64), -1)


def _from_one_hot(labels: np.ndarray, path: str) -> np.ndarray:
    positive = labels > 0
    count = positive.sum(axis=1)
    if several := int((count > 1).sum()):
        raise UserError(
            f"{path}: expected one class per patch, found {several} of {len(labels)} "
            "rows with several: multi-label data is not supported; keep one class "
            "per row"
        )
    return np.where(count == 1, positive.argmax(axis=1), -1).astype(np.int64)


def check_classes(
    indices: np.ndarray, classes: int, names: Sequence[str], path: str
) -> None:
    """Raise UserError where names and classes do not fit or there is one class only.

    Samples without any label at all are fine: one can predict them.
    """
    if len(names) != classes:
        raise UserError(
            f"{path}: expected {classes} class names, one per class, found "
            f"{len(names)}; give class_names=[…] in the order of the labels"
        )
    present = np.unique(indices[indices >= 0])
    if len(present) == 0 and len(indices) and classes:
        raise UserError(f"{path}: no label row names a class; check the labels")
    if len(present) == 1:
        raise UserError(
            f"{path}: expected two classes or more, found one only "
            f"({names[present[0]]}, {len(indices)} samples); there is nothing to tell "
            "apart"
        )
