"""The place, name, scale and offset of each band of a scene."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoai4eo.data.scenes.files import band_in
from autoai4eo.data.scenes.masks import QUALITY, SENSED, alpha_bands, scene_band
from autoai4eo.data.scenes.rasters import Slot
from autoai4eo.data.sensors import band
from autoai4eo.data.units import RADAR
from autoai4eo.errors import UserError

TAGS = "tags"
_LARGEST = 1e30  # a scale or offset; pixels are float32


def named_slots(
    scene: str,
    paths: Sequence[Path],
    sources: Sequence[Any],
    names: Sequence[str] | None,
) -> tuple[dict[str, Slot], list[str]]:
    """Returns the place of each band except alpha bands, and a list of renamed ones.

    Args:
        scene: its name, for messages.
        paths: of the files.
        sources: the same, open.
        names: that the user gives the bands, in their order; None: those that the files
            tell.

    Raises:
        UserError: names that are missing, too many or too few, or there twice.
    """
    slots = [
        Slot(path, source, index)
        for path, source in zip(paths, sources, strict=True)
        for index in source.indexes
    ]
    pixels = [s for s in slots if s.number not in alpha_bands(s.source)]
    if names is None:
        names = [
            name
            for path, source in zip(paths, sources, strict=True)
            for name in _told_names(path, source)
        ]
    elif not all(name.strip() for name in names):
        raise UserError(
            f"{scene}: expected names of bands, found none between two commas; "
            "give --bands in the order of the file"
        )
    elif len(names) == len(slots):
        # an alpha band was named as well, or a band is not one that a writer says
        kept = [
            (name, slot)
            for name, slot in zip(names, slots, strict=True)
            if slot in pixels or scene_band(name) in SENSED
        ]
        names, pixels = [name for name, _ in kept], [slot for _, slot in kept]
    elif len(names) != len(pixels):
        raise UserError(
            f"{scene}: expected one name for each of its {len(pixels)} bands, found "
            f"{len(names)} ({', '.join(names)}); give --bands in the order of the "
            "file"
        )
    found: dict[str, Slot] = {}
    renamed: list[str] = []
    for name, slot in zip(map(scene_band, names), pixels, strict=True):
        told = scene_band(slot.source.descriptions[slot.number - 1] or "")
        if told in SENSED and told != name:
            if told in map(scene_band, names):
                raise UserError(
                    f"{slot.path}: expected band {slot.number} to be {name}, as it "
                    f"is named, found that the file calls it {told}; bands are "
                    "matched by name: leave --bands out, or correct the file"
                )
            renamed.append(f"{told} is {name}")
        if name in found:
            raise UserError(
                f"{scene}: expected each band once, found {name} in "
                f"{found[name].path.name} and {slot.path.name}; leave one out"
            )
        found[name] = slot
    return found, renamed


def _told_names(path: Path, source: Any) -> list[str]:
    """Returns the names of a file's bands, except alpha bands."""
    alpha = alpha_bands(source)
    names = [
        name
        for index, name in zip(source.indexes, source.descriptions, strict=True)
        if index not in alpha
    ]
    if all(names):
        return names
    if len(names) == 1 and (name := band_in(path)):
        return [name]
    raise UserError(
        f"{path}: expected a description of each of its {len(names)} bands, "
        f"found {sum(map(bool, names))}; name them in their order with "
        "--bands B02,B03,…"
    )


def tags_of(slots: Mapping[str, Slot]) -> dict[str, tuple[float, float]]:
    """Scale and offset that files tell, of the bands where they do."""
    found = {}
    for name, (_, source, index) in slots.items():
        told = (source.scales[index - 1], source.offsets[index - 1])
        if name not in QUALITY and told != (1.0, 0.0):
            found[name] = told
    return found


def units_of(
    scene: str,
    bands: Sequence[str],
    tags: Mapping[str, tuple[float, float]],
    scale: float | str,
    offset: float,
) -> dict[str, tuple[float, ...]]:
    """By band, scale and offset that are applied.

    Args:
        scene: its name, for messages.
        bands: names of its bands.
        tags: see `tags_of`.
        scale, offset: see `Scene`.

    Raises:
        UserError: the scale is no number above 0, or the offset none; there are no tags
            where they are wanted, or such that no scale can be.
    """
    if scale == TAGS:
        if offset:
            raise UserError(
                f"offset: expected none beside the scale {TAGS}, which has the "
                f"files' own, got {offset:g}; leave it out"
            )
        if not tags:
            raise UserError(
                f"{scene}: expected tags of scale or offset, found none; give "
                "--scale and --offset as numbers"
            )
        for name, (told, _) in tags.items():
            if told == 0 or not math.isfinite(told):
                raise UserError(
                    f"{scene}: expected tags with a scale other than 0, found {told:g} "
                    f"of {name}; give --scale and --offset as numbers"
                )
        return {name: tags.get(name, (1.0, 0.0)) for name in bands}
    number = _number(scale)
    if not abs(offset) <= _LARGEST:
        raise UserError(
            f"offset: expected a number, got {offset:g}; reflectance of Sentinel-2's "
            "processing baseline 04.00 and later: -0.1"
        )
    return {
        name: (1.0, 0.0)
        if name in QUALITY or band(name).quantity in RADAR
        else (number, offset)
        for name in bands
    }


def _number(scale: float | str) -> float:
    try:
        number = float(scale)
    except (TypeError, ValueError):
        number = math.nan
    if not 1 / _LARGEST <= number <= _LARGEST:
        raise UserError(
            f"scale: expected a number above 0, or {TAGS} for those of the files, got "
            f"{str(scale)[:20]!r}; digital numbers to reflectance: 0.0001"
        )
    return number
