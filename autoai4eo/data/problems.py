"""What is wrong with a dataset, in sentences for people."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.statistics import BLOCK_BYTES, BandStatistics


def find_problems(
    dataset: Dataset,
    statistics: Mapping[str, BandStatistics],
    others: Mapping[str, Dataset] | None = None,
) -> list[str]:
    """Return one sentence per problem, none where all is well.

    Looks for label rows that are not one-hot, NaN and infinite pixels, nodata,
    constant bands, empty classes, patches that are zero throughout, patches that occur
    twice (all pixels of all inputs exactly equal), here or in ``others`` (the other
    parts of a split, by name). Reads each dataset once, in blocks.
    """
    found = list(dataset.notes)
    for spec in dataset.inputs:
        values = statistics[spec.name]
        for i, band in enumerate(spec.bands):
            where = f"{spec.name} {band.name}"
            if values.nan[i]:
                found.append(
                    f"{where}: {_share(values.nan[i])} of the pixels are NaN; they are "
                    "replaced by the band's mean"
                )
            if values.inf[i]:
                found.append(
                    f"{where}: {_share(values.inf[i])} of the pixels are infinite; "
                    "they are replaced by the band's mean"
                )
            if values.minimum[i] == values.maximum[i]:
                found.append(
                    f"{where} is constant ({values.minimum[i]:g}): it tells nothing"
                )
        if values.nodata.any():
            found.append(
                f"{spec.name}: {_share(values.nodata.max())} of the pixels are nodata"
            )
    found += _empty_classes(dataset)
    prints, zero = _look(dataset)
    for name, count in zero.items():
        if count:
            found.append(
                f"{name}: {_times(count, 'patch is', 'patches are')} zero throughout"
            )
    if repeated := len(prints) - len(np.unique(prints)):
        found.append(
            f"{_times(repeated, 'patch is', 'patches are')} an exact copy of another "
            "in the same data"
        )
    for other_name, other in (others or {}).items():
        if [s.shape for s in other.inputs] != [s.shape for s in dataset.inputs]:
            continue
        if shared := int(np.isin(prints, _look(other)[0]).sum()):
            found.append(
                f"{_times(shared, 'patch occurs', 'patches occur')} in {other_name} "
                "as well: the score there is not one on unseen data"
            )
    return found


def _share(share: float) -> str:
    return f"{share:.2%}" if share >= 1e-4 else f"{share:.1e}"


def _times(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


def _empty_classes(dataset: Dataset) -> list[str]:
    if (dataset.labels < 0).all():
        return []
    empty = [
        dataset.class_names[i] for i in np.flatnonzero(dataset.label_counts() == 0)
    ]
    if not empty:
        return []
    have = "class has" if len(empty) == 1 else "classes have"
    return [f"{len(empty)} {have} no samples: {', '.join(empty)}"]


def _look(dataset: Dataset) -> tuple[np.ndarray, dict[str, int]]:
    """Return a 64-bit print of each sample, and all-zero patches per input."""
    prints = np.empty(len(dataset), dtype=np.uint64)
    zero = {spec.name: 0 for spec in dataset.inputs}
    for block in dataset.blocks(max(1, BLOCK_BYTES // dataset.sample_bytes())):
        pixels = dataset.read(block)
        for name, values in pixels.items():
            zero[name] += int((~values.any(axis=(1, 2, 3))).sum())
        for i, index in enumerate(block):
            digest = hashlib.blake2b(digest_size=8)
            for values in pixels.values():
                digest.update(np.ascontiguousarray(values[i]).data)
            prints[index] = int.from_bytes(digest.digest(), "little")
    return prints, zero
