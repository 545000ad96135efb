"""References: predictors that cost next to nothing, beside which a network stands.

``majority`` predicts the same for every sample: how frequent each class or label is in
the training data; of values it is ``mean``, the mean of each. ``trees`` are
scikit-learn's histogram-based gradient boosting on
`autoai4eo.data.patch_statistics`: one model of all classes, or one of each label or
value. Of masks, both predict each pixel; the trees are ``pixel_trees`` then, on
`autoai4eo.data.pixel_neighbourhoods`. A third reference of masks, a U-Net, is trained
after the finalist, see `autoai4eo.learning.network_reference`.
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
from autoai4eo.learning.evaluation import score
from autoai4eo.learning.kept_trees import of_others, predicted, read_trees, write_trees
from autoai4eo.learning.lazy_outputs import Outputs
from autoai4eo.learning.mask_references import (
    drawn_pixels,
    judged_rows,
    same_outputs,
    told_part,
    tree_outputs,
)
from autoai4eo.learning.registry import task_of

MAJORITY, MEAN, TREES, PIXEL_TREES = "majority", "mean", "trees", "pixel_trees"
#: Samples that the trees are trained on, at most; so they take less than a minute.
SAMPLES = 10_000
_BINS = 63  # of each column; with 255, the default, training takes twice as long
#: Fewer trees in larger steps, since they predict millions of pixels.
_OF_PIXELS = {"max_iter": 30, "learning_rate": 0.2}


def train_references(
    train: Dataset, validation: Dataset, trees: Path, seed: int = 0
) -> dict[str, Any]:
    """Trains the references and scores them.

    Args:
        train: the training data; samples with unknown targets are left out, and the
            trees are trained on 10,000 of more, or on 20,000 pixels of masks.
        validation: the data that candidates are judged on.
        trees: the file for the trees.
        seed: of the trees and of the choice of samples.

    Returns:
        The record of the references, for JSON: what `reference_outputs` needs, also
        ``constant``, the name of the one that predicts the same for every sample;
        ``samples`` of the trees, of masks pixels; by name ``scores`` on the validation
        data, as a trial has them (of masks on tiles of `judged_rows`), and what
        `Task.fit` ``fitted`` there; and ``seconds`` of all this.
    """
    begin = time.perf_counter()
    known = train.subset(np.flatnonzero(train.known))
    bands = {spec.name: [b.name for b in spec.bands] for spec in train.inputs}
    if train.target.kind == "mask":
        counts = known.class_pixels
        table, targets = drawn_pixels(known, counts, bands, seed)
        frequent = counts.sum(axis=0) / counts.sum()
    else:
        part = sample(known, SAMPLES, seed)
        table, targets = patch_statistics(part, bands), part.targets
        frequent = _same_for_all(known)
    models, columns = _trained(train.target.kind, targets, table, seed)
    write_trees(trees, models)
    record: dict[str, Any] = {
        "bands": bands,
        "constant": MEAN if train.target.kind == "value" else MAJORITY,
        "output": [float(value) for value in frequent],
        "columns": columns,
        "samples": len(table),
        "scores": {},
        "fitted": {},
    }
    task = task_of(validation.target)
    rows = judged_rows(validation)
    judged = validation if len(rows) == len(validation) else validation.subset(rows)
    record |= told_part(validation, rows)
    for name, output in reference_outputs(record, trees, judged).items():
        record["scores"][name] = score(judged, output)
        record["fitted"][name] = (
            task.fit(judged.targets, output) if isinstance(output, np.ndarray) else {}
        )
    return {**record, "seconds": round(time.perf_counter() - begin, 3)}


def reference_outputs(
    record: Mapping[str, Any], trees: Path, dataset: Dataset
) -> dict[str, Outputs]:
    """Returns what each reference predicts, by name, float32 (N, …), see `Task`.

    Of masks, it is predicted when it is read, see `LazyOutputs`.

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
        raise of_others(trees)
    models = read_trees(trees)
    fits = len(models) == len(record["columns"])
    if not fits or not set().union(*record["columns"]) <= set(range(classes)):
        raise of_others(trees)
    if dataset.target.kind == "mask":
        by_trees = tree_outputs(dataset, models, record, trees)
        return {MAJORITY: same_outputs(dataset, output), PIXEL_TREES: by_trees}
    found = predicted(models, patch_statistics(dataset, record["bands"]), trees)
    constant = np.tile(output, (len(dataset), 1))
    of_trees = constant.copy()
    if dataset.target.kind == "class":
        of_trees[:] = 0  # classes without a sample
    for columns, values in zip(record["columns"], found, strict=True):
        if len(columns) > values.shape[1]:
            raise of_others(trees)
        # of a label two: that it is not there, and that it is
        of_trees[:, columns] = values[:, -len(columns) :]
    # earlier versions named it the same for values
    return {record.get("constant", MAJORITY): constant, TREES: of_trees}


def _same_for_all(known: Dataset) -> np.ndarray:
    """Returns what ``majority`` or ``mean`` predicts, (classes,)."""
    if known.target.kind == "class":
        return np.asarray(known.label_counts() / len(known))
    return np.asarray(np.nanmean(known.targets.astype(float), axis=0))


def _trained(
    kind: str, targets: np.ndarray, table: np.ndarray, seed: int
) -> tuple[list[Any], list[list[int]]]:
    """Returns trained models, and the columns of the output that each predicts.

    Args:
        kind: of target.
        targets: of n samples or pixels.
        table: what the models learn from, (n, columns).
        seed: of the models.
    """
    from sklearn import ensemble

    model_of = (
        ensemble.HistGradientBoostingRegressor
        if kind == "value"
        else ensemble.HistGradientBoostingClassifier
    )

    more = _OF_PIXELS if kind == "mask" else {}

    def trained(rows: Any, targets: np.ndarray) -> Any:
        model = model_of(
            max_bins=_BINS, early_stopping=False, random_state=seed, **more
        )
        known = table[rows]
        # scikit-learn fails on a column that is all NaN; no tree uses a constant one
        seen = np.where(np.isfinite(known).any(axis=0), known, 0)
        return model.fit(seen, targets[rows])

    if kind in ("class", "mask"):
        model = trained(slice(None), targets)
        return [model], [[int(c) for c in model.classes_]]
    models, columns = [], []
    for i, column in enumerate(targets.T):
        rows = np.isfinite(column)
        if len(np.unique(column[rows])) > 1:  # otherwise as the constant
            models.append(trained(rows, column))
            columns.append([i])
    return models, columns
