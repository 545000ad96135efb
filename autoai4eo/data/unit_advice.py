"""Advice on units: which conversion brings a scene's values to the network's.

A conversion is advised only if it was tried on the values and brought all bands near
the training data, in size and in spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from autoai4eo.data.sensors import band
from autoai4eo.data.unit_conversions import (
    BYTE,
    CONVERT,
    Conversion,
    are_whole,
    by_tags,
    optical,
    scaled,
    squared,
)
from autoai4eo.data.unit_conversions import (
    radar as of_radar,
)
from autoai4eo.data.units import (
    RADAR,
    Typical,
    Values,
    differs,
    listed,
    misfit,
    not_only_dark,
    other_order,
)

_CLOSER = 0.5  # standard deviations by which advice must improve values of right units
_FAR = 3.0  # decibels: largest distance after advice, in standard deviations
_NEAR = 3.0  # factor to the training data after advice
_DARK, _BRIGHT = 10.0, 6.0  # the same where numbers or tags speak for the conversion
_SPREAD = 2.6  # weight of a spread's logarithm beside a distance: speckle is alike
_SURE = 1.0  # by which one conversion must fit better than another of the same kind
_SUSPECT, _GOOD = 0.75, 0.35  # see `misfit`
# of another scale, such as one with a zero too many: a landscape differs by less
_RESCALED, _NEAR_ENOUGH = 1.5, 0.75


def advice(
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
    tags: Mapping[str, tuple[float, float]],
    offset_is_due: bool,
) -> list[str]:
    """Returns sentences on bands whose values differ from the training data's.

    They recommend a conversion only if, applied to the values, it makes all bands
    similar to the training data.

    Args:
        raw: a sample of each band's stored values, (n,), finite.
        read: the same values as the network would read them.
        typical: statistics of each band of the training data.
        tags: scale and offset of the bands for which the file declares them.
        offset_is_due: whether the product's name shows that digital numbers are 1,000
            too high.
    """
    names = [name for name in typical if len(raw[name])]
    told = []
    for radar in (False, True):
        some = [n for n in names if (band(n).quantity in RADAR) == radar]
        if some:
            told += _of(some, radar, raw, read, typical, tags, offset_is_due)
    return told


def _of(
    names: Sequence[str],
    radar: bool,
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
    tags: Mapping[str, tuple[float, float]],
    offset_is_due: bool,
) -> list[str]:
    if order := other_order(read, {n: typical[n] for n in names}):
        return [
            "the bands seem to be in another order than in the training data: "
            f"{order}; check their names (--bands, or the file's descriptions)"
        ]
    wrong = [n for n in names if differs(read[n], typical[n])]
    wrong = not_only_dark(wrong, names, read, typical)
    due = [scaled(1e-4, -0.1, True), scaled(1.0, -1000.0, True)]
    tries = by_tags(names, tags) + (due if offset_is_due and not radar else [])
    if wrong and radar:
        # a file is converted, so that bands which are right can stay as they are
        tries += of_radar(wrong, typical)
        return [_cured(wrong, wrong, tries, raw, read, typical)]
    if wrong:
        tries += optical(names, raw, offset_is_due)
        return [_cured(wrong, names, tries, raw, read, typical)]
    return (
        _closer(names, tries, raw, read, typical)
        or (_squares(names, raw, read, typical) if radar else [])
        or ([] if radar else _rescaled(names, raw, read, typical, offset_is_due))
        or _picture(names, raw, read, typical)
        or (_undecided(names, due, raw, read, typical) if offset_is_due else [])
    )


def _cured(
    wrong: Sequence[str],
    names: Sequence[str],
    tries: Sequence[Conversion],
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
) -> str:
    """Returns a sentence on wrong bands, with the conversion that fits, if one does."""
    what = f"values of {listed(wrong, read, typical)}: the network needs the same units"
    found = _fitting(names, tries, raw, typical)
    if not found:
        return (
            f"{what}; no usual scale or offset fits: check --scale and "
            "--offset, and the file"
        )
    best, text = found[0]
    if len(found) > 1 and CONVERT in text and found[1][0] < best + _SURE:
        return (
            f"{what}; two conversions fit the values: {text}, or {found[1][1]}: look up"
            " which of them the file needs"
        )
    return f"{what}; this conversion fits the values: {text}"


def _closer(
    names: Sequence[str],
    tries: Sequence[Conversion],
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
) -> list[str]:
    """Returns whether values of right units are closer with what the file tells."""
    fitting = _fitting(names, tries, raw, typical, _distance)
    if not fitting or fitting[0][0] >= _distance(names, read, typical) - _CLOSER:
        return []
    return [
        f"values of {listed(names, read, typical)} are of the training data's "
        "size, and closer to them with what the file tells of itself: "
        f"{fitting[0][1]}"
    ]


def _undecided(
    names: Sequence[str],
    due: Sequence[Conversion],
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
) -> list[str]:
    """Returns whether values are as near with the offset that is due as without."""
    fitting = _fitting(names, due, raw, typical, _distance)
    if not fitting or fitting[0][0] > _distance(names, read, typical) + _CLOSER:
        return []
    return [
        "digital numbers since baseline 04.00 are 1,000 higher, and the values do not "
        "show whether the training data's are, too; if they are not, give "
        f"{fitting[0][1]}"
    ]


def _squares(
    names: Sequence[str],
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
) -> list[str]:
    """Returns whether radar values fit much better as amplitude, or as power."""
    tries = squared(names, typical)
    what = "after this conversion"
    return _much_better(what, names, tries, raw, read, typical, _GOOD, _SUSPECT)


def _rescaled(
    names: Sequence[str],
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
    offset_is_due: bool,
) -> list[str]:
    """Returns whether a usual scale fits much better than an unusual one."""
    tries = optical(names, raw, offset_is_due)
    for one in tries:
        # whatever the offset
        if all(np.isclose(np.ptp(one.of(n, raw[n])), np.ptp(read[n])) for n in names):
            return []  # it is usual; the landscape is another
    at_most = _NEAR_ENOUGH, _RESCALED
    return _much_better(
        "with another scale", names, tries, raw, read, typical, *at_most
    )


def _much_better(
    what: str,
    names: Sequence[str],
    tries: Sequence[Conversion],
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
    good: float,
    gain: float,
) -> list[str]:
    """Returns a sentence if a conversion fits well, and much better."""
    as_read = float(np.mean([misfit(read[n], typical[n]) for n in names]))
    for score, text in _fitting(names, tries, raw, typical)[:1]:
        if score <= good and score + gain <= as_read:
            return [
                f"values of {listed(names, read, typical)} fit the training data much "
                f"better {what}: {text}"
            ]
    return []


def _picture(
    names: Sequence[str],
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
) -> list[str]:
    """Returns whether either the values or the training data are bytes of a picture."""
    top = max(float(raw[n].max()) for n in names)
    of_numbers = all(typical[n].p98 > 2 * BYTE for n in names)
    if of_numbers and BYTE - 5 <= top <= BYTE and are_whole(names, raw):
        which = "are whole numbers up to 255, as of a picture"
    elif all(
        band(n).quantity == "colour"
        and typical[n].p98 <= BYTE < float(np.percentile(read[n], 98))
        for n in names
    ):
        which = "are above 255, and the training data's are those of a picture"
    else:
        return []
    return [
        f"values of {listed(names, read, typical)} {which}: the network needs the same "
        "units; give the product that the training data were made of"
    ]


def _fitting(
    names: Sequence[str],
    tries: Sequence[Conversion],
    raw: Values,
    typical: Mapping[str, Typical],
    score: Callable[..., float] | None = None,
) -> list[tuple[float, str]]:
    """Returns the conversions that fit, with a score, the best first."""
    found = []
    for one in tries:
        made = {n: one.of(n, raw[n]) for n in names}
        if all(len(v) for v in made.values()) and _fits(made, typical, one.likely):
            found.append(((score or _score)(names, made, typical), one.advice))
    return sorted(found)


def _fits(made: Values, typical: Mapping[str, Typical], likely: bool) -> bool:
    """Returns whether bands are near the training data, in size and in spread."""
    dark = []
    for name, values in made.items():
        like = typical[name]
        p2, median, p98 = np.percentile(values, (2, 50, 98))
        wide = (p98 - p2) / max(like.p98 - like.p2, 1e-12)
        if like.mean <= 0:
            far = abs(median - like.mean) > _FAR * like.std
            if far or not 1 / _NEAR <= wide <= _NEAR:
                return False
            continue
        bright = _BRIGHT if likely else _NEAR
        if median > bright * like.mean or wide > bright:
            return False
        dark.append(p98 / max(like.p98, 1e-12))
    # a sea is dark in some bands
    return not dark or float(np.median(dark)) >= 1 / (_DARK if likely else _NEAR)


def _score(
    names: Sequence[str], values: Values, typical: Mapping[str, Typical]
) -> float:
    found = []
    for name in names:
        like = typical[name]
        if like.mean > 0:
            found.append(misfit(values[name], like))
            continue
        p2, median, p98 = np.percentile(values[name], (2, 50, 98))
        wide = max(p98 - p2, 1e-12) / max(like.p98 - like.p2, 1e-12)
        far = abs(median - like.mean) / max(like.std, 1e-12)
        found.append(float(far + _SPREAD * abs(np.log(wide))))
    return float(np.mean(found))


def _distance(
    names: Sequence[str], values: Values, typical: Mapping[str, Typical]
) -> float:
    """Returns the medians' distance to the training means, in standard deviations."""
    return float(
        np.mean(
            [
                abs(float(np.median(values[n])) - typical[n].mean)
                / max(typical[n].std, 1e-12)
                for n in names
            ]
        )
    )
