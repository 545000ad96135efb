"""References: predictors that cost next to nothing, beside which a network stands.

``majority`` predicts the same for every sample: how frequent each class or label is in
the training data, or the mean of each value. ``trees`` are scikit-learn's
histogram-based gradient boosting on `autoai4eo.data.patch_statistics`: one model of all
classes, or one of each label or value.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.patch_statistics import patch_statistics
from autoai4eo.data.splits import sample
from autoai4eo.errors import DamagedError
from autoai4eo.learning.evaluation import score
from autoai4eo.learning.kept_trees import CURE, predicted, write_trees
from autoai4eo.learning.registry import task_of

MAJORITY, TREES = "majority", "trees"
#: Samples that the trees are trained on, at most; so they take less than a minute.
SAMPLES = 10_000
_BINS = 63  # of each column; with 255, the default, training takes twice as long


def train_references(
    train: Dataset, validation: Dataset, trees: Path, seed: int = 0
) -> dict[str, Any]:
    """Trains the references and scores them.

    Args:
        train: the training data; samples with unknown targets are left out, and the
            trees are trained on 10,000 of more.
        validation: the data that candidates are judged on.
        trees: the file for the trees.
        seed: of the trees and of the choice of samples.

    Returns:
        The record of the references, for JSON: what `reference_outputs` needs;
        ``samples`` of the trees; by name ``scores`` on the validation data, as a trial
        has them, and what `Task.fit` ``fitted`` there; and ``seconds`` of all this.
    """
    begin = time.perf_counter()
    known = train.subset(np.flatnonzero(train.known))
    part = sample(known, SAMPLES, seed)
    bands = {spec.name: [b.name for b in spec.bands] for spec in train.inputs}
    models, columns = _trained(part, patch_statistics(part, bands), seed)
    write_trees(trees, models)
    record: dict[str, Any] = {
        "bands": bands,
        "output": [float(value) for value in _same_for_all(known)],
        "columns": columns,
        "samples": len(part),
        "scores": {},
        "fitted": {},
    }
    task = task_of(validation.target)
    for name, output in reference_outputs(record, trees, validation).items():
        record["scores"][name] = score(validation, output)
        record["fitted"][name] = task.fit(validation.targets, output)
    return {**record, "seconds": round(time.perf_counter() - begin, 3)}


def reference_outputs(
    record: Mapping[str, Any], trees: Path, dataset: Dataset
) -> dict[str, np.ndarray]:
    """Returns what each reference predicts, by name, float32 (N, …), see `Task`.

    Args:
        record: from `train_references`.
        trees: the file of the trees.
        dataset: N samples with the inputs, bands and classes of the training data.

    Raises:
        UserError: the trees are missing or damaged, or of other data.
    """
    wanted = {name: len(bands) for name, bands in record["bands"].items()}
    output = np.asarray(record["output"], np.float32)
    classes = len(dataset.target.classes)
    same = wanted == {spec.name: len(spec.bands) for spec in dataset.inputs}
    if not same or output.shape != (classes,):
        raise _of_others(trees)
    found = predicted(trees, patch_statistics(dataset, record["bands"]))
    majority = np.tile(output, (len(dataset), 1))
    of_trees = majority.copy()
    if dataset.target.kind == "class":
        of_trees[:] = 0  # classes without a sample
    if len(found) != len(record["columns"]):
        raise _of_others(trees)
    for columns, values in zip(record["columns"], found, strict=True):
        if not set(columns) <= set(range(classes)) or len(columns) > values.shape[1]:
            raise _of_others(trees)
        # of a label two: that it is not there, and that it is
        of_trees[:, columns] = values[:, -len(columns) :]
    return {MAJORITY: majority, TREES: of_trees}


def _of_others(trees: Path) -> DamagedError:
    return DamagedError(
        f"{trees}: expected trees of this run's bands and classes, found others; {CURE}"
    )


def _same_for_all(known: Dataset) -> np.ndarray:
    """Returns what ``majority`` predicts, (classes,)."""
    if known.target.kind == "class":
        return np.asarray(known.label_counts() / len(known))
    return np.asarray(np.nanmean(known.targets.astype(float), axis=0))


def _trained(
    part: Dataset, table: np.ndarray, seed: int
) -> tuple[list[Any], list[list[int]]]:
    """Returns trained models, and the columns of the output that each predicts."""
    from sklearn import ensemble

    of_values = part.target.kind == "value"
    kind = (
        ensemble.HistGradientBoostingRegressor
        if of_values
        else ensemble.HistGradientBoostingClassifier
    )

    def trained(rows: Any, targets: np.ndarray) -> Any:
        model = kind(max_bins=_BINS, early_stopping=False, random_state=seed)
        known = table[rows]
        # scikit-learn fails on a column that is all NaN; no tree uses a constant one
        seen = np.where(np.isfinite(known).any(axis=0), known, 0)
        return model.fit(seen, targets[rows])

    if part.target.kind == "class":
        model = trained(slice(None), part.targets)
        return [model], [[int(c) for c in model.classes_]]
    models, columns = [], []
    for i, targets in enumerate(part.targets.T):
        rows = np.isfinite(targets)
        if len(np.unique(targets[rows])) > 1:  # otherwise as ``majority``
            models.append(trained(rows, targets))
            columns.append([i])
    return models, columns
