"""Evaluates a network on data with known targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.groups import coarsest
from autoai4eo.data.input_names import inputs_needed
from autoai4eo.data.masks.overlapping import each_pixel_once
from autoai4eo.data.masks.reopening import classes_again
from autoai4eo.data.readers.labels import finds_several
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.sensors import unknown_bands
from autoai4eo.data.stream import Batches
from autoai4eo.data.units import Typical
from autoai4eo.data.unlike import unlike_training
from autoai4eo.errors import UnknownClassError, UserError, warn
from autoai4eo.learning.lazy_outputs import LazyOutputs, Outputs, in_parts
from autoai4eo.learning.network import Network
from autoai4eo.learning.registry import of_kind, task_of
from autoai4eo.learning.task import Scorer
from autoai4eo.learning.worst_group import CountedGroups
from autoai4eo.text import counted, line

#: What is resampled for intervals where data have no groups of several samples.
SINGLE = ("sample", "tile")


def open_for(
    model: Network,
    data: dict[str, Any] | None,
    x: Any,
    y: Any = None,
    *,
    bands: Any = None,
    class_level: int | None = None,
    unlabelled: bool = False,
    typical: Mapping[str, tuple[Typical, ...]] | None = None,
    allow_remote: bool = False,
    ignored: Sequence[int] | None = None,
) -> Dataset:
    """Opens data with the inputs, bands and classes of a network, in its order.

    Classes and bands are matched by name if network and data name them.

    Args:
        model: the network.
        data: the record of its training data in ``run.json``, if known.
        x, y: a path, data set or arrays, and the labels, values or masks of arrays, or
            the masks of scenes, see `open_dataset`; arrays for several inputs in the
            order of the network's. Tiles have the size of the network's inputs; what
            tiles share counts once, unless `unlabelled`.
        bands: names of the bands in `x`, if `x` does not name them.
        class_level: see `open_dataset`.
        unlabelled: keeps all samples, and reads no targets.
        typical: typical values of the bands of the training data, if known.
        allow_remote, ignored: see `open_dataset`.

    Warns:
        UserWarning: problems that were found on opening, and values in other units.

    Raises:
        UserError: inputs, bands or classes are missing, or patches have another size.
    """
    names = [node.name for node in model.inputs]
    x = by_input(x, names)
    tiles = {}
    if isinstance(y, str | Path):
        tiles, y = {"masks": y, "tile": int(model.inputs[0].shape[1])}, None
    known, kind = None, None if data is None else data.get("target", "class")
    if data is not None:
        known = told_bands({s["name"]: s["bands"] for s in data["inputs"]})
    if isinstance(bands, Mapping) and known is not None:
        bands = {**known, **bands}  # other inputs keep theirs
    how: dict[str, Any] = {
        "inputs": names,
        **({"kind": "none"} if unlabelled else told_targets(y, kind)),
        **tiles,
        "bands": known if bands is None else bands,
        "class_level": class_level,
        "allow_remote": allow_remote,
    }
    classes: dict[str, Any] = {}
    if data is not None and not unlabelled:
        classes = classes_again(data.get("opened") or {}, data["classes"])
    if ignored is not None:
        how["ignored"] = classes["ignored"] = ignored
    cure = "scenes need --masks; or " if kind == "mask" and not tiles else ""
    with inputs_needed(names, "the network", cure):
        try:
            dataset = open_dataset(x, **{**how, **classes})
        except UnknownClassError:
            if kind is not None:
                of_kind(open_dataset(x, **how), kind)  # masks of other classes
            raise
    if bands is not None and known is not None:
        dataset = dataset.select_bands(known)
    notes = (n for n in dataset.notes if kind != "labels" or not finds_several(n))
    unlike = map(str, unlike_training(dataset, typical or {}))
    for note in dict.fromkeys((*notes, *unlike)):
        warn(line(note))
    for node, spec in zip(model.inputs, dataset.inputs, strict=True):
        if tuple(node.shape[1:]) != spec.shape:
            raise UserError(
                f"{dataset.path}: expected {node.name} of {_size(node.shape[1:])}, the "
                f"input of the network, found {_size(spec.shape)}"
            )
    if unlabelled or not dataset.known.any():
        return dataset
    if kind is not None:
        dataset = of_kind(dataset, kind)
    pixels = model.output_shape[1:-1]
    if dataset.target.kind == "mask" and pixels != dataset.target.shape:
        raise UserError(
            f"{dataset.path}: expected a network with a class for each of "
            f"{'×'.join(map(str, dataset.target.shape))} pixels, found one with "
            f"{'×'.join(map(str, pixels)) or 'one class per sample'}; give data of the "
            "kind that it was trained on"
        )
    if model.output_shape[-1] not in task_of(dataset.target).widths:
        raise UserError(
            f"{dataset.path}: expected the {model.output_shape[-1]} classes of the "
            f"network, found {dataset.num_classes}"
        )
    return dataset if unlabelled else each_pixel_once(dataset)


def told_targets(y: Any, kind: str | None) -> dict[str, Any]:
    """Returns the arguments of `open_dataset` for targets of a kind.

    Args:
        y: targets of arrays; None if the source has its own.
        kind: of target; None: any.
    """
    needs_kind = kind in ("value", "mask") or (kind == "labels" and y is not None)
    return {"labels": y, "kind": kind} if needs_kind else {"labels": y}


def told_bands(by_input: Mapping[str, Sequence[str]]) -> dict[str, list[str]] | None:
    """Returns the names of the bands; None if an input has unknown bands.

    Args:
        by_input: names of bands; ``band1``, ``band2``, … are unknown bands.
    """
    nameless = any(
        list(names) == [band.name for band in unknown_bands(len(names))]
        for names in by_input.values()
    )
    return None if nameless else {name: list(b) for name, b in by_input.items()}


def by_input(x: Any, names: Sequence[str]) -> Any:
    """Returns arrays in order as a dict by input name; anything else unchanged.

    Raises:
        UserError: the numbers of arrays and names differ.
    """
    if isinstance(x, np.ndarray):
        x = [x]
    if not isinstance(x, list | tuple):
        return x
    if len(x) != len(names):
        raise UserError(
            f"x: expected {len(names)} arrays, one for each input "
            f"({', '.join(names)}), got {len(x)}"
        )
    return dict(zip(names, x, strict=True))


def outputs(
    model: Network, dataset: Dataset, batch_size: int = 32, verbose: int = 0
) -> np.ndarray:
    """Returns a network's output for each sample, float32 (N, …), see `Task`."""
    batches = Batches(dataset, batch_size)
    found = np.asarray(model.predict(batches, verbose=verbose))
    batches.close()
    return found


def outputs_in_parts(
    model: Network, dataset: Dataset, batch_size: int = 32, verbose: int = 0
) -> Outputs:
    """Returns the same as `outputs`; of masks, `LazyOutputs`, to score them."""
    if dataset.target.kind != "mask":
        return outputs(model, dataset, batch_size, verbose)
    return LazyOutputs(dataset, lambda part: outputs(model, part, batch_size, verbose))


def evaluate(
    model: Network,
    dataset: Dataset,
    batch_size: int = 32,
    fitted: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Evaluates a network, and returns its scores, see `score`.

    Raises:
        UserError: the target of a sample is unknown.
    """
    check_labelled(dataset)
    return score(dataset, outputs_in_parts(model, dataset, batch_size), fitted)


def check_labelled(dataset: Dataset) -> None:
    """Checks that the target of every sample is known.

    Raises:
        UserError: that of a sample is unknown.
    """
    if not len(dataset) or not dataset.known.all():
        gives = "one folder of images per class, or a data set called label, gives them"
        if dataset.target.kind == "mask":
            gives = "leave tiles without a known pixel out"
        raise UserError(
            f"{dataset.path}: expected labelled samples, found some without a label; "
            f"{gives}"
        )


def score(
    dataset: Dataset, output: Outputs, fitted: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Returns the scores of a network's output for known targets, for JSON.

    Args:
        dataset: N samples with known targets.
        output: of the network for these samples, (N, …).
        fitted: the result of `Task.fit`.

    Returns:
        The result of the task's scorer, see `classification.ClassScorer`,
        `multilabel.LabelScorer`, `regression.ValueScorer` and `mask_scorer.MaskScorer`;
        of classes in groups that of `worst_group.CountedGroups.scores`; and that of
        `resampled_by`.

    Raises:
        UserError: the class of no pixel is known.
    """
    _, groups = groups_of(dataset)
    scorer = scored(dataset, output, groups, fitted)
    counted = CountedGroups.of(dataset)
    of_groups = {} if counted is None else counted.scores(np.asarray(output))
    found = scorer.result()
    if dataset.target.kind == "mask" and not _classes_in(found):
        raise UserError(
            f"{dataset.path}: expected masks with known classes, found no known pixel; "
            "the ignored value may be wrong"
        )
    return {**found, **of_groups, **resampled_by(dataset)}


def scored(
    dataset: Dataset,
    output: Outputs,
    groups: np.ndarray | None,
    fitted: Mapping[str, Any] | None = None,
    rows: np.ndarray | None = None,
) -> Scorer:
    """Returns a scorer that has been given a network's output, in parts.

    Args:
        dataset, output, fitted: see `score`.
        groups: number of each sample's group, int (N,), or None, see `Scorer`.
        rows: of the samples to score; None: all.
    """
    scorer = task_of(dataset.target).scorer(fitted or {})
    rows = np.arange(len(dataset)) if rows is None else rows
    for part in in_parts(rows, dataset.target):
        group = None if groups is None else groups[part]
        scorer.add(dataset.read_targets(part), output[part], group)
    return scorer


def _classes_in(scores: Mapping[str, Any]) -> int:
    """Returns how many classes the truth has."""
    return len(scores["per_class"]) - len(scores["absent_classes"])


def groups_of(dataset: Dataset) -> tuple[str, np.ndarray | None]:
    """Returns the name of the groups, and the number of each sample's, int (N,).

    Returns one of `SINGLE` and None if the dataset has no groups of several samples.
    """
    name = coarsest(dataset)
    if name is None:
        return SINGLE[dataset.target.kind == "mask"], None
    return name, np.unique(dataset.groups[name], return_inverse=True)[1]


def resampled_by(dataset: Dataset) -> dict[str, Any]:
    """Returns what was resampled for intervals, for JSON.

    Returns:
        ``resampled_by``: the name of the groups, such as ``"parent"``, or of `SINGLE`;
        and ``resampled_groups``, how many there are.
    """
    by, groups = groups_of(dataset)
    number = len(dataset) if groups is None else len(np.unique(groups))
    return {"resampled_by": by, "resampled_groups": number}


def _size(shape: Sequence[int]) -> str:
    height, width, bands = shape
    return f"{height}×{width} pixels and {counted(bands, 'band')}"
