"""Patches of a run's own data, to check, calibrate and score an exported model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.masks.reopening import classes_again, tiles_again
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.deploy.predictors.description import target_of
from autoai4eo.errors import UserError
from autoai4eo.learning.evaluation import told_targets
from autoai4eo.learning.registry import of_kind
from autoai4eo.runs.data_record import located
from autoai4eo.runs.folder import Run
from autoai4eo.text import plural

CALIBRATED, JUDGED = 200, 5000
_AT_ONCE = 64
_BYTES = 2**26  # of the outputs at once, at most
_PIXELS = 2**24  # of masks, at most


@dataclass(frozen=True)
class Patches:
    """Some patches.

    Attributes:
        pixels: float32 (N, H, W, bands) by input name.
        told: a description of the patches.
    """

    pixels: dict[str, np.ndarray]
    told: str


@dataclass(frozen=True)
class Part:
    """The training or validation data of a run.

    Attributes:
        dataset: its patches.
        rows: the patches to use, drawn at random if there are many.
        told: a description of the patches.
    """

    dataset: Dataset
    rows: np.ndarray
    told: str

    def blocks(self, size: int) -> Iterator[tuple[dict[str, np.ndarray], Any]]:
        """Yields pixels by input name, and targets, of `size` patches at a time."""
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            yield self.dataset.read(rows), self.dataset.read_targets(rows)


def at_once(model: keras.Model) -> int:
    """Returns how many patches a network predicts at once."""
    return max(2, min(_AT_ONCE, _BYTES // (4 * math.prod(model.output_shape[1:]))))


def for_check(
    run: Path, known: Mapping[str, Any], model: keras.Model, data: Mapping[str, Dataset]
) -> Patches:
    """Returns patches to compare a written model with the network on.

    They are validation data; if those are missing, training data; else normally
    distributed pixels with the statistics of the training data's bands, clipped to the
    lowest and highest value. The first row of every other patch is missing (NaN).

    Args:
        run: the run's folder.
        known: its ``run.json``.
        model: the network, for its inputs.
        data: open data sets of the run, by role.

    Raises:
        UserError: the run's data are damaged or have other inputs, or neither the data
            nor statistics of their bands were found.
    """
    checked = at_once(model)
    noun = plural(target_of(known["data"]["training"]).sample)
    for role in ("validation", "training"):
        part = find(known, role, model, data, checked)
        if part is not None:
            return _with_holes(part.dataset.read(part.rows), part.told)
    inputs = Run(run).read_statistics()
    if not inputs:
        raise UserError(
            f"{run}: expected the run's data, or statistics.json, to try the network "
            "on, found neither; restore one of them"
        )
    rng = np.random.default_rng(0)
    pixels = {}
    for node in model.inputs:
        known = {name: np.array(values) for name, values in inputs[node.name].items()}
        drawn = rng.normal(known["mean"], known["std"], (checked, *node.shape[1:]))
        drawn = drawn.clip(known["minimum"], known["maximum"])
        pixels[node.name] = drawn.astype("float32")
    return _with_holes(
        pixels, f"{checked} synthetic {noun} (the run's own data were not found)"
    )


def _with_holes(pixels: dict[str, np.ndarray], told: str) -> Patches:
    """Sets the first row of every other patch to NaN, to test missing pixels."""
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
    """Finds the training or validation data of a run.

    Args:
        known: the ``run.json``.
        role: ``"training"`` or ``"validation"``.
        model: the network that takes the data.
        data: open data sets of the run, by role.
        most: the largest number of patches; if the data have more, they are drawn. Of
            tiles with masks fewer than that if they are large.

    Returns:
        The open data set, or else the one at the path in ``run.json``; None if that
        path does not exist.

    Raises:
        UserError: the data are damaged, or have other inputs or another kind of target.
    """
    told, target = known["data"][role], target_of(known["data"]["training"])
    names = [node.name for node in model.inputs]
    dataset = data.get(role)
    if dataset is None:
        there, trained = located(known, role), known["data"]["training"]
        if there is None:
            return None
        dataset = open_dataset(
            there["path"],
            inputs=names,
            **classes_again(trained.get("opened") or {}, trained["classes"]),
            **tiles_again(there.get("opened") or {}),
            bands={spec["name"]: spec["bands"] for spec in told["inputs"]},
            **told_targets(None, target.kind),
        )
    dataset = of_kind(dataset, target.kind)
    shapes = {spec.name: spec.shape for spec in dataset.inputs}
    wanted = {node.name: tuple(node.shape[1:]) for node in model.inputs}
    if shapes != wanted or not len(dataset):
        raise UserError(
            f"{told['path']}: expected the run's {role} data ({wanted}), found others "
            f"({shapes}); restore the run's data, or move these elsewhere to check "
            "the export on synthetic patches"
        )
    rows = np.arange(len(dataset))
    most = max(2, min(most, _PIXELS // math.prod(model.output_shape[1:-1])))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
    words = f"{len(rows):,} {plural(target.sample)} of {Path(told['path']).name}"
    if dataset.fingerprint() == told["fingerprint"]:
        return Part(dataset, rows, f"{words} ({role})")
    # after --split or --subset: the run does not record which patches were drawn
    return Part(dataset, rows, f"{words}, of which the {role} data were a part")
