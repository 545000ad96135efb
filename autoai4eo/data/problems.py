"""Finds problems of a dataset and describes them in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoai4eo.data.between_parts import between_parts
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.overlap import overlap
from autoai4eo.data.patch_checks import look
from autoai4eo.data.problem import Problem, times
from autoai4eo.data.quantities import DIGITAL_NUMBER, quantities
from autoai4eo.data.readers.base import InputSpec
from autoai4eo.data.readers.labels import fold
from autoai4eo.data.statistics import FILLS, ZEROS_SHARE, BandStatistics
from autoai4eo.data.units import typical_of
from autoai4eo.data.unlike import unlike_training
from autoai4eo.text import listed

#: The range in which values of a quantity are plausible.
_PLAUSIBLE = {
    "reflectance": (-0.2, 2.0),
    DIGITAL_NUMBER: (-2000.0, 20000.0),  # of reflectance × 10,000
    "decibel": (-70.0, 40.0),
    "colour": (0.0, 255.0),
    "intensity": (0.0, 1e9),
}
_PAIRS = 3  # of copies that are named
_SERIOUS_SHARE = 0.01  # of the patches: what is learnt from them is wrong
_MOSTLY_NEGATIVE = 0.5
#: What the copy of a patch may have, by the kind of target.
_OTHER = {"class": "another class", "labels": "other labels", "mask": "another mask"}


def find_problems(
    dataset: Dataset,
    statistics: Mapping[str, BandStatistics],
    others: Mapping[str, Dataset] | None = None,
) -> list[Problem]:
    """Returns the problems of a dataset; an empty list if there are none.

    Reports the dataset's notes, the problems of `value_problems`, implausible values,
    fewer than two classes, empty classes, patches that are zero throughout, patches
    that occur twice (all pixels of all inputs exactly equal), and patches that share
    ground with another (see `overlap`), here or in ``others`` (the other parts of a
    split, by name), whose values are held against the dataset's, too. Reads each
    dataset in blocks, twice at most.
    """
    found = [Problem(note) for note in dataset.notes]
    found += value_problems(dataset.inputs, statistics)
    found += _implausible(dataset.inputs, statistics)
    found += _target_problems(dataset)
    looked = look(dataset)
    prints, empty = looked.prints, looked.empty
    for name, rows in looked.odd.items():
        where = dataset.names[rows[0]] if dataset.names else f"sample {rows[0]}"
        found.append(
            Problem(
                f"{name}: {times(len(rows), 'patch has', 'patches have')} values "
                "hundreds of times larger or smaller than the others, as in another "
                f"unit (the first: {where}); write all in one unit",
                serious=True,
            )
        )
    found += _radar_problems(looked.radar)
    if empty:
        found.append(
            Problem(f"{times(empty, 'patch has', 'patches have')} no valid pixel")
        )
    for name, count in looked.zero.items():
        if count:
            found.append(
                Problem(
                    f"{name}: {times(count, 'patch is', 'patches are')} zero throughout"
                )
            )
    found += _copies(dataset, prints) + _windows(dataset)
    typical = {name: typical_of(vars(one)) for name, one in statistics.items()}
    for name, other in (others or {}).items():
        found += between_parts(dataset, prints, name, other)
        found += unlike_training(other, typical)
    return found


def _radar_problems(radar: Mapping[str, np.ndarray]) -> list[Problem]:
    """A problem where some patches are decibels and others intensity.

    Args:
        radar: see `autoai4eo.data.patch_checks.Looked`.
    """
    found = []
    for name, below in radar.items():
        positive = int((below == 0).sum())
        negative = int((below > _MOSTLY_NEGATIVE).sum())
        if min(positive, negative) > _SERIOUS_SHARE * len(below):
            found.append(
                Problem(
                    f"{name}: {times(negative, 'patch is', 'patches are')} mostly "
                    f"negative, as decibels, and {positive:,} never, as intensity; "
                    "write all in one unit",
                    serious=True,
                )
            )
    return found


def value_problems(
    inputs: Sequence[InputSpec], statistics: Mapping[str, BandStatistics]
) -> list[Problem]:
    """Returns problems that band statistics show: missing, fill, constant values."""
    found = []
    for spec in inputs:
        values = statistics[spec.name]
        missing = values.nan + values.inf
        if missing.any():
            share, worst = float(missing.mean()), _worst(spec, missing)
            found.append(
                Problem(
                    f"{spec.name}: {_share(share)} of the values are missing (nodata, "
                    f"masked, NaN or infinite){worst}; the network takes the band's "
                    "mean for them"
                )
            )
        for i, band in enumerate(spec.bands):
            where = f"{spec.name} {band.name}"
            found += _band_problems(where, values, i)
        if values.nodata.any():
            found.append(
                Problem(
                    f"{spec.name}: {_share(values.nodata.max())} of the pixels are "
                    "exactly 0 in every band: if that means no measurement, declare "
                    "it as nodata or write NaN"
                )
            )
        if values.border.any():
            share, worst = float(values.border.max()), _worst(spec, values.border)
            # of bands whose fill is not a problem already
            others = values.border[np.isnan(values.fill)]
            found.append(
                Problem(
                    f"{spec.name}: {_share(share)} of the patches have an edge of one "
                    f"value (0, -9999 or such){worst}: fill that the files do not "
                    "declare? Declare it as nodata, or write NaN",
                    serious=others.max(initial=0) >= _SERIOUS_SHARE,
                )
            )
    return found


def _band_problems(where: str, values: BandStatistics, i: int) -> list[Problem]:
    low, high = values.minimum[i], values.maximum[i]
    if low == high and low < 0 and low in FILLS:
        return [
            Problem(
                f"{where} is {low:g} throughout, a value that marks missing "
                "measurements: declare it as nodata, or leave the band out",
                serious=True,
            )
        ]
    if low == high:
        return [Problem(f"{where} is constant ({low:g}): it is useless")]
    if np.isnan(values.fill[i]):
        if values.zeros[i] - values.nodata[i] < ZEROS_SHARE:
            return []  # or told for all bands
        return [
            Problem(
                f"{where}: {_share(values.zeros[i])} of the values are exactly 0, far "
                "more than any other value: if that means no measurement, declare it "
                "as nodata or write NaN"
            )
        ]
    return [
        Problem(
            f"{where}: {_share(values.fill_share[i])} of the values are exactly "
            f"{values.fill[i]:g}, far from all others: a fill value that the files do "
            "not declare? Declare it as nodata, or write NaN",
            serious=True,
        )
    ]


def _implausible(
    inputs: Sequence[InputSpec], statistics: Mapping[str, BandStatistics]
) -> list[Problem]:
    """Returns bands with values that are implausible for their quantity."""
    found = []
    for spec in inputs:
        values = statistics[spec.name]
        kinds = quantities(spec.bands, values.p98)
        for i, (band, kind) in enumerate(zip(spec.bands, kinds, strict=True)):
            least, most = _PLAUSIBLE.get(kind, (-np.inf, np.inf))
            low, high = values.minimum[i], values.maximum[i]
            told = low == high or not np.isnan(values.fill[i])
            if told or least <= low <= high <= most:
                continue
            found.append(
                Problem(
                    f"{spec.name} {band.name}: values from {low:g} to {high:g} are "
                    f"implausible for {kind} (expected {least:g} to {most:g}); check "
                    "the unit and outliers"
                )
            )
    return found


def _worst(spec: InputSpec, missing: np.ndarray) -> str:
    if len(spec.bands) == 1 or np.ptp(missing) == 0:
        return ""
    worst = int(missing.argmax())
    return f", most of {spec.bands[worst].name} ({_share(missing[worst])})"


def _share(share: float) -> str:
    return f"{share:.2%}" if share >= 1e-4 else f"{share:.1e}"


def _target_problems(dataset: Dataset) -> list[Problem]:
    """Returns problems of classes, labels or values."""
    if not dataset.known.any():
        return []
    if dataset.target.kind == "value":
        return _value_problems(dataset)
    return _class_problems(dataset)


def _value_problems(dataset: Dataset) -> list[Problem]:
    """Returns target values that are the same in all samples."""
    spread = np.ptp(np.ma.masked_invalid(dataset.targets), axis=0)
    same = [dataset.class_names[i] for i in np.flatnonzero(spread.filled(0) == 0)]
    if not same:
        return []
    return [Problem(f"the same in all samples: {', '.join(same)}", serious=True)]


def _class_problems(dataset: Dataset) -> list[Problem]:
    counts = dataset.label_counts()
    masks = dataset.target.kind == "mask"
    one_each = masks or dataset.target.kind == "class"
    found = []
    if one_each and np.count_nonzero(counts) == 1:
        found.append(
            Problem(
                f"there is only one class ({dataset.class_names[counts.argmax()]}): "
                f"a {'segmenter' if masks else 'classifier'} needs two or more",
                serious=True,
            )
        )
    folded = [fold(name) for name in dataset.class_names]
    alike = [n for n in dataset.class_names if folded.count(fold(n)) > 1]
    if alike:
        found.append(
            Problem(
                f"classes with names that are alike: {listed(alike)}; are they one?"
            )
        )
    always = np.flatnonzero((counts == len(dataset)) & (not one_each))
    if len(always):
        names = listed(dataset.class_names[i] for i in always)
        found.append(Problem(f"labels that all samples have: {names}"))
    empty = [dataset.class_names[i] for i in np.flatnonzero(counts == 0)]
    if empty:
        have = "class has" if len(empty) == 1 else "classes have"
        none = f"no {'pixels' if masks else 'samples'}"
        found.append(Problem(f"{len(empty)} {have} {none}: {listed(empty)}"))
    return found


def _copies(dataset: Dataset, prints: np.ndarray) -> list[Problem]:
    """Returns patches that equal another one, and those with different targets."""
    order = np.argsort(prints, kind="stable")
    second = np.flatnonzero(prints[order][1:] == prints[order][:-1]) + 1
    if not len(second):
        return []
    pairs = np.stack([order[second - 1], order[second]], axis=1)
    masks = dataset.target.kind == "mask"
    targets = dataset.class_pixels if masks else dataset.targets
    first, other = (targets[pairs[:, i]] for i in (0, 1))
    same = (first == other) | ((first != first) & (other != other))  # both NaN
    unlike = ~same.reshape(len(pairs), -1).all(axis=1)
    what = _OTHER.get(dataset.target.kind, "other values")
    found = [
        Problem(
            f"{times(len(pairs), 'patch is', 'patches are')} an exact copy of another "
            f"in the same data: {_named(dataset, pairs)}"
        )
    ]
    if unlike.any():
        found.append(
            Problem(
                f"{times(int(unlike.sum()), 'copy has', 'copies have')} {what} than "
                f"the other: {_named(dataset, pairs[unlike])}",
                serious=True,
            )
        )
    return found


def _windows(dataset: Dataset) -> list[Problem]:
    """Returns patches that share ground with another one, as windows of a scene do."""
    if dataset.opened.get("masks") is not None:
        return []  # tiles of scenes, of which whole ones stay in one part
    shown = overlap(dataset)
    if shown.example is None:
        return []
    mine, theirs = (_name(dataset, i) for i in shown.example)
    of = f"{shown.looked_at:,} compared; the first: {mine} with {theirs}"
    return [
        Problem(
            f"{times(len(shown.shifted), 'patch shares', 'patches share')} ground with "
            f"another in the same data, shifted ({of}), as windows of one scene do: "
            "parts of a random split would share ground"
        )
    ]


def _named(dataset: Dataset, pairs: np.ndarray) -> str:
    some = [
        f"{_name(dataset, a)} = {_name(dataset, b)}" for a, b in pairs[:_PAIRS].tolist()
    ]
    return ", ".join(some) + (", …" if len(pairs) > _PAIRS else "")


def _name(dataset: Dataset, row: int) -> str:
    return f"sample {row}" if dataset.names is None else dataset.names[row]
