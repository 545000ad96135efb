"""Prepares the data of `fit`: divides, checks and describes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.between_parts import apart, told_overlap
from autoai4eo.data.dataset import Dataset, InputSpec
from autoai4eo.data.groups import coarsest
from autoai4eo.data.input_names import inputs_needed
from autoai4eo.data.masks.overlapping import each_pixel_once
from autoai4eo.data.masks.reopening import classes_again
from autoai4eo.data.overlap import overlap
from autoai4eo.data.problems import value_problems
from autoai4eo.data.readers.joined import joined
from autoai4eo.data.readers.labels import finds_several
from autoai4eo.data.spatial_blocks import SPATIAL_BLOCK
from autoai4eo.data.splits import folds, shared_groups, split
from autoai4eo.data.statistics import BandStatistics
from autoai4eo.data.units import typical_of
from autoai4eo.data.unlike import unlike_training
from autoai4eo.errors import UserError, warn
from autoai4eo.learning import evaluation
from autoai4eo.learning.registry import of_kind, task_of
from autoai4eo.learning.worst_group import OBJECTIVE, CountedGroups, is_asked_for
from autoai4eo.runs.selection import ONE_SE
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.trials.fine_tuning import check_judged
from autoai4eo.search.trials.selecting import check_repeatable, check_resampled
from autoai4eo.text import line, listed


@dataclass(frozen=True)
class FitData:
    """The data of a search.

    Attributes:
        train, validation: the data that candidates are trained and judged on.
        whole: both together, if the finalist is trained on all of them; else None.
        splits, split_by: see `Training`.
    """

    train: Dataset
    validation: Dataset
    whole: Dataset | None
    splits: list[tuple[Dataset, Dataset]]
    split_by: str


def open_both(
    opened: Callable[..., Dataset],
    kind: str,
    x: Any,
    y: Any,
    validation_data: Any,
    validation_split: float,
    settings: SearchSettings,
    tell: Callable[[str], None],
    group: str | None = None,
    block_km: float | None = None,
    allow_overlap: bool = False,
    refit: bool = False,
) -> FitData:
    """Opens the data of a search and checks them.

    Args:
        opened: opens data and labels; its argument ``like`` is a data set with the
            bands and classes to look for.
        kind: of target that is learned, see `Target`.
        x, y: data and labels for training.
        validation_data: data, or a tuple of data and labels; None: split off from `x`.
        validation_split: the share to split off.
        settings: of the search, for the seed of the split.
        tell: is called with a line for each data set that is opened.
        group, block_km: what stays together in a split, see `split`; None: the first
            group of the data.
        allow_overlap: whether windows that overlap may lie in several parts.
        refit: whether the finalist is trained on given validation data, too.

    Raises:
        UserError: the data cannot be used.
    """
    if not isinstance(x, Dataset):
        tell(f"opening {x if isinstance(x, str | Path) else 'the data'}")
    whole = of_kind(opened(x, y), kind)
    task_of(whole.target).check(whole)
    if validation_data is None:
        check_judged(settings, whole)
        by = (group, block_km, allow_overlap)
        train, part = split_off_validation(whole, validation_split, settings.seed, *by)
        task_of(train.target).check(train)
        splits = _splits(settings, train, part, whole, *by)
        return FitData(train, part, whole, splits, _told(whole, group, block_km))
    if not isinstance(validation_data, tuple):
        validation_data = (validation_data, None)
    data, labels = validation_data
    if isinstance(data, str | Path):
        tell(f"opening {data}")
    with inputs_needed([spec.name for spec in whole.inputs], "the training data"):
        validation = each_pixel_once(of_kind(opened(data, labels, like=whole), kind))
    check_alike(whole, validation)
    if not allow_overlap:
        check_unseen(whole, validation)
    everything = refit or settings.folds is not None
    together = joined(whole, validation) if everything else None
    check_judged(settings, together)
    by = (group, block_km, allow_overlap)
    splits = _splits(settings, whole, validation, together, *by)
    split_by = _told(together or whole, group, block_km)
    return FitData(whole, validation, together, splits, split_by)


def _told(dataset: Dataset, group: str | None, block_km: float | None) -> str:
    """Names what stays together in a fold."""
    by = group or coarsest(dataset) or "sample"
    return by if block_km is None else f"{by} of {block_km:g} km"


def _splits(
    settings: SearchSettings,
    train: Dataset,
    validation: Dataset,
    whole: Dataset | None,
    group: str | None,
    block_km: float | None,
    allow_overlap: bool,
) -> list[tuple[Dataset, Dataset]]:
    """Returns the training and held-out parts that finalists are trained on again.

    Those of a cross-validation; for several seeds only the given parts; none if nothing
    is trained again.

    Args:
        settings: the options of the search.
        train, validation: its data.
        whole: both together.
        group, block_km: what stays together in a fold, see `folds`.
        allow_overlap: see `open_both`.

    Raises:
        UserError: there are fewer groups than folds, patches overlap and have no
            groups, or finalists cannot be compared by the metric of the search.
    """
    if settings.folds is None and settings.seeds == 1:
        if settings.rule == ONE_SE:
            check_resampled(settings)
        return []
    check_repeatable(settings.monitor, task_of(train.target).metrics)
    if settings.folds is None or whole is None:
        return [(train, validation)]
    everything = np.arange(len(whole))
    parts = [
        (
            whole.subset(np.setdiff1d(everything, rows)),
            each_pixel_once(whole.subset(rows)),
        )
        for rows in folds(whole, settings.folds, group, block_km, settings.seed)
    ]
    for _, held_out in parts:
        if is_asked_for(settings.objectives) and CountedGroups.of(held_out) is None:
            raise UserError(
                f"folds: {OBJECTIVE} expected two groups or more with several classes "
                f"in each of {settings.folds} folds, found a fold without; take fewer "
                "folds, or finer groups"
            )
    if not allow_overlap:
        by = group or coarsest(whole)
        # a random division is refused by its first fold
        few = len(parts) if by == SPATIAL_BLOCK else 1
        parts[:few] = [
            (_kept_apart(some, held_out, by, "leave --folds out"), held_out)
            for some, held_out in parts[:few]
        ]
    return parts


def split_off_validation(
    dataset: Dataset,
    share: float,
    seed: int,
    group: str | None = None,
    block_km: float | None = None,
    allow_overlap: bool = False,
) -> tuple[Dataset, Dataset]:
    """Divides a data set into training and validation data, by whole groups.

    Without the name of a `group` the first one of the data is taken.

    Raises:
        UserError: the share is not between 0 and 1, or patches overlap and have no
            groups.
    """
    if not 0 < share < 1:
        raise UserError(
            f"validation_split: expected a share between 0 and 1, got {share}; "
            "or give validation_data"
        )
    group = group or next(iter(shared_groups(dataset)), None)
    shares = (1 - share, share)
    train, validation = split(
        dataset, shares, group=group, block_km=block_km, seed=seed
    )
    validation = each_pixel_once(validation)
    if not allow_overlap:
        cure = "pass --val of another place"
        train = _kept_apart(train, validation, group, cure)
    return train, validation


def _kept_apart(
    train: Dataset, other: Dataset, group: str | None, cure: str
) -> Dataset:
    """Returns the training part of a split without ground of the other, see `apart`.

    Raises:
        UserError: see `apart`.
    """
    found, told = apart(train, [other], group, f"{cure}, or pass --allow-overlap")
    if told:
        warn(told)
    return found


def names_of(like: Dataset | None) -> dict[str, Any]:
    """Returns arguments of `open_dataset` for the bands and classes of a data set."""
    if like is None:
        return {}
    tile = {"tile": like.opened["tile"]} if like.opened else {}
    return {
        **classes_again(like.opened, like.class_names),
        **tile,
        "bands": evaluation.told_bands(
            {spec.name: [b.name for b in spec.bands] for spec in like.inputs}
        ),
    }


def check_alike(
    train: Dataset, validation: Dataset, name: str = "validation data"
) -> None:
    """Checks that validation data, or others of this name, fit the training data.

    Raises:
        UserError: they have other inputs, or samples without a label.
    """
    missing = {s.name for s in train.inputs} - {s.name for s in validation.inputs}
    if missing or len(train.inputs) != len(validation.inputs):
        cure = "give data that have them" if missing else "choose them by name"
        raise UserError(
            f"{name}: expected the inputs of the training data "
            f"({', '.join(s.name for s in train.inputs)}), found "
            f"{', '.join(s.name for s in validation.inputs)}; {cure}"
        )
    for told, found in zip(train.inputs, validation.inputs, strict=True):
        if (told.shape, told.bands, told.level) != (
            found.shape,
            found.bands,
            found.level,
        ):
            same_names = [b.name for b in told.bands] == [b.name for b in found.bands]
            one, other = (_brief_input(s, same_names) for s in (told, found))
            raise UserError(
                f"{name}: expected the inputs of the training data ({one}), found "
                f"{other}; bring both to one form"
            )
    if not len(validation) or not validation.known.all():
        raise UserError(
            f"{validation.path}: expected labelled samples to judge candidates on, "
            "found some without a label"
        )


def _brief_input(spec: InputSpec, with_quantities: bool) -> str:
    bands = " ".join(
        f"{band.name} ({band.quantity})" if with_quantities else band.name
        for band in spec.bands
    )
    level = f", {spec.level}" if spec.level else ""
    return f"{spec.name}: {spec.height}×{spec.width} pixels, {bands}{level}"


def check_unseen(train: Dataset, validation: Dataset) -> None:
    """Checks that validation data are not the training data.

    Raises:
        UserError: they are.
    """
    if train.fingerprint() == validation.fingerprint():
        raise UserError(
            f"{validation.path}: expected validation data that are not the training "
            "data, found the same: scores on these say nothing of others; give others, "
            "or pass --allow-overlap"
        )


def told_of_validation(train: Dataset, validation: Dataset) -> list[str]:
    """Returns sentences on validation data that cannot judge candidates as they should.

    They lack classes, have only one, or have ground of the training data.
    """
    told = []
    learned, judged = train.label_counts(), validation.label_counts()
    absent = np.flatnonzero((judged == 0) & (learned > 0))
    if len(absent):
        names = listed(train.class_names[i] for i in absent)
        told.append(
            f"{validation.path}: no validation samples of {names}: candidates are "
            "judged by the other classes"
        )
    if validation.target.kind == "class" and (judged > 0).sum() == 1:
        told.append(
            f"{validation.path}: all validation samples are of one class: Cohen's "
            "kappa is 0 for every network, and chooses none; give validation data of "
            "several classes, or split by other groups"
        )
    shared = overlap(validation, train)
    return [*told, *told_overlap("validation data", shared, np.empty(0, int))]


def warn_of_problems(
    train: Dataset, validation: Dataset, statistics: Mapping[str, BandStatistics]
) -> None:
    """Warns of problems of the data, once each.

    That samples have several labels is none: the graph is of this kind of target.
    """
    problems = map(str, value_problems(train.inputs, statistics))
    typical = {name: typical_of(vars(one)) for name, one in statistics.items()}
    told = [*map(str, unlike_training(validation, typical))]
    told += told_of_validation(train, validation)
    notes = (n for n in (*train.notes, *validation.notes) if not finds_several(n))
    for note in dict.fromkeys((*notes, *problems, *told)):
        warn(line(note))
