"""What opens the same masks again: kept with a data set, and in ``run.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoai4eo.data.class_colours import hex_of
from autoai4eo.data.readers.base import Reader, ReadOptions
from autoai4eo.data.readers.mask_targets import TargetsOrMasks


def record_of(
    reader: Reader, masks: str | Path | None, options: ReadOptions
) -> dict[str, Any]:
    """Returns how masks were opened, for JSON; {} of data without masks.

    Args:
        reader: of the data.
        masks: the folder or file of the masks of scenes; None: the data have their own.
        options: of reading.

    Returns:
        ``masks``, ``tile``, ``tile_stride``, ``ignored``, and ``classes``, names by
        stored value; ``colours`` (``"#1f78b4"``) by name, if the source has a colour
        of its own for each class; and ``coloured``, true, if the values are colours.
    """
    if not isinstance(reader, TargetsOrMasks) or reader.masks is None:
        return {}
    found, colours = reader.masks, dict(reader.colours)
    named = found.classes.by_value
    shown = {name: hex_of(colours[v]) for v, name in named.items() if v in colours}
    of_its_own = len(set(shown.values())) == len(named)
    return {
        "masks": None if masks is None else str(masks),
        "tile": options.tile,
        "tile_stride": options.tile_stride,
        "ignored": sorted(options.ignored),
        "classes": {str(v): name for v, name in named.items()},
        **({"colours": shown} if of_its_own else {}),
        **({"coloured": True} if reader.coloured else {}),
    }


def classes_again(record: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Returns arguments of `open_dataset` for the same classes of other data.

    Args:
        record: from `record_of`.
        classes: names of the classes in order.

    Returns:
        ``class_names``, by stored value if each class has one, and ``ignored``.
    """
    values = {name: int(value) for value, name in record.get("classes", {}).items()}
    names: Any = tuple(classes) or None
    if values and set(values) == set(classes):
        names = {values[name]: name for name in classes}
    return {"class_names": names, "ignored": record.get("ignored") or None}


def tiles_again(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments of `open_dataset` for the same tiles; see `record_of`."""
    known = {name: record.get(name) for name in ("masks", "tile", "tile_stride")}
    return known if record else {}


def renamed(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Returns the record of masks whose classes have other names.

    Args:
        record: from `record_of`.
        names: the new name of each class.
    """
    if not record:
        return {}
    found = dict(record)
    found["classes"] = {v: names[name] for v, name in record["classes"].items()}
    if "colours" in record:
        found["colours"] = {names[n]: colour for n, colour in record["colours"].items()}
    return found
