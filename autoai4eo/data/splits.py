"""Parts of a dataset for training, validation and testing.

Patches of one city or scene look alike. A split that puts neighbours into different
parts tests memory, not skill (Roberts et al. 2017, doi:10.1111/ecog.02881). If a
dataset has groups, split by them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.groups import coarsest, from_csv, members
from autoai4eo.data.spatial_blocks import SPATIAL_BLOCK, check_block_km
from autoai4eo.data.stratification import balanced_rows, iterative_parts
from autoai4eo.data.target import mask_strata, strata
from autoai4eo.errors import AutoAI4EOWarning, UserError, warn
from autoai4eo.text import counted


class LeakWarning(AutoAI4EOWarning):
    """Warns that samples of one group may be in several parts."""


def split(
    dataset: Dataset,
    fractions: Sequence[float],
    *,
    group: str | None = None,
    groups: np.ndarray | str | Path | None = None,
    block_km: float | None = None,
    seed: int = 0,
) -> list[Dataset]:
    """Returns disjoint parts of about these shares; every sample is in one of them.

    Without ``group`` or ``groups``, samples are drawn at random within each class. For
    targets of several labels or of numbers, each label, or each tenth of a number's
    distribution, has its share in each part (`iterative_parts`); for masks, the tiles
    in which each class occurs, and those with much of it (`mask_strata`). With groups,
    no group is in two parts, and the shares and classes are met as well as whole
    groups allow.

    Args:
        dataset: the dataset to split.
        fractions: share of each part, each above 0; their sum is 1.
        group: name of a group of the dataset (``"city"``), a column of the CSV file,
            or ``"spatial_block"``: squares of the ground, ten across the longer side of
            the area of the samples.
        groups: the group of each sample (N,), or a CSV file with a header and one row
            per sample in their order; with a column ``file``, the rows are matched to
            the names of the images instead.
        block_km: side of the squares of ``"spatial_block"`` in kilometres.
        seed: random seed.

    Warns:
        LeakWarning: data that have groups are split at random.

    Raises:
        UserError: the fractions are invalid, a group is unknown, coordinates are
            missing, `block_km` is not above 0 or is given without ``"spatial_block"``,
            or there are fewer groups or samples than parts.
    """
    shares = _shares(fractions)
    check_block_km(group if groups is None else "groups=…", block_km)
    if group is None and groups is None:
        if shared := shared_groups(dataset):
            warn(
                f"{dataset.path}: a random split of data that have groups "
                f"({', '.join(shared)}) leaks: samples of one group may lie in "
                f"several parts; split by --group {shared[0]} (in Python "
                f"group={shared[0]!r})",
                LeakWarning,
            )
        part = _ungrouped(dataset, shares, seed)
    else:
        members_of = _groups(dataset, group, groups, block_km)
        part = _by_group(dataset, group, members_of, shares, seed)
        if group == SPATIAL_BLOCK:
            dataset = dataset.with_group(group, members_of)
    for i in range(len(shares)):
        if not (part == i).any():
            raise UserError(
                f"{dataset.path}: {len(dataset)} samples are too few for the fractions "
                f"{'/'.join(f'{s:g}' for s in shares)}; part {i + 1} would be empty"
            )
    return [dataset.subset(np.flatnonzero(part == i)) for i in range(len(shares))]


def shared_groups(dataset: Dataset) -> list[str]:
    """Returns the names of the groups that a dataset can be split by.

    There are several, and some have several samples.
    """
    number = {name: len(np.unique(g)) for name, g in dataset.groups.items()}
    return [name for name, groups in number.items() if 1 < groups < len(dataset)]


def folds(
    dataset: Dataset,
    k: int,
    group: str | None = None,
    block_km: float | None = None,
    seed: int = 0,
) -> list[np.ndarray]:
    """Returns the rows of each of `k` disjoint folds; every sample is in one of them.

    No group is in two folds. Sizes and classes (labels, tenths of values) of the folds
    are as equal as whole groups allow. Data without groups are shared out at random
    within each class, as by `split`.

    Args:
        dataset: the dataset to divide.
        k: number of folds, 2 or more.
        group: see `split`; None: the coarsest groups of the data, see
            `autoai4eo.data.groups.coarsest`.
        block_km: see `split`.
        seed: random seed.

    Returns:
        For each fold the sorted rows of its samples, int64.

    Raises:
        UserError: `k` is below 2, there are fewer groups or samples than folds, or the
            groups are unknown, see `split`.
    """
    if k < 2:
        raise UserError(f"expected 2 folds or more, found {k}; 5 is usual")
    check_block_km(group, block_km)
    by = coarsest(dataset) if group is None else group
    shares = np.full(k, 1 / k)
    if by is None:
        what, number = "samples", len(dataset)
    else:
        groups = members(dataset, by, block_km)
        what, number = f"groups of {by}", len(np.unique(groups))
    if number < k:
        raise UserError(
            f"{dataset.path}: expected {k} {what} or more, one per fold, found "
            f"{number}; take {number} folds or fewer, or other groups"
        )
    fold = (
        _ungrouped(dataset, shares, seed)
        if by is None
        else _by_group(dataset, by, groups, shares, seed)
    )
    return [np.flatnonzero(fold == i) for i in range(k)]


def sample(dataset: Dataset, samples: int, seed: int = 0) -> Dataset:
    """Returns ``samples`` samples drawn at random, classes in their proportion.

    Returns all if there are no more. Keeps one sample of each class or label as far as
    ``samples`` allows.

    Raises:
        UserError: ``samples`` is below 1.
    """
    if samples < 1:
        raise UserError(f"expected a subset of at least 1 sample, found {samples}")
    if samples >= len(dataset):
        return dataset
    if not _has_classes(dataset):
        return dataset.subset(balanced_rows(_strata(dataset), samples, seed))
    place = _place_in_class(dataset.labels, seed)
    # The first of each class, then all by how far down their class they come.
    chosen = np.argsort(place, kind="stable")[:samples]
    return dataset.subset(np.sort(chosen))


def class_weights(dataset: Dataset) -> dict[int, float]:
    """Returns a weight per class: labels / (classes present * samples of the class).

    These are scikit-learn's "balanced" weights, also for several labels per sample: a
    class that is half as frequent as another has twice its weight. A class without
    samples gets 1. Of masks, pixels are counted in place of samples.
    """
    masks = dataset.target.kind == "mask"
    counts = dataset.label_counts() if masks else _strata(dataset).sum(axis=0)
    present = np.count_nonzero(counts)
    weights = counts.sum() / (present * np.maximum(counts, 1))
    return {i: float(w) if counts[i] else 1.0 for i, w in enumerate(weights)}


def _has_classes(dataset: Dataset) -> bool:
    """Returns whether samples have one class each, or no target to balance."""
    return dataset.target.kind in ("class", "none")


def _strata(dataset: Dataset) -> np.ndarray:
    """Returns the strata to balance, bool (N, strata)."""
    if dataset.target.kind == "mask":
        return mask_strata(dataset.class_pixels)
    return strata(dataset.target, dataset.targets)


def _shares(fractions: Sequence[float]) -> np.ndarray:
    shares = np.asarray(fractions, dtype=np.float64)
    good = shares.ndim == 1 and len(shares) > 1 and (shares > 0).all()
    if not good or not math.isclose(shares.sum(), 1, abs_tol=1e-6):
        raise UserError(
            "expected two fractions or more, each above 0, together 1, found "
            f"{'/'.join(f'{s:g}' for s in np.ravel(shares))} (sum {shares.sum():g}); "
            "for example 0.8/0.1/0.1"
        )
    return shares


def _place_in_class(labels: np.ndarray, seed: int) -> np.ndarray:
    """Returns a random place of each sample in its class, 0 to 1; the first is 0."""
    place = np.empty(len(labels))
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        place[mine] = rng.permutation(len(mine)) / len(mine)
    return place


def _ungrouped(dataset: Dataset, shares: np.ndarray, seed: int) -> np.ndarray:
    """Returns the part of each sample; shares out each class, label or tenth."""
    if _has_classes(dataset):
        return _at_random(dataset.labels, shares, seed)
    return iterative_parts(_strata(dataset), shares, seed)


def _at_random(labels: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Returns the part of each sample; distributes each class by the shares.

    Each sample goes to the part that lacks most samples, of its class and in total, so
    that small parts get some samples of small classes.
    """
    order = np.lexsort((_place_in_class(labels, seed), labels))
    part = np.empty(len(labels), dtype=np.int64)
    lack, lack_in_class = np.zeros(len(shares)), np.zeros(len(shares))
    label = None
    for row in order:
        if labels[row] != label:
            label = labels[row]
            lack_in_class = np.zeros(len(shares))
        lack += shares
        lack_in_class += shares
        part[row] = chosen = int((lack + lack_in_class).argmax())
        lack[chosen] -= 1
        lack_in_class[chosen] -= 1
    return part


def _by_group(
    dataset: Dataset,
    group: str | None,
    groups: np.ndarray,
    shares: np.ndarray,
    seed: int,
) -> np.ndarray:
    """Returns the part of each sample; places large groups first.

    Greedy, as scikit-learn's StratifiedGroupKFold, but for unequal parts.
    """
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < len(shares):
        others = [n for n in shared_groups(dataset) if n != group]
        if group != SPATIAL_BLOCK and dataset.coordinates() is not None:
            others.append(SPATIAL_BLOCK)
        by = f"by {' or '.join(others)}" if others else "at random"
        raise UserError(
            f"{dataset.path}: expected {counted(len(shares), group or 'group')} or "
            f"more, one per part, found {len(names)}; split {by}"
        )
    if _has_classes(dataset):
        classes = np.maximum(dataset.labels, 0)
        counts = np.zeros((len(names), max(1, dataset.num_classes)))
        np.add.at(counts, (member, classes), 1)
    else:  # the number of samples is one more stratum
        each = np.column_stack([np.ones(len(dataset)), _strata(dataset)])
        counts = np.zeros((len(names), each.shape[1]))
        np.add.at(counts, member, each)
    wanted = shares[:, None] * counts.sum(axis=0)
    have = np.zeros_like(wanted)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    scale = np.maximum(wanted, 1e-9)
    placed = np.empty(len(names), dtype=np.int64)
    for turn, name in enumerate(order):
        lack = (wanted - have) / scale
        gain = (counts[name] * (2 * lack - counts[name] / scale)).sum(axis=1)
        empty = have.sum(axis=1) == 0
        if len(order) - turn <= empty.sum():
            gain[~empty] = -np.inf
        placed[name] = int(np.argmax(gain))
        have[placed[name]] += counts[name]
    return placed[member]


def _groups(
    dataset: Dataset,
    group: str | None,
    groups: np.ndarray | str | Path | None,
    block_km: float | None,
) -> np.ndarray:
    if isinstance(groups, str | Path):
        return from_csv(dataset, Path(groups), group)
    if groups is not None:
        found = np.asarray(groups)
        if found.shape != (len(dataset),):
            raise UserError(
                f"expected one group per sample, shape ({len(dataset)},), found "
                f"{found.shape}"
            )
        return found
    return members(dataset, str(group), block_km)
