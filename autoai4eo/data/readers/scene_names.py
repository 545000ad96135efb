"""What scenes and masks together have: names of bands and classes, and grids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from autoai4eo.data.masks.pairs import Pair
from autoai4eo.data.readers.base import ReadOptions
from autoai4eo.data.scenes.files import band_in
from autoai4eo.data.scenes.opening import opened
from autoai4eo.data.scenes.rasters import zero_kind
from autoai4eo.errors import UserError

_SHOWN = 5


def names_needed(pairs: Sequence[Pair], options: ReadOptions) -> tuple[str, ...] | None:
    """Returns the names that the user gives for bands, if the files have none."""
    if options.bands is None:
        return None
    for path in pairs[0].paths:
        if path.is_dir() or path.suffix.lower() == ".zip":
            continue
        with opened(path, vrt=True, allow_remote=options.allow_remote) as source:
            unnamed = not all(source.descriptions)
            if unnamed and not (source.count == 1 and band_in(path)):
                return options.bands
    return None


def add_names(
    names: dict[int, str], more: Mapping[int, str] | None, path: Path
) -> None:
    """Adds the names that a mask has for its values.

    Raises:
        UserError: a mask before it calls a value otherwise.
    """
    for value, name in (more or {}).items():
        if names.setdefault(value, name) != name:
            raise UserError(
                f"{path}: expected {value} to be {names[value]}, as in the masks "
                f"before, found {name}; use one legend for all masks"
            )


def check_alike(coloured: Sequence[bool], path: Path) -> None:
    """Checks that all masks up to the last are pictures in colours, or none is.

    Raises:
        UserError: the last is unlike those before.
    """
    if coloured[-1] != coloured[0]:
        kinds = ("class numbers", "colours")
        raise UserError(
            f"{path}: expected a mask of {kinds[coloured[0]]} as those before, found "
            f"{kinds[coloured[-1]]}; write all masks alike"
        )


def told_resampled(
    bands: Counter[str], masks: Sequence[str], number: int
) -> tuple[str, ...]:
    """Says which bands and masks are resampled to the grids of their scenes.

    Args:
        bands: sentences of `Scene.resampled`, and of how many scenes they are.
        masks: names of these masks.
        number: of all scenes.
    """
    found = [
        text if times == number else f"{text}, in {times} of {number} scenes"
        for text, times in bands.items()
    ]
    if masks:
        more = ", …" if len(masks) > _SHOWN else ""
        found.append(
            f"masks: {len(masks)} of {number} lie on another grid than their scenes "
            "and are resampled to it (nearest neighbour): "
            f"{', '.join(masks[:_SHOWN])}{more}"
        )
    return tuple(found)


def first_bands(inputs: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Returns bands that have no data wherever all bands of an input have none.

    Of radar these are all: whether a 0 is one depends on the others.
    """
    return {
        name: some if "radar" in map(zero_kind, some) else some[:1]
        for name, some in inputs.items()
    }
