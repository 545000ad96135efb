"""Scores of confusion matrices; rows: truth, columns: prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Returns part / whole; 0 where the whole is 0."""
    out = np.zeros(np.broadcast_shapes(np.shape(part), np.shape(whole)))
    return np.divide(part, whole, out=out, where=whole > 0)


def by_class(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Returns scores of each class, (…, classes), zero where undefined.

    Args:
        confusion: counts, (…, classes, classes).

    Returns:
        ``precision``, ``recall``, ``f1``, ``iou`` (intersection over union, Jaccard
        1912), ``support``, how often the class is true, and ``predicted``, how often it
        is predicted.
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    truth, prediction = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return {
        "precision": ratio(right, prediction),
        "recall": ratio(right, truth),
        "f1": ratio(2 * right, truth + prediction),
        "iou": ratio(right, truth + prediction - right),
        "support": truth,
        "predicted": prediction,
    }


def mean_over(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Returns the mean over the classes that count, (…,); 0 if none does.

    Args:
        values: of each class, (…, classes).
        counted: whether it counts, bool (…, classes).
    """
    return ratio((values * counted).sum(axis=-1), counted.sum(axis=-1))


def mean_by_class(
    name: str,
    confusion: np.ndarray,
    like: np.ndarray | None = None,
    *,
    also_predicted: bool = False,
) -> np.ndarray:
    """Returns the mean of a score over the classes in the truth, (…,); 0 without any.

    Args:
        name: of the score, see `by_class`.
        confusion: counts, (…, classes, classes).
        like: counts of the whole that each matrix is a resample of, (classes, classes).
            A rare class may be absent from a resample. Leaving it out there would make
            a mean over other classes: its score in the whole takes the place of the
            one that it lacks.
        also_predicted: whether classes that are only predicted count, too.
    """
    each = by_class(confusion)
    counted, values = each["support"] > 0, each[name]
    if like is not None:
        whole = by_class(like)
        values = np.where((whole["support"] > 0) > counted, whole[name], values)
        counted = counted | (whole["support"] > 0)
    if also_predicted:
        counted = counted | (each["predicted"] > 0)
    return mean_over(values, counted)


def figures(
    confusion: np.ndarray, like: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns ``accuracy`` (OA), ``average_accuracy`` (AA) and ``cohen_kappa``, (…,).

    AA is the mean recall of the classes in the truth; kappa is unweighted. Each is zero
    where undefined.

    Args:
        confusion: counts, (…, classes, classes).
        like: of resamples, see `mean_by_class`.
    """
    each = by_class(confusion)
    total = np.asarray(confusion.sum(axis=(-2, -1)), float)
    right = np.trace(confusion, axis1=-2, axis2=-1)
    observed = ratio(right, total)
    pairs = (each["support"].astype(float) * each["predicted"]).sum(axis=-1)
    by_chance = ratio(pairs, total**2)
    return {
        "accuracy": observed,
        "average_accuracy": mean_by_class("recall", confusion, like),
        "cohen_kappa": np.where(
            by_chance < 1, ratio(observed - by_chance, 1 - by_chance), 0.0
        ),
    }


def scores(confusion: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    """Returns the scores of a confusion matrix (classes, classes), for JSON.

    See `autoai4eo.learning.classification.scores`.
    """
    each = by_class(confusion)
    seen = (each["support"] > 0) | (each["predicted"] > 0)
    return {
        **{name: float(value) for name, value in figures(confusion).items()},
        "macro_f1": float(mean_over(each["f1"], seen)),
        **described(confusion, class_names),
    }


def described(confusion: np.ndarray, class_names: Sequence[str]) -> dict[str, Any]:
    """Returns those of `scores` that are no means over classes or samples."""
    each = by_class(confusion)
    present = each["support"] > 0
    seen = present | (each["predicted"] > 0)
    return {
        "per_class": {
            name: {
                **{
                    n: float(each[n][i]) if present[i] else None
                    for n in ("precision", "recall", "f1")
                },
                "support": int(each["support"][i]),
            }
            for i, name in enumerate(class_names)
        },
        "confusion_matrix": confusion.tolist(),
        "absent_classes": _those(class_names, ~present),
        "unseen_classes": _those(class_names, ~seen),
    }


def _those(class_names: Sequence[str], which: np.ndarray) -> list[str]:
    return [name for name, one in zip(class_names, which, strict=True) if one]
