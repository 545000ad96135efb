"""How far a score would have been another one with other samples: the bootstrap."""

from __future__ import annotations

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95
_AT_A_TIME = 100


def intervals(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    num_classes: int,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Percentile intervals (95 %) of OA, AA and kappa, from 1,000 resamples.

    The scores depend on the confusion matrix alone, so that its counts are drawn in
    place of the samples. Samples of one group (patches of one scene, a city) are alike;
    drawn one by one they would make the intervals too narrow, so whole groups are drawn
    (the cluster bootstrap; Efron and Tibshirani 1993, Davison and Hinkley 1997).

    Args:
        y_true, y_pred: class indices, shape (N,).
        num_classes: how many there are.
        groups: what each sample belongs to, shape (N,); None: every sample by itself.
        seed: of the draws.

    Returns:
        ``accuracy``, ``average_accuracy`` and ``cohen_kappa``: [lower, upper].
    """
    rng = np.random.default_rng(seed)
    cells = y_true * num_classes + y_pred
    if groups is None:
        counts = np.bincount(cells, minlength=num_classes**2)
        drawn = rng.multinomial(len(cells), counts / len(cells), RESAMPLES)
    else:
        _, group = np.unique(groups, return_inverse=True)
        size = group.max() + 1
        tables = np.zeros((size, num_classes**2))
        np.add.at(tables, (group, cells), 1)
        drawn = np.concatenate(
            [
                rng.multinomial(size, np.full(size, 1 / size), _AT_A_TIME) @ tables
                for _ in range(RESAMPLES // _AT_A_TIME)
            ]
        )
    matrices = drawn.reshape(RESAMPLES, num_classes, num_classes).astype(float)
    tail = 100 * (1 - LEVEL) / 2
    return {
        name: [float(end) for end in np.percentile(values, [tail, 100 - tail])]
        for name, values in _scores(matrices).items()
    }


def _scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """OA, AA and kappa of confusion matrices (n, classes, classes), rows the truth."""
    total = confusion.sum(axis=(1, 2))
    right = np.diagonal(confusion, axis1=1, axis2=2)
    truth, prediction = confusion.sum(axis=2), confusion.sum(axis=1)
    present = truth > 0
    recall = np.divide(right, truth, out=np.zeros_like(right), where=present)
    observed = right.sum(axis=1) / total
    by_chance = (truth * prediction).sum(axis=1) / total**2
    defined = by_chance < 1
    return {
        "accuracy": observed,
        "average_accuracy": recall.sum(axis=1) / present.sum(axis=1),
        "cohen_kappa": np.divide(
            observed - by_chance,
            1 - by_chance,
            out=np.zeros_like(observed),
            where=defined,
        ),
    }
