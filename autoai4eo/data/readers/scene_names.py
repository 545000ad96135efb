"""Names of bands and classes that scenes and masks together have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from autoai4eo.data.masks.pairs import Pair
from autoai4eo.data.readers.base import ReadOptions
from autoai4eo.data.scenes.files import band_in
from autoai4eo.data.scenes.opening import opened
from autoai4eo.errors import UserError


def names_needed(
    pairs: Sequence[Pair], options: ReadOptions
) -> tuple[str, ...] | None:
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
