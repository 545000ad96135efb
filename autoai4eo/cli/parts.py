"""Opens and divides the data of a command that trains."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autoai4eo.cli.data_paths import check_no_run
from autoai4eo.cli.options import parse_bands
from autoai4eo.data.between_parts import apart, told_parts
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.input_names import inputs_needed
from autoai4eo.data.masks.classes import naming_hint
from autoai4eo.data.masks.overlapping import each_pixel_once
from autoai4eo.data.masks.pairs import LISTS
from autoai4eo.data.masks.tiles import TILE, check_tile
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.splits import LeakWarning, sample, shared_groups, split
from autoai4eo.errors import UserError
from autoai4eo.log import told_while
from autoai4eo.tasks.segmentation import number_of_levels
from autoai4eo.tasks.training_data import names_of
from autoai4eo.text import counted

#: Files that may have masks inside, or name them.
_WITH_MASKS = (*LISTS, ".h5", ".hdf5", ".npz")


@dataclass(frozen=True)
class Opening:
    """How data are opened and divided.

    Attributes:
        shares: of the parts, if no other data are given.
        names: of the parts, for the line about them.
        input, bands, class_level, allow_remote: options of the commands.
        task: kind of target to learn, if the data allow several, see `Target`.
        masks, other_masks: of the scenes of the training data, and of other data.
        ignored, tile, tile_stride: see `open_dataset`.
        class_names: see `Dataset.rename_classes`; None: the names of the data.
        subset: number of samples to draw from the training data; None: all.
        group, block_km, seed: see `autoai4eo.data.splits.split`.
        allow_overlap: whether windows that overlap may lie in several parts.
        at_random: whether samples of one group may lie in several parts, unwarned.
    """

    shares: Sequence[float]
    names: Sequence[str] = ("training", "validation", "test")
    input: list[str] | None = None
    bands: list[str] | None = None
    class_level: int | None = None
    allow_remote: bool = False
    task: str | None = None
    masks: Path | None = None
    other_masks: Path | None = None
    ignored: list[int] | None = None
    class_names: list[str] | None = None
    tile: int = TILE
    tile_stride: int | None = None
    subset: int | None = None
    group: str | None = None
    block_km: float | None = None
    seed: int = 0
    allow_overlap: bool = False
    at_random: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The options of `open_dataset` that training and other data share."""
        return {
            "inputs": self.input,
            "class_level": self.class_level,
            "allow_remote": self.allow_remote,
            "kind": self.task,
            "ignored": self.ignored,
            "tile": self.tile,
            "tile_stride": self.tile_stride,
        }


def check_masks(how: Opening, other: Path | None) -> None:
    """Checks the options for masks before data are read.

    Args:
        how: see `Opening`.
        other: the data beside the training data, if any.

    Raises:
        UserError: a tile or the step between tiles has no possible size, or masks and
            scenes are not given together.
    """
    check_tile(how.tile, how.tile_stride)
    if how.masks is not None:
        number_of_levels(how.tile, how.tile, "--tile")
    if how.other_masks is not None and other is None:
        raise UserError(
            f"expected --val with --val-masks, got --val-masks {how.other_masks} alone;"
            " give the scenes, or leave it out"
        )
    has_own = other is None or other.suffix.lower() in _WITH_MASKS
    if how.masks is not None and how.other_masks is None and not has_own:
        raise UserError(
            "expected --val and --val-masks together, got one of them; give both, or "
            "leave both out"
        )


def open_training(train: Path, how: Opening, tell: Callable[[str], None]) -> Dataset:
    """Opens the training data, before they are divided.

    Raises:
        UserError: they cannot be opened.
    """
    check_no_run(train)
    with told_while(tell, f"opening {train}"):
        bands = parse_bands(how.bands)
        training = open_dataset(train, bands=bands, masks=how.masks, **how.options)
    if how.class_names is not None:
        training = training.rename_classes(how.class_names)
    elif hint := naming_hint(training.target):
        tell(hint)
    if how.subset is not None:
        training = sample(training, how.subset, seed=how.seed)
    return training


def with_others(
    training: Dataset, other: Path | None, how: Opening, tell: Callable[[str], None]
) -> list[Dataset]:
    """Opens other data beside the training data, or divides the training data.

    Args:
        training: the training data.
        other: the data beside them; None: the training data are divided.
        how: see `Opening`.
        tell: takes a line about a file that is opened, or about the parts.

    Returns:
        The two data sets, or a part for each share.

    Raises:
        UserError: they cannot be opened or divided so.
    """
    if other is not None:
        check_no_run(other)
        with told_while(tell, f"opening {other}"):
            like = {**names_of(training), **how.options, "masks": how.other_masks}
            like["tile_stride"] = None  # each pixel is judged once
            with inputs_needed([s.name for s in training.inputs], "the training data"):
                return [training, open_dataset(other, **like)]
    group = how.group
    if training.target.kind == "mask" and not (how.allow_overlap or how.at_random):
        group = group or next(iter(shared_groups(training)), None)  # whole scenes
    with warnings.catch_warnings():
        if how.at_random:
            warnings.simplefilter("ignore", LeakWarning)
        parts = split(
            training,
            how.shares,
            group=group,
            block_km=how.block_km,
            seed=how.seed,
        )
    others = [each_pixel_once(part) for part in parts[1:]]
    repeated = sum(map(len, parts[1:])) - sum(map(len, others))
    parts = [parts[0], *others]
    asked = how.allow_overlap or how.at_random
    if not asked:
        val = "--val" if how.masks is None else "--val with --val-masks"
        cure = f"give {val}, or pass --allow-overlap"
        parts[0], told = apart(parts[0], parts[1:], group, cure)
        if told:
            tell(told)
    if repeated:
        tell(
            f"{counted(repeated, 'sample')} left out of {' and '.join(how.names[1:])}: "
            "other samples there have all of their pixels"
        )
    tell(told_parts(parts, group, how.names))
    return parts


def pretrained(weights: str | None, kind: str) -> dict[str, Any]:
    """Returns the argument of `ImageSegmenter` for ``--weights``; {} without it.

    Args:
        weights: the name of a record of the catalogue, or ``NAME=FILE``.
        kind: of target.

    Raises:
        UserError: the target is no mask, the file is missing, or the name is unknown.
    """
    if weights is None:
        return {}
    if kind != "mask":
        raise UserError(
            "--weights: expected masks (--masks), found another target; leave it out"
        )
    from autoai4eo.blocks.pretrained_weights.catalogue import find_weights

    name, _, file = weights.partition("=")
    if file and not Path(file).is_file():
        raise UserError(f"{file}: expected a file of weights, found none; check it")
    return {"weights": find_weights(name, file or None)}
