"""Classes of masks: which value of the files means which class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoai4eo.callers import either
from autoai4eo.data.class_colours import hex_of
from autoai4eo.data.masks.colour_values import colour_of
from autoai4eo.data.masks.values import MISSING, NO_DATA, OUTSIDE, Survey
from autoai4eo.data.readers.labels import by_name, check_names, fold
from autoai4eo.data.target import UNNAMED_CLASS, Target
from autoai4eo.errors import UserError
from autoai4eo.text import listed

IGNORED = -1  # class number of a pixel whose class is unknown
#: Names of a value that mean that the class is unknown.
_UNKNOWN = {"ignore", "ignored", "no data", "nodata", "no_data", "unlabelled"}
_UNKNOWN |= {"unlabeled", "void", "unknown"}
UNNAMED = "nothing names them"  # the end of a note
_SHOWN = 8
_TABLE = 2**20  # longest table of classes by value


def naming_hint(target: Target) -> str:
    """Returns how to name the classes of masks; "" if they have names, or no masks."""
    names = target.classes
    unnamed = target.kind == "mask" and all(map(UNNAMED_CLASS.fullmatch, names))
    if not unnamed or not names:
        return ""
    return (
        f"the masks do not name their {len(names)} classes: --class-names NAME,NAME,… "
        f"does, for {listed(names[:_SHOWN])}{', …' if len(names) > _SHOWN else ''} "
        "in this order"
    )


def is_unknown(name: str) -> bool:
    """Whether the name of a value means that the class is unknown."""
    return fold(name) in _UNKNOWN


@dataclass(frozen=True)
class MaskOptions:
    """How values become classes.

    Attributes:
        names: by value, as the source names them; None: it does not.
        wanted: names of the classes in order, such as those of the training data.
        wanted_values: the value of each of `wanted`; None: 0, 1, 2, ….
        ignored: values that mean an unknown class, beside those below 0.
        coloured: whether values are colours, see `colour_values`; `wanted` are then the
            names of those that occur, in their order.
    """

    names: Mapping[int, str] | None = None
    wanted: Sequence[str] | None = None
    wanted_values: Sequence[int] | None = None
    ignored: frozenset[int] = frozenset()
    coloured: bool = False


@dataclass(frozen=True)
class MaskClasses:
    """The classes of masks.

    Attributes:
        names: in the order of the class numbers.
        values: stored values that occur, increasing, int64 (V,).
        numbers: class number of each of `values`, int16 (V,), `IGNORED` if unknown.
        by_value: the name of each value that means a class, as the source has it.
    """

    names: tuple[str, ...]
    values: np.ndarray
    numbers: np.ndarray
    by_value: Mapping[int, str]

    def numbers_of(self, mask: np.ndarray, name: str) -> np.ndarray:
        """Returns the class number of each pixel, int16, -1 if it is unknown.

        Args:
            mask: stored values, see `autoai4eo.data.masks.values.as_whole`.
            name: of the data, for messages.

        Raises:
            UserError: it has a value that was not there when the data were opened.
        """
        if not mask.size:
            return np.empty(mask.shape, np.int16)
        low, high = int(self.values[0]), int(self.values[-1])
        if int(mask.min()) < low or int(mask.max()) > high:
            raise _changed(name)
        if high - low < _TABLE:
            table = np.full(high - low + 1, IGNORED - 1, np.int16)
            table[self.values - low] = self.numbers
            found = table[mask.astype(np.int64) - low]
            if (found < IGNORED).any():
                raise _changed(name)
            return found
        place = np.searchsorted(self.values, mask)
        if (self.values[place] != mask).any():
            raise _changed(name)
        return np.asarray(self.numbers[place])


def _changed(name: str) -> UserError:
    return UserError(
        f"{name}: expected the values that the masks had when they were opened, found "
        "others; the files changed: start anew"
    )


def classes_of(
    found: Survey, options: MaskOptions, path: str
) -> tuple[MaskClasses, np.ndarray, list[str]]:
    """Returns the classes of masks, the pixels of each class and notes.

    Values below 0, `MaskOptions.ignored` and values that the source calls "no data",
    "ignored", "unlabelled", "unknown" or "void" mean an unknown class. If neither
    the source nor the user names the other values, each that occurs is a class:
    ``class 5``.

    Args:
        found: what values occur.
        options: see `MaskOptions`.
        path: for messages.

    Returns:
        The classes, the pixels of each class in each mask, int64 (N, classes), and
        notes.

    Raises:
        UserError: no pixel has a known class; a value has no name although others
            have one; names are repeated; there is one class only.
        UnknownClassError: a class that occurs is not among those wanted.
    """
    names, ignored = _names(found, options, path)
    check_names(list(names.values()), path)
    occurs = found.pixels.sum(axis=0)
    is_known = (found.values >= 0) & ~np.isin(found.values, list(ignored))
    if not is_known.any():
        seen = found.values[found.values != OUTSIDE][:_SHOWN].tolist()
        told = ", ".join(map(_value_told, seen)) or "none"
        raise UserError(
            f"{path}: expected masks with pixels of known classes, found only ignored "
            f"values ({told}); check the masks and the ignored value"
        )
    used = found.values[is_known]
    _check_named(used, occurs[is_known], names, path)
    notes = _notes(found, is_known, occurs, options)
    in_order = tuple(names.values())
    place = {value: i for i, value in enumerate(names)}
    numbers = np.array([place[v] for v in used.tolist()], np.int64)
    if options.wanted is not None:
        wanted = tuple(n for n in options.wanted if not is_unknown(n))
        numbers = by_name(numbers, in_order, wanted, path)
        in_order = wanted
    if len(in_order) < 2:
        raise UserError(
            f"{path}: expected masks of two classes or more, found one only "
            f"({', '.join(in_order)}, {occurs[is_known].sum():,} pixels); there is "
            "nothing to tell apart: "
            + either(
                "give masks that have others, too",
                "name the classes with class_names=… where others exist",
            )
        )
    all_numbers = np.full(len(found.values), IGNORED, np.int16)
    all_numbers[is_known] = numbers
    pixels = np.zeros((len(in_order), len(found.pixels)), np.int64)
    np.add.at(pixels, numbers, found.pixels.T[is_known])
    classes = MaskClasses(in_order, found.values, all_numbers, names)
    return classes, np.ascontiguousarray(pixels.T), notes


def _names(
    found: Survey, options: MaskOptions, path: str
) -> tuple[dict[int, str], set[int]]:
    """Returns the name of each value that is a class, and values that are ignored."""
    ignored = set(options.ignored)
    wanted = options.wanted
    if options.names is not None:
        named = dict(options.names)
    elif wanted is not None and options.wanted_values is not None:
        named = dict(zip(options.wanted_values, wanted, strict=True))
    elif wanted is not None and not all(
        UNNAMED_CLASS.fullmatch(name) for name in wanted
    ):
        named = dict(enumerate(wanted))
        if options.coloured:
            named = _in_order(found, wanted, ignored, path)
    else:
        named = {v: _unnamed(v, options) for v in found.values.tolist() if v >= 0}
    ignored |= {value for value, name in named.items() if is_unknown(name)}
    return {v: n for v, n in named.items() if v >= 0 and v not in ignored}, ignored


def _unnamed(value: int, options: MaskOptions) -> str:
    return hex_of(colour_of(value)) if options.coloured else f"class {value}"


def _in_order(
    found: Survey, names: Sequence[str], ignored: set[int], path: str
) -> dict[int, str]:
    used = [v for v in found.values.tolist() if v >= 0 and v not in ignored]
    if len(used) != len(names):
        told = ", ".join(hex_of(colour_of(v)) for v in used)
        raise UserError(
            f"{path}: expected {len(used)} names for the colours {told}, found "
            f"{len(names)}: {listed(names)}; give one for each"
        )
    return dict(zip(used, names, strict=True))


def _check_named(
    used: np.ndarray, pixels: np.ndarray, names: Mapping[int, str], path: str
) -> None:
    other = [i for i, value in enumerate(used.tolist()) if value not in names]
    if not other:
        return
    known = listed(f"{v} {n}" for v, n in list(names.items())[:_SHOWN])
    more = ", …" if len(names) > _SHOWN else ""
    each = ", ".join(f"{used[i]} ({pixels[i]:,} pixels)" for i in other[:_SHOWN])
    raise UserError(
        f"{path}: expected masks of the values {known}{more}, found also {each}; name "
        f"their classes, or leave the pixels out with --ignored {used[other[0]]}"
    )


def _notes(
    found: Survey, is_known: np.ndarray, occurs: np.ndarray, options: MaskOptions
) -> list[str]:
    notes = []
    inside = found.values != OUTSIDE
    every = occurs[inside].sum()
    no_data = int(occurs[found.values == NO_DATA].sum())
    if no_data:
        notes.append(
            f"masks: {no_data:,} pixels ({no_data / every:.2%}) have no data in one of "
            "the inputs: they are ignored, whatever their class"
        )
    ignored = ~is_known & inside & (found.values != NO_DATA)
    if ignored.any():
        told = ", ".join(map(_value_told, found.values[ignored].tolist()))
        share = occurs[ignored].sum() / every
        notes.append(
            f"masks: {share:.2%} of the pixels are ignored, as their class is unknown "
            f"({told})"
        )
    unnamed = options.names is None and options.wanted is None
    used = found.values[is_known].tolist()
    if unnamed and options.coloured:
        notes.append(
            f"masks: the colours {', '.join(_unnamed(v, options) for v in used)} become"
            f" the classes 0 to {len(used) - 1}; {UNNAMED}"
        )
    elif unnamed and used != list(range(len(used))):
        notes.append(
            f"masks: the values {', '.join(map(str, used[:_SHOWN]))}"
            f"{', …' if len(used) > _SHOWN else ''} become the classes 0 to "
            f"{len(used) - 1}; {UNNAMED}"
        )
    if unnamed and len(used) > 1 and used[-1] == 255 and not options.coloured:
        notes.append(
            "masks: 255 is taken for a class; "
            + either("--ignored 255", "ignored=255")
            + " leaves its pixels out"
        )
    return notes


def _value_told(value: int) -> str:
    """A stored value for people."""
    known = {MISSING: "nodata or below 0", NO_DATA: "no data in an input"}
    return known.get(value, f"value {value}")
