"""Problems between the parts of a split: classes, inputs, ground in both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.masks.overlapping import share_pixels
from autoai4eo.data.overlap import Overlap, overlap
from autoai4eo.data.patch_checks import look
from autoai4eo.data.problem import Problem, times
from autoai4eo.data.readers.labels import unnamed
from autoai4eo.data.spatial_blocks import SPATIAL_BLOCK
from autoai4eo.data.splits import shared_groups
from autoai4eo.errors import UnknownClassError, UserError
from autoai4eo.text import counted, listed

#: Share of the patches up to which a random split may cut overlapping windows asunder.
_FEW = 0.01
_NOT_UNSEEN = "the score there is not one on unseen data"


def between_parts(
    dataset: Dataset, prints: np.ndarray, name: str, other: Dataset
) -> list[Problem]:
    """Returns the problems of a dataset beside another part of its split.

    Args:
        dataset: the dataset.
        prints: hashes of its samples, see `autoai4eo.data.patch_checks.Looked`.
        name: of the other part, for messages.
        other: the other part.
    """
    found = [Problem(note) for note in other.notes]
    found += _classes(dataset, other)
    if [s.shape for s in other.inputs] != [s.shape for s in dataset.inputs]:
        return [
            *found,
            Problem(
                f"{name} has other inputs ({_shapes(other)}) than {dataset.path} "
                f"({_shapes(dataset)})",
                serious=True,
            ),
        ]
    theirs = look(other).prints
    if shared := int(np.isin(prints, theirs).sum()):
        found.append(
            Problem(
                f"{times(shared, 'patch occurs', 'patches occur')} in {name} as well: "
                f"{_NOT_UNSEEN}",
                serious=True,
            )
        )
    found += [
        Problem(told, serious=True)
        for told in told_overlap(
            name, overlap(other, dataset), np.flatnonzero(np.isin(theirs, prints))
        )
    ]
    return found


def told_overlap(name: str, found: Overlap, known: np.ndarray) -> list[str]:
    """Describes that data show ground that other data show as well.

    Args:
        name: of the data.
        found: by comparison with the other data.
        known: rows that are told already.
    """
    told = []
    of = f"{found.looked_at:,} compared"
    if near := len(np.setdiff1d(found.copies, known)):
        told.append(
            f"{name}: {times(near, 'patch is', 'patches are')} equal to one of the "
            f"other data after rounding ({of}): {_NOT_UNSEEN}"
        )
    if shifted := len(np.setdiff1d(found.shifted, known)):
        mine, theirs = found.example or (0, 0)
        told.append(
            f"{name}: {times(shifted, 'patch shares', 'patches share')} ground with "
            f"one of the other data, shifted ({of}; the first: sample {mine} with "
            f"sample {theirs}): {_NOT_UNSEEN}"
        )
    return told


def told_parts(
    parts: Sequence[Dataset],
    group: str | None,
    names: Sequence[str] = ("training", "validation", "test"),
) -> str:
    """Describes the parts of a split in a line: their samples, and their groups.

    Args:
        parts: for training, validation and, if there is a third one, testing.
        group: that they were split by; None: at random.
        names: of the parts.
    """
    # blocks of coordinates depend on the whole data set, and are not counted
    is_counted = group not in (None, SPATIAL_BLOCK)
    each = []
    for part, name in zip(parts, names, strict=False):
        of = ""
        if is_counted:
            of = f" of {counted(len(np.unique(part.groups[str(group)])), str(group))}"
        each.append(f"{name} {counted(len(part), 'sample')}{of}")
    return f"split {f'by {group}' if group else 'at random'}: {', '.join(each)}"


def apart(
    training: Dataset, others: Sequence[Dataset], group: str | None, cure: str
) -> tuple[Dataset, str]:
    """Keeps ground that other parts of a split show out of the training part.

    Windows of one scene may overlap. A random split of them is refused. Where blocks of
    coordinates divide them, those at the edges of blocks are left out of the training
    part: tiles by their place in the scene, patches by their content (`overlap`). Parts
    by other groups stay as they are.

    Args:
        training: one part.
        others: the other parts.
        group: that the data were split by; None: at random.
        cure: see `check_apart`.

    Returns:
        The training part, and a sentence on what was left out; "" if nothing was.

    Raises:
        UserError: see `check_apart`; or nothing would be left.
    """
    if group is None:
        check_apart(training, others, cure)
    if group != SPATIAL_BLOCK:
        return training, ""
    shared = np.zeros(len(training), bool)
    for other in others:
        shared |= _shares_ground(training, other)
    number, noun = int(shared.sum()), training.target.sample
    if not number:
        return training, ""
    told = (
        f"{training.path}: {number:,} of {counted(len(training), f'training {noun}')} "
        "share pixels with another part, across the edge of a block"
    )
    if shared.all():
        raise UserError(
            f"{told}; nothing is left to learn from: take larger blocks (--block-km), "
            f"or {cure}"
        )
    return training.subset(~shared), f"{told}: they are left out"


def _shares_ground(training: Dataset, other: Dataset) -> np.ndarray:
    """Which samples show pixels of other data, bool (N,)."""
    if training.places is not None and other.places is not None:
        return share_pixels(training, other)
    found = np.zeros(len(training), bool)
    few = overlap(other, training)
    if len(few.shifted) or len(few.copies):
        every = overlap(training, other, everything=True)
        found[every.shifted] = found[every.copies] = True
    return found


def check_apart(training: Dataset, others: Sequence[Dataset], cure: str) -> None:
    """Checks that parts of a random split do not cut windows that overlap asunder.

    Args:
        training: one part.
        others: the other parts.
        cure: what the user does about it, other than to split by groups, which is
            said if the data have some.

    Raises:
        UserError: more than a hundredth of the patches of another part share ground
            with training patches.
    """
    for other in others:
        found = overlap(other, training)
        shared = len(found.shifted) + len(found.copies)
        if len(found.shifted) and shared > _FEW * found.looked_at:
            every = shared_groups(training)
            if not every and training.coordinates() is not None:
                every = [SPATIAL_BLOCK]
            groups = " or ".join(
                f"{one} (if the scenes show other places)" if one == "scene" else one
                for one in every
            )
            raise UserError(
                f"{training.path}: expected parts without common ground, found "
                f"{shared:,} of {found.looked_at:,} patches that share "
                "pixels with training patches, as windows of one scene do; "
                f"{f'split by --group {groups}, ' if groups else ''}{cure}"
            )


def _classes(dataset: Dataset, other: Dataset) -> list[Problem]:
    """A problem where one of the two has classes that the other lacks."""
    kinds = {dataset.target.kind, other.target.kind}
    if len(kinds) > 1 or kinds <= {"value", "none"} or unnamed(other.class_names):
        return []
    try:
        same = other.with_classes(dataset.class_names)
    except UnknownClassError as error:
        return [Problem(str(error), serious=True)]
    lacking = (same.label_counts() == 0) & (dataset.label_counts() > 0)
    if not lacking.any():
        return []
    names = listed(np.array(dataset.class_names, object)[lacking])
    return [Problem(f"{other.path}: no samples of {names}")]


def _shapes(dataset: Dataset) -> str:
    return ", ".join(f"{spec.name} {spec.shape}" for spec in dataset.inputs)
