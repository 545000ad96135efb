"""Patches of a run's own data, to check, calibrate and score an exported model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.deploy.predictors.description import target_of
from autoai4eo.errors import UserError
from autoai4eo.learning.registry import of_kind
from autoai4eo.runs.folder import Run

CHECKED, CALIBRATED, JUDGED = 64, 200, 5000


@dataclass(frozen=True)
class Patches:
    """Some patches.

    Attributes:
        pixels: float32 (N, H, W, bands) by input name.
        told: what they are, in words.
    """

    pixels: dict[str, np.ndarray]
    told: str


@dataclass(frozen=True)
class Part:
    """The training or validation data of a run.

    Attributes:
        dataset: its patches.
        rows: the patches to use, drawn at random if there are many.
        told: what they are, in words.
    """

    dataset: Dataset
    rows: np.ndarray
    told: str

    def blocks(self, size: int = 64) -> Iterator[tuple[dict[str, np.ndarray], Any]]:
        """Pixels by input name, and targets, of `size` patches at a time."""
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            yield self.dataset.read(rows), self.dataset.read_targets(rows)


def for_check(
    run: Path, known: Mapping[str, Any], model: keras.Model, data: Mapping[str, Dataset]
) -> Patches:
    """Patches to compare a written model with the network on.

    Of the validation data; if these are missing, of the training data; else drawn from
    the statistics of the training data's bands: normal, between the lowest and the
    highest value. Every other patch misses its first row (NaN).

    Args:
        run: the run's folder.
        known: its ``run.json``.
        model: the network; its inputs are needed.
        data: data sets of the run that are open already, by role.

    Raises:
        UserError: the run's data are damaged or of other inputs, or neither they nor
            statistics of their bands were found.
    """
    for role in ("validation", "training"):
        part = find(known, role, model, data, CHECKED)
        if part is not None:
            return _with_holes(part.dataset.read(part.rows), part.told)
    inputs = Run(run).read_statistics()
    if not inputs:
        raise UserError(
            f"{run}: expected the run's data, or statistics.json, to try the network "
            "on, found neither; put one of them there"
        )
    rng = np.random.default_rng(0)
    pixels = {}
    for node in model.inputs:
        told = {name: np.array(values) for name, values in inputs[node.name].items()}
        drawn = rng.normal(told["mean"], told["std"], (CHECKED, *node.shape[1:]))
        drawn = drawn.clip(told["minimum"], told["maximum"])
        pixels[node.name] = drawn.astype("float32")
    return _with_holes(
        pixels, f"{CHECKED} synthetic patches (the run's own data were not found)"
    )


def _with_holes(pixels: dict[str, np.ndarray], told: str) -> Patches:
    """Every other patch without its first row, as missing pixels must stay missing."""
    holes = {name: patches.copy() for name, patches in pixels.items()}
    for patches in holes.values():
        patches[1::2, 0] = np.nan
    return Patches(holes, f"{told}, every other with missing pixels")


def find(
    known: Mapping[str, Any],
    role: str,
    model: keras.Model,
    data: Mapping[str, Dataset],
    most: int,
) -> Part | None:
    """The training or validation data of a run.

    Args:
        known: the ``run.json``.
        role: ``"training"`` or ``"validation"``.
        model: the network that they are for.
        data: data sets of the run that are open already, by role.
        most: so many patches are drawn if there are more.

    Returns:
        The data set that is open, or else the one at the path in ``run.json``; None if
        there is nothing at that path.

    Raises:
        UserError: the data are damaged, or of other inputs or another kind of target.
    """
    told = known["data"][role]
    names = [node.name for node in model.inputs]
    dataset = data.get(role)
    if dataset is None:
        if not Path(told["path"]).exists():
            return None
        dataset = open_dataset(
            told["path"],
            inputs=names,
            class_names=known["data"]["training"]["classes"],
            bands={spec["name"]: spec["bands"] for spec in told["inputs"]},
        )
    dataset = of_kind(dataset, target_of(known["data"]["training"]).kind)
    shapes = {spec.name: spec.shape for spec in dataset.inputs}
    wanted = {node.name: tuple(node.shape[1:]) for node in model.inputs}
    if shapes != wanted or not len(dataset):
        raise UserError(
            f"{told['path']}: expected the run's {role} data ({wanted}), found others "
            f"({shapes}); put the run's data there, or move these elsewhere to check "
            "the export on synthetic patches"
        )
    rows = np.arange(len(dataset))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    words = f"{len(rows):,} patches of {Path(told['path']).name}"
    if dataset.fingerprint() == told["fingerprint"]:
        return Part(dataset, rows, f"{words} ({role})")
    # a --split or a --subset: which patches were drawn is not recorded
    return Part(dataset, rows, f"{words}, of which the {role} data were a part")
