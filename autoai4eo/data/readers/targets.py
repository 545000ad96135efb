"""Converts the labels or values of a file to a `Target` and an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.readers.labels import (
    check_names,
    read_labels,
)
from autoai4eo.data.target import LEARNED, Target
from autoai4eo.errors import UserError

#: Names of a data set of numbers that are to be predicted.
VALUES = ("value", "values")


@dataclass(frozen=True)
class Told:
    """An array of labels or values, and their names in the source.

    Attributes:
        values: of all N samples, see `read_labels` and `_values`; None: there are none.
        names: names of the classes or values; None if the source has no names.
    """

    values: np.ndarray | None
    names: Sequence[str] | None = None


NOTHING = Told(None)


def read_targets(
    labels: Told,
    values: Told,
    samples: int,
    kind: str | None,
    wanted: Sequence[str] | None,
    path: str,
) -> tuple[Target, np.ndarray, list[str]]:
    """Returns the target, the targets of all samples and notes.

    Labels take precedence over values, unless ``kind`` is ``value``.

    Args:
        labels: classes, one or several per sample.
        values: numbers.
        samples: how many there are.
        kind: ``class``, ``labels``, ``value`` or ``none``; None: what is found.
            ``labels`` takes rows with one class each for several labels per sample.
            Masks are read elsewhere.
        wanted: names of the classes or numbers, such as those of the training data.
        path: for messages.

    Raises:
        UserError: see `read_labels`; values that are no numbers, or of none of which
            anything is known; the kind is not there.
    """
    if kind == "none":
        return Target("none"), np.full(samples, -1, dtype=np.int64), []
    if kind not in (None, *LEARNED):
        raise UserError(
            f"kind: expected one of {', '.join(LEARNED)}, found {kind}; choose among "
            "these"
        )
    if kind == "mask":
        raise UserError(
            f"{path}: expected masks of shape (N, height, width) for the kind mask, "
            "found none; write them as mask, or leave the kind out"
        )
    notes = []
    if values.values is not None and labels.values is not None and kind is None:
        notes.append(
            "there are both label and value: label is the target; kind='value' selects "
            "the other"
        )
    if kind == "value" or (values.values is not None and labels.values is None):
        if kind not in (None, "value") or values.values is None:
            raise _not_there(kind, values.values is None, path)
        targets, names, told = _values(values.values, values.names, wanted, path)
        return Target("value", names, (len(names),)), targets, notes + told
    if labels.values is None:
        if kind is not None:
            raise _not_there(kind, values.values is None, path)
        without = np.full(samples, -1, dtype=np.int64)
        return Target("none", tuple(wanted or labels.names or ())), without, notes
    targets, names, told = read_labels(
        labels.values, labels.names, wanted, path, several=kind == "labels"
    )
    if targets.ndim == 1:
        return Target("class", names, ignored=-1), targets, notes + told
    if kind == "class":
        several = targets.sum(axis=1) > 1
        raise UserError(
            f"{path}: expected one class per sample, found "
            f"{int(several.sum())} of {len(targets)} rows with several; keep one, or "
            "leave --task class out"
        )
    return Target("labels", names, (len(names),)), targets, notes + told


def _not_there(kind: str | None, no_value: bool, path: str) -> UserError:
    wanted, found = ("value", "labels") if kind == "value" else ("label", "values")
    if no_value and kind != "value":
        found = "neither labels nor values"
    return UserError(
        f"{path}: expected a data set called {wanted} for the kind {kind}, found "
        f"{found} only; write it into the file, or choose another kind"
    )


def _values(
    values: np.ndarray,
    names: Sequence[str] | None,
    wanted: Sequence[str] | None,
    path: str,
) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    """Numbers (N,) or (N, values) as float32 (N, values), their names and notes.

    NaN and what is masked are not known.

    Raises:
        UserError: no numbers, another shape, infinite ones, or none that is known.
    """
    if np.ma.isMaskedArray(values):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    values = np.asarray(values)
    if values.ndim not in (1, 2) or values.dtype.kind not in "biuf":
        raise UserError(
            f"{path}: expected values as numbers of shape (N,) or (N, values), found "
            f"{values.dtype} of shape {values.shape}; write them anew"
        )
    with np.errstate(over="ignore"):
        values = values.reshape(len(values), -1).astype(np.float32)
    count = values.shape[1]
    if np.isinf(values).any():
        raise UserError(
            f"{path}: expected finite values, or NaN where one is not known, found "
            f"{int(np.isinf(values).sum())} infinite ones (or beyond 32 bits); correct "
            "them"
        )
    if len(values) and not np.isfinite(values).any():
        raise UserError(
            f"{path}: expected values, found NaN for every sample; check the values"
        )
    check_names(names, path)
    if names is None and wanted is not None and len(wanted) == count:
        names = wanted
    if names is None:
        names = ["value"] if count == 1 else [f"value {i}" for i in range(1, count + 1)]
    if len(names) != count:
        raise UserError(
            f"{path}: expected {count} names of values, one per column, found "
            f"{len(names)} ({', '.join(names)}); correct value_names"
        )
    notes = []
    if lost := int((~np.isfinite(values)).any(axis=1).sum()):
        notes.append(
            f"{lost} of {len(values)} samples have a value that is not known (NaN): "
            "those without any that is known are left out"
        )
    if wanted is None or tuple(wanted) == tuple(names):
        return values, tuple(names), notes
    missing = [name for name in wanted if name not in names]
    if missing:
        raise UserError(
            f"{path}: expected the values {', '.join(wanted)}, found "
            f"{', '.join(names)}; {', '.join(missing)} missing: rename or add them"
        )
    return values[:, [names.index(name) for name in wanted]], tuple(wanted), notes
