"""Checks whether values have the units of the training data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.sensors import band

RADAR = ("decibel", "intensity", "complex", "covariance")
_TIMES = 10.0  # factor to the training data that means another unit
_PATCHES = 64  # patches of a data set that are checked
_OFFSET_LATER = "and --offset -0.1 for a product of baseline 04.00 or later"
_CLOSER = 0.5  # standard deviations by which advice must improve values of right units
_FAR = 3.0  # largest distance after advice, in standard deviations
_LISTED = 3  # bands whose figures a sentence lists

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Typical:
    """Statistics of one band of the training data, as in statistics.json.

    Attributes:
        mean, std: over all pixels.
        p2, p98: 2nd and 98th percentiles.
    """

    mean: float
    std: float
    p2: float
    p98: float


def typical_of(told: Mapping[str, Any]) -> tuple[Typical, ...]:
    """Returns the statistics of each band of an input; the percentiles suffice.

    Args:
        told: by name of a statistic, a value for each band, as in statistics.json.
    """
    p2, p98 = np.array(told["p2"], float), np.array(told["p98"], float)
    mean = np.array(told.get("mean", (p2 + p98) / 2), float)
    std = np.array(told.get("std", (p98 - p2) / 4), float)
    return tuple(
        Typical(*map(float, band)) for band in zip(mean, std, p2, p98, strict=True)
    )


def unlike_training(
    dataset: Dataset, typical: Mapping[str, tuple[Typical, ...]]
) -> list[str]:
    """Returns sentences on differences between a dataset and the training data.

    One for each input with missing values, and one for each input with bands whose
    values differ from the training data's.

    Args:
        dataset: 64 patches spread over it are read.
        typical: by input, statistics of each band of the training data, if known.
    """
    rows = np.unique(np.linspace(0, len(dataset) - 1, _PATCHES).astype(int))
    pixels = dataset.read(rows) if len(dataset) else {}
    told = []
    for spec in dataset.inputs:
        if spec.name not in pixels:
            continue
        if share := float((~np.isfinite(pixels[spec.name])).mean()):
            told.append(
                f"{dataset.path}: {spec.name}: {share:.1%} of the values in "
                f"{len(rows)} patches all over the data are missing; the network takes "
                "the training data's mean for them"
            )
        known = typical.get(spec.name, ())
        if len(known) != len(spec.bands):
            continue
        values, wrong = {}, {}
        for i, (one, like) in enumerate(zip(spec.bands, known, strict=True)):
            found = pixels[spec.name][..., i].ravel()
            values[one.name] = found[np.isfinite(found)]
            if differs(values[one.name], like):
                wrong[one.name] = like
        all_bands = dict(zip(values, known, strict=True))
        sure = _not_only_dark(list(wrong), list(values), values, all_bands)
        if sure:
            told.append(
                f"{dataset.path}: other values than in the training data, "
                f"{_listed(sure, values, wrong)}: bring them to one unit"
            )
    return told


@dataclass(frozen=True)
class _Try:
    """A conversion of units: advice for the user, and a function of band and values."""

    advice: str
    of: Callable[[str, np.ndarray], np.ndarray]


def differs(values: np.ndarray, typical: Typical) -> bool:
    """Returns whether a band's values have other units than the training data's.

    Decibels differ if 98 % of the values are positive, or the median is outside of the
    training data's range by more than its width. Other values differ if the median has
    the other sign, is 10 standard deviations below the mean, or is above ten times the
    training data's 98th percentile, or if the values' 98th percentile is below a tenth
    of the training data's 2nd. Another landscape may cause smaller differences.

    Args:
        values: (n,) finite, as the network would read them.
        typical: statistics of the training data.
    """
    if not len(values):
        return False
    p2, median, p98 = np.percentile(values, (2, 50, 98))
    if typical.mean < 0 and typical.p2 < 0:  # decibels
        spread = max(typical.p98 - typical.p2, 1e-12)
        far = not typical.p2 - spread <= median <= typical.p98 + spread
        return bool(p2 >= 0 or far)
    if typical.p98 <= 0:
        return False
    lowest = typical.p2 if typical.p2 > 0 else typical.mean / 10
    return bool(
        (median < 0 and typical.p2 >= 0)
        or median < typical.mean - 10 * typical.std
        or median > _TIMES * typical.p98
        or p98 < lowest / _TIMES
    )


def distance(values: np.ndarray, typical: Typical) -> float:
    """Returns the distance of a median to the training mean, in standard deviations."""
    return abs(float(np.median(values)) - typical.mean) / max(typical.std, 1e-12)


def advice(
    raw: Values,
    read: Values,
    typical: Mapping[str, Typical],
    tags: Mapping[str, tuple[float, float]],
    offset_is_due: bool,
) -> list[str]:
    """Returns sentences on bands whose values differ from the training data's.

    They recommend a scale and an offset only if, applied to the values, these make all
    bands similar to the training data.

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
    wrong = [n for n in names if differs(read[n], typical[n])]
    wrong = _not_only_dark(wrong, names, read, typical)

    def score(values: Values) -> float:
        return float(np.mean([distance(values[n], typical[n]) for n in names]))

    def fits(values: Values) -> bool:
        bad = [n for n in names if differs(values[n], typical[n])]
        return not _not_only_dark(bad, names, values, typical)

    found = []
    for one in _tries(names, radar, tags, offset_is_due, bool(wrong)):
        made = {n: one.of(n, raw[n]) for n in names}
        if all(len(v) for v in made.values()) and fits(made) and score(made) <= _FAR:
            found.append((score(made), one.advice))
    closest, text = min(found, default=(np.inf, ""))
    if not wrong:
        # right units; what the file tells of itself may bring them closer
        if closest < score(read) - _CLOSER:
            return [
                f"values of {_listed(names, read, typical)} are of the training data's "
                f"size, and closer to them with what the file tells of itself: {text}"
            ]
        return []
    what = f"{_listed(wrong, read, typical)}: the network needs the same units; "
    if text:
        return [f"values of {what}this conversion fits the values: {text}"]
    return [
        f"values of {what}no usual scale or offset fits: check --scale and --offset, "
        "and the file"
    ]


def _not_only_dark(
    wrong: Sequence[str],
    names: Sequence[str],
    values: Values,
    typical: Mapping[str, Typical],
) -> list[str]:
    """Removes dark bands, as of a sea, unless all bands are wrong and dark."""
    dark = [
        n
        for n in wrong
        if typical[n].mean > 0
        and 0 <= np.median(values[n]) < typical[n].mean
        and np.percentile(values[n], 98) > typical[n].mean / 3000
    ]
    if set(dark) != set(names):
        return [n for n in wrong if n not in dark]
    return list(wrong)


def _tries(
    names: Sequence[str],
    radar: bool,
    tags: Mapping[str, tuple[float, float]],
    offset_is_due: bool,
    wrong: bool,
) -> list[_Try]:
    """Returns conversions that may give the training data's units."""
    found = []
    told = {n: tags[n] for n in names if n in tags}
    if told:
        each = ", ".join(f"{n} × {s:g} {_signed(o)}" for n, (s, o) in told.items())

        def by_tags(name: str, v: np.ndarray) -> np.ndarray:
            scale, offset = tags.get(name, (1.0, 0.0))
            return v * scale + offset

        found.append(_Try(f"--scale tags (the file's own: {each})", by_tags))
    if radar and wrong:
        found += [
            _Try(
                "decibels, 10 · log10 of the values; convert the file",
                lambda _, v: 10 * np.log10(v[v > 0]),
            ),
            _Try(
                "intensity, 10 to the power of a tenth of the values; convert the file",
                lambda _, v: 10 ** (np.minimum(v, 300) / 10),
            ),
        ]
    if radar:
        return found
    if offset_is_due:
        found.append(_scaled(1e-4, -0.1))
    if wrong:
        # values alone cannot tell that offset from a darker landscape
        later = "" if offset_is_due else f" ({_OFFSET_LATER})"
        found += [_scaled(1e-4, 0.0, later), _scaled(1e4, 0.0), _scaled(1.0, 0.0)]
    return found


def _scaled(scale: float, offset: float, told: str = "") -> _Try:
    text = f"--scale {scale:.4f}".rstrip("0").rstrip(".")
    text += f" --offset {offset:g}" if offset else ""
    return _Try(text + told, lambda _, v: v * scale + offset)


def _signed(offset: float) -> str:
    return f"− {-offset:g}" if offset < 0 else f"+ {offset:g}"


def _listed(
    names: Sequence[str], values: Values, typical: Mapping[str, Typical]
) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (
        ", ".join(
            f"{n} (median {np.median(values[n]):.4g}; training data: mean "
            f"{typical[n].mean:.4g}, mostly {typical[n].p2:.4g} to "
            f"{typical[n].p98:.4g})"
            for n in names[:_LISTED]
        )
        + more
    )
