"""Compares the values of a scene or a data set with the training data's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.problem import Problem
from autoai4eo.data.units import (
    Typical,
    Values,
    differs,
    listed,
    not_only_dark,
    other_order,
)

_PATCHES = 64  # patches of a data set that are checked


def shifted(values: Values, typical: Mapping[str, Typical]) -> list[str]:
    """Returns the bands whose distribution lies elsewhere than the training data's.

    It does where 98 % of the values are above the training data's mean (as in haze, or
    at the top of the atmosphere instead of the ground), where the median is outside of
    the range from the training data's 2nd to 98th percentile, or where 98 % of the
    values are below that range.

    Args:
        values: of each band, (n,) finite, as the network would read them.
        typical: statistics of the training data, of the same bands.
    """
    found = []
    for name, like in typical.items():
        if not len(values[name]):
            continue
        p2, median, p98 = np.percentile(values[name], (2, 50, 98))
        elsewhere = not like.p2 <= median <= like.p98
        if p2 > like.mean or p98 < like.p2 or elsewhere:
            found.append(name)
    return found


def outside(values: np.ndarray, typical: Typical) -> np.ndarray:
    """Whether values are outside of the training data's 2nd to 98th percentile, bool.

    Args:
        values: of one band, of any shape.
        typical: statistics of the training data.
    """
    return np.asarray((values < typical.p2) | (values > typical.p98))


def told_shifted(
    names: Sequence[str], values: Values, typical: Mapping[str, Typical]
) -> str:
    """Returns the figures of bands from `shifted`, for a sentence."""
    each = []
    for name in names:
        low, high = np.percentile(values[name], (2, 98))
        like = typical[name]
        share = outside(values[name], like).mean()
        each.append(
            f"{name} {low:.3g} to {high:.3g} (training data: mean {like.mean:.3g}, "
            f"{like.p2:.3g} to {like.p98:.3g}, {share:.0%} outside)"
        )
    return (
        f"values (2nd to 98th percentile) unlike the training data's: {', '.join(each)}"
        ": the network may be wrong and sure of it"
    )


def unlike_training(
    dataset: Dataset, typical: Mapping[str, tuple[Typical, ...]]
) -> list[Problem]:
    """Returns problems: differences between a dataset and the training data.

    One for each input with missing values, and one for each input with bands whose
    values differ from the training data's in their unit, seem to be interchanged, or
    are distributed elsewhere (see `shifted`). Other units and orders are serious, and
    bands without any value.

    Args:
        dataset: 64 patches spread over it are read.
        typical: by input, statistics of each band of the training data, if known.
    """
    rows = np.unique(np.linspace(0, len(dataset) - 1, _PATCHES).astype(int))
    pixels = dataset.read(rows) if len(dataset) else {}
    told = []
    for spec in dataset.inputs:
        if spec.name not in pixels:
            continue
        missing = ~np.isfinite(pixels[spec.name])
        empty = missing.all(axis=(0, 1, 2))
        if empty.any():
            names = [b.name for b, e in zip(spec.bands, empty, strict=True) if e]
            text = (
                f"{spec.name}: no value in {', '.join(names)}; the network takes the "
                "training data's mean for all of them"
            )
            told.append(Problem(f"{dataset.path}: {text}", serious=True))
        if share := float(missing[..., ~empty].mean()) if not empty.all() else 0.0:
            text = (
                f"{spec.name}: {share:.1%} of the values in {len(rows)} patches all "
                "over the data are missing; the network takes the training data's mean "
                "for them"
            )
            told.append(Problem(f"{dataset.path}: {text}"))
        known = typical.get(spec.name, ())
        if len(known) != len(spec.bands):
            continue
        values, wrong = {}, {}
        for i, (one, like) in enumerate(zip(spec.bands, known, strict=True)):
            found = pixels[spec.name][..., i].ravel()
            values[one.name] = found[np.isfinite(found)]
            if differs(values[one.name], like):
                wrong[one.name] = like
        all_bands = dict(zip(values, known, strict=True))
        sure = not_only_dark(list(wrong), list(values), values, all_bands)
        if sure:
            text = (
                "other values than in the training data, "
                f"{listed(sure, values, wrong)}: bring them to one unit"
            )
            told.append(Problem(f"{dataset.path}: {text}", serious=True))
        elif order := other_order(values, all_bands):
            several = len(dataset.inputs) > 1
            option = "--bands"
            if several:
                python = f"bands={{{spec.name!r}: […]}}"
                option = either(f"--bands {spec.name}=…", python)
            cure = f"{option}, or in the data if these name them"
            text = (
                f"the bands of {spec.name} seem to be in another order than in the "
                f"training data: {order}; check their names ({cure})"
            )
            told.append(Problem(f"{dataset.path}: {text}", serious=True))
        elif moved := shifted(values, all_bands):
            text = told_shifted(moved, values, all_bands)
            told.append(Problem(f"{dataset.path}: {text}"))
    return told
