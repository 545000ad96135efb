"""The task of a class for each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.splits import class_weights
from autoai4eo.errors import UserError
from autoai4eo.learning.classification import KERAS_LOSSES
from autoai4eo.learning.mask_losses import TERMS, MaskLoss
from autoai4eo.learning.mask_scorer import MaskScorer
from autoai4eo.learning.metrics import (
    AverageAccuracy,
    CohenKappa,
    MeanIoU,
    OverallAccuracy,
)
from autoai4eo.learning.objectives import DEFAULTS, Objective
from autoai4eo.learning.task import Task, parsed_weights


@dataclass(frozen=True)
class Segmentation(Task):
    """See `Task`. The output is class probabilities, (n, H, W, classes).

    Pixels whose class is unknown (-1) count in no loss and in no score.
    """

    losses: ClassVar[tuple[str, ...]] = (
        *TERMS,
        *(f"{a}+{b}" for a in ("crossentropy", "focal") for b in ("dice", "lovasz")),
    )
    keras_losses: ClassVar[Mapping[str, str]] = KERAS_LOSSES
    metrics: ClassVar[tuple[str, ...]] = (
        "mean_iou",
        "accuracy",
        "average_accuracy",
        "cohen_kappa",
    )
    objective: ClassVar[Objective] = DEFAULTS["mask"]
    resampled: ClassVar[tuple[str, ...]] = (*metrics, "macro_f1", "boundary_f1")
    weighs_pixels: ClassVar[bool] = True

    def check(self, dataset: Dataset) -> None:
        """See `Task.check`: at least two classes must have pixels."""
        present = np.flatnonzero(dataset.label_counts())
        if len(present) < 2:
            only = [f"all {dataset.class_names[i]}" for i in present]
            found = "".join(only) or "no pixel of a known class"
            raise UserError(
                f"{dataset.path}: expected masks with pixels of two classes or more, "
                f"found {found}; there is nothing to learn"
            )

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Returns one-hot pixels, float32 (n, H, W, classes); all zero where -1."""
        return (targets[..., None] == self._classes).astype(np.float32)

    def encode_training(
        self,
        targets: np.ndarray,
        label_smoothing: float,
        class_weight: Mapping[int, float] | None,
    ) -> np.ndarray:
        """See `Task.encode_training`: labels are smoothed at boundaries only.

        A share of a pixel's label is spread over the classes of the 3×3 pixels around
        it, by their number, so that labels inside of an area stay sure (after Islam and
        Glocker 2021, arXiv:2104.05788). Each pixel is then multiplied by the weight of
        its class.
        """
        encoded = self.encode(targets)
        if label_smoothing:
            around = _around(targets)
            differ = ((around >= 0) & (around != targets)).any(axis=0)
            boundary = np.nonzero(differ & (targets >= 0))
            spread = _shares(
                np.stack([one[boundary] for one in around]), len(self.target.classes)
            )
            label = encoded[boundary]
            encoded[boundary] = label + label_smoothing * (spread - label)
        if class_weight is not None:
            weights = [class_weight.get(int(i), 1.0) for i in self._classes]
            encoded *= np.array(weights, np.float32)[targets][..., None]
        return encoded

    def loss(self, name: str, targets: np.ndarray) -> Any:
        """See `Task.loss` and `autoai4eo.learning.mask_losses`."""
        return MaskLoss(name)

    def keras_metrics(self, targets: np.ndarray) -> list[Any]:
        """See `Task.keras_metrics`."""
        kinds = (MeanIoU, OverallAccuracy, AverageAccuracy, CohenKappa)
        return [kind(len(self.target.classes)) for kind in kinds]

    def head(self, loss: str, targets: np.ndarray) -> dict[str, Any]:
        """See `Task.head`: ``shape`` is (H, W, classes)."""
        return {"shape": (*self.target.shape, len(self.target.classes))}

    def class_weight(
        self, asked: str | Mapping[int, float] | None, train: Dataset
    ) -> dict[int, float] | None:
        """See `Task.class_weight`: ``"balanced"`` by pixels, or by class number."""
        return parsed_weights(asked, lambda: class_weights(train))

    def decide(self, output: np.ndarray, fitted: Mapping[str, Any]) -> np.ndarray:
        """Returns the most probable class of each pixel, int16 (n, H, W)."""
        return output.argmax(axis=-1).astype(np.int16)

    def scorer(self, fitted: Mapping[str, Any]) -> MaskScorer:
        """See `Task.scorer`."""
        return MaskScorer(self.target.classes)

    @property
    def _classes(self) -> np.ndarray:
        return np.arange(len(self.target.classes), dtype=np.int16)


def _around(masks: np.ndarray) -> np.ndarray:
    """Returns the classes of the 3×3 pixels around each pixel, (9, n, H, W)."""
    height, width = masks.shape[1:]
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    return np.stack(
        [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    )


def _shares(around: np.ndarray, classes: int) -> np.ndarray:
    """Returns the share of each class among classes (9, k), float32 (k, classes)."""
    pixels = around.shape[1]
    cells = np.arange(pixels) * classes + around
    counts = np.bincount(cells[around >= 0], minlength=pixels * classes)
    counts = counts.reshape(pixels, classes)
    return (counts / counts.sum(axis=-1, keepdims=True)).astype(np.float32)
