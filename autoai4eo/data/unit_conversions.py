"""Conversions of units that scenes usually need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.units import Typical, Values

BYTE = 255  # largest number of a picture
CONVERT = "convert the file"
_LATER = 1000  # higher are digital numbers since baseline 04.00
_OFFSET_LATER = "and --offset -0.1 for a product of baseline 04.00 or later"


@dataclass(frozen=True)
class Conversion:
    """A conversion of units.

    Attributes:
        advice: for the user.
        of: a function of band and values.
        likely: whether more than the fit speaks for it, so that a landscape that is
            much darker or brighter than the training data's is no objection.
    """

    advice: str
    of: Callable[[str, np.ndarray], np.ndarray]
    likely: bool = False


def by_tags(
    names: Sequence[str], tags: Mapping[str, tuple[float, float]]
) -> list[Conversion]:
    """Returns the conversion by the files' own scale and offset, if they have some."""
    told = {n: tags[n] for n in names if n in tags}
    if not told:
        return []
    each = ", ".join(f"{n} × {s:g} {_signed(o)}" for n, (s, o) in told.items())

    def with_tags(name: str, v: np.ndarray) -> np.ndarray:
        scale, offset = tags.get(name, (1.0, 0.0))
        return v * scale + offset

    return [
        Conversion(f"--scale tags (the file's own: {each})", with_tags, likely=True)
    ]


def radar(names: Sequence[str], typical: Mapping[str, Typical]) -> list[Conversion]:
    """Returns the usual conversions between decibels, power and amplitude."""
    return [
        Conversion(
            f"decibels, 10 · log10 of the values (power); {CONVERT}",
            lambda _, v: 10 * np.log10(v[v > 0]),
        ),
        Conversion(
            f"decibels, 20 · log10 of the values (amplitude); {CONVERT}",
            lambda _, v: 20 * np.log10(v[v > 0]),
        ),
        Conversion(f"a hundredth of the values; {CONVERT}", lambda _, v: v / 100),
        Conversion(
            f"intensity, 10 to the power of a tenth of the values; {CONVERT}",
            lambda _, v: 10 ** (np.minimum(v, 300) / 10),
            likely=True,
        ),
        Conversion(
            f"amplitude, 10 to the power of a twentieth of the values; {CONVERT}",
            lambda _, v: 10 ** (np.minimum(v, 300) / 20),
            likely=True,
        ),
        *squared(names, typical),
    ]


def squared(names: Sequence[str], typical: Mapping[str, Typical]) -> list[Conversion]:
    """Returns conversions between amplitude and power, which are positive."""
    if any(typical[n].p2 < 0 for n in names):
        return []
    return [
        Conversion(f"the square of the values (power); {CONVERT}", lambda _, v: v**2),
        Conversion(
            f"the square root of the values (amplitude); {CONVERT}",
            lambda _, v: np.sqrt(np.maximum(v, 0)),
        ),
    ]


def optical(names: Sequence[str], raw: Values, offset_is_due: bool) -> list[Conversion]:
    """Returns the usual scales of reflectance."""
    whole = are_whole(names, raw)
    top = max(float(raw[n].max()) for n in names)
    # values alone cannot tell that offset from a darker landscape
    is_possible = all(float(np.median(raw[n])) >= _LATER for n in names)
    later = f" ({_OFFSET_LATER})" if is_possible else " without --offset"
    later = "" if offset_is_due else later
    found = [
        scaled(1e-4, 0.0, whole and top > BYTE, later),
        scaled(1e4, 0.0),
        scaled(1.0, 0.0, True),
    ]
    byte = whole and top <= BYTE
    return [*found, scaled(1 / BYTE, 0.0, True) if byte else scaled(0.01, 0.0)]


def are_whole(names: Sequence[str], raw: Values) -> bool:
    """Returns whether all values of these bands are whole numbers."""
    return all(bool((raw[n] == np.round(raw[n])).all()) for n in names)


def scaled(
    scale: float, offset: float, likely: bool = False, told: str = ""
) -> Conversion:
    """Returns a conversion by scale and offset; `told` is added to the advice."""
    text = f"--scale {scale:.6g}" + (f" --offset {offset:g}" if offset else "")
    return Conversion(text + told, lambda _, v: v * scale + offset, likely)


def _signed(offset: float) -> str:
    return f"− {-offset:g}" if offset < 0 else f"+ {offset:g}"
