"""Scores of masks, computed batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoai4eo.learning import confusion
from autoai4eo.learning.boundaries import TOLERANCE, boundary_sums
from autoai4eo.learning.calibration import Reliability, expected_calibration_error
from autoai4eo.learning.intervals import GroupSums, of_groups, resampled


class MaskScorer:
    """See `Scorer`. Keeps a confusion matrix and boundary counts per group.

    Pixels whose class is unknown do not count, and all others count equally, whichever
    sample they are of. ``result`` returns, besides what
    `autoai4eo.learning.classification.scores` returns, of pixels:

    ``mean_iou``
        the mean intersection over union (mIoU) of the classes in the truth; that of
        each class is in ``per_class``.
    ``boundary_f1``
        the mean over classes with a boundary in the truth: F1 of boundary pixels that
        agree within ``boundary_tolerance`` pixels, see
        `autoai4eo.learning.boundaries`. Boundary pixels of all samples are counted
        together, so that a tile with little boundary counts little; Csurka et al.
        average over images.
    ``expected_calibration_error``, ``reliability``
        see `autoai4eo.learning.calibration`.
    ``intervals``
        of all scores of all classes, see `autoai4eo.learning.intervals`; samples
        without groups are drawn one by one, pixels never.

    Without a known pixel all scores are 0.

    Args:
        class_names: the name of each class number.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = class_names
        self._sums = GroupSums()
        self._reliability = Reliability()

    def add(
        self, truth: np.ndarray, output: np.ndarray, group: np.ndarray | None = None
    ) -> None:
        """See `Scorer.add`.

        Args:
            truth: masks, (n, H, W), -1 where unknown.
            output: the probability of each class, (n, H, W, classes).
            group: see `Scorer.add`.
        """
        classes = len(self._names)
        known = truth >= 0
        predicted = output.argmax(axis=-1)
        self._reliability.add(truth[known], output[known])
        sample = np.nonzero(known)[0]
        cells = sample * classes**2 + truth[known] * classes + predicted[known]
        matrix = np.bincount(cells, minlength=len(truth) * classes**2)
        boundary = boundary_sums(truth, predicted, known, classes)
        rows = [part.reshape(len(truth), -1) for part in (matrix, boundary)]
        self._sums.add(np.concatenate(rows, axis=1), group)

    def result(self) -> dict[str, Any]:
        """See `Scorer.result`."""
        table = self._sums.table
        total = table.sum(axis=0)
        matrix, _ = self._parts(total.astype(int))
        found = confusion.described(matrix, self._names)
        iou = confusion.by_class(matrix)["iou"]
        for values, one in zip(found["per_class"].values(), iou, strict=True):
            values["iou"] = float(one) if values["support"] else None
        reliable = self._reliability.table()
        return {
            **found,
            **{name: float(value) for name, value in self._figures(total).items()},
            "boundary_tolerance": TOLERANCE,
            "expected_calibration_error": expected_calibration_error(reliable),
            "reliability": reliable,
            "intervals": of_groups(table, self._drawn),
        }

    def resampled(self) -> dict[str, np.ndarray]:
        """See `Scorer.resampled`."""
        return resampled(self._sums.table, self._drawn)

    def _parts(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns confusion matrices, and boundary counts (…, 4, classes)."""
        classes = len(self._names)
        matrix, boundary = np.split(sums, [classes**2], axis=-1)
        return (
            matrix.reshape(*sums.shape[:-1], classes, classes),
            boundary.reshape(*sums.shape[:-1], 4, classes),
        )

    def _drawn(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the figures of resamples, see `confusion.mean_by_class`."""
        return self._figures(sums, self._sums.table.sum(axis=0))

    def _figures(
        self, sums: np.ndarray, like: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        matrix, boundary = self._parts(sums)
        f1, counted = _boundary_f1(boundary)
        whole = None
        if like is not None:
            whole, of_whole = self._parts(like)
            known, there = _boundary_f1(of_whole)
            f1, counted = np.where(there > counted, known, f1), counted | there
        return {
            **confusion.figures(matrix, whole),
            "mean_iou": confusion.mean_by_class("iou", matrix, whole),
            "macro_f1": confusion.mean_by_class(
                "f1", matrix, whole, also_predicted=True
            ),
            "boundary_f1": confusion.mean_over(f1, counted),
        }


def _boundary_f1(boundary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns F1 of each class's boundary, and whether it has one, (…, classes)."""
    found, found_right, true, true_right = np.moveaxis(boundary, -2, 0)
    precision = confusion.ratio(found_right, found)
    recall = confusion.ratio(true_right, true)
    f1 = confusion.ratio(2 * precision * recall, precision + recall)
    return f1, true > 0
