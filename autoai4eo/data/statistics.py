"""Statistics per band in one streaming pass, kept as JSON beside a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from autoai4eo.data.dataset import Dataset, InputSpec
from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.files import ANY, read_json, write_json, written

SAMPLED_PIXELS = 2**18
BLOCK_BYTES = 16 * 2**20
FORMAT = 3
#: Values that commonly mark missing measurements.
FILLS = (0.0, -999.0, -9999.0, -32768.0, 65535.0)
_ALONE = 10  # at least so many equal outliers make a fill value
_MANY = 16  # a measurement has at least so many different values
#: Zeros that are suspicious, see `BandStatistics.zeros`.
ZEROS_SHARE, _ZEROS_TIMES = 0.01, 20


@dataclass(frozen=True)
class BandStatistics:
    """Statistics of the bands of one input, arrays of shape (bands,).

    They cover finite pixels, in the units of the file. Pixels that a file declares
    missing (nodata, a mask) are NaN.

    Attributes:
        mean: mean, accumulated in float64.
        std: standard deviation of the population; 1 if a band is constant, to allow
            division.
        p2: 2nd percentile, of 262,144 pixels spread evenly over the data set (exact
            where it has no more): the rank is right to ± 0.1 percentage points.
        p98: 98th percentile, likewise.
        minimum: smallest value.
        maximum: largest value; a band is constant where the two are equal.
        nan: share of pixels that are NaN, 0 to 1.
        inf: share of infinite pixels.
        nodata: share of pixels that are exactly 0 in every band of an input with
            several.
        fill: smallest or largest value, if it is frequent and further from all other
            values than their spread; NaN otherwise.
        fill_share: share of pixels that have this value.
        border: share of patches with an edge that is one fill value, such as 0 or
            -9999; 0 counts in a colour only if all bands have it.
        zeros: share of pixels that are exactly 0, if that is at least 1 % and far more
            frequent than any other value; 0 otherwise.
    """

    mean: np.ndarray
    std: np.ndarray
    p2: np.ndarray
    p98: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    nan: np.ndarray
    inf: np.ndarray
    nodata: np.ndarray
    fill: np.ndarray
    fill_share: np.ndarray
    border: np.ndarray
    zeros: np.ndarray


_NAMES = tuple(field.name for field in fields(BandStatistics))
#: Of statistics.json, see `check_form`; JSON has no NaN.
FORM = {
    "format": int,
    "fingerprint": str,
    "inputs": {
        ANY: {
            # earlier versions wrote no zeros
            name + "?" * (name == "zeros"): [int | float | None]
            for name in _NAMES
        }
    },
}


def statistics(dataset: Dataset) -> dict[str, BandStatistics]:
    """Computes statistics per input; reads the dataset once, in blocks.

    Raises:
        UserError: a band has no finite pixel, or there are no samples.
    """
    if len(dataset) == 0:
        raise UserError(f"{dataset.path}: expected samples, found none")
    sums = {s.name: _Sums(s, len(dataset), dataset.path) for s in dataset.inputs}
    seen = 0
    for block in dataset.blocks(max(1, BLOCK_BYTES // dataset.sample_bytes())):
        pixels = dataset.read(block)
        for name, running in sums.items():
            running.add(pixels[name], seen)
        seen += len(block)
    return {name: running.result() for name, running in sums.items()}


class _Sums:
    """Running count, mean and sum of squares per band.

    Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115: blocks are merged
    by their means, which does not cancel as sums of squares do.
    """

    def __init__(self, spec: InputSpec, samples: int, path: str) -> None:
        self.spec, self.path = spec, path
        bands = len(spec.bands)
        self.pixels = samples * spec.height * spec.width
        self.count = np.zeros(bands)
        self.mean = np.zeros(bands)
        self.squares = np.zeros(bands)
        self.minimum = np.full(bands, np.inf)
        self.maximum = np.full(bands, -np.inf)
        self.samples = samples
        self.nan, self.inf, self.nodata = (np.zeros(bands) for _ in range(3))
        # how many values are the minimum, and the maximum
        self.lowest, self.highest = np.zeros(bands), np.zeros(bands)
        self.filled = np.zeros((len(FILLS), bands))  # how many values are a fill
        self.border = np.zeros(bands)
        self.wanted = _spread(self.pixels, SAMPLED_PIXELS)
        self.sampled: list[np.ndarray] = []

    def add(self, pixels: np.ndarray, seen: int) -> None:
        """Take in a block (n, H, W, bands) of which ``seen`` samples came before."""
        size = self.spec.height * self.spec.width
        # One row per band: sums along long rows are several times faster.
        table = np.ascontiguousarray(pixels.reshape(-1, pixels.shape[3]).T)
        count_all = table.shape[1]
        low, high = np.searchsorted(self.wanted, (seen * size, seen * size + count_all))
        sampled = table[:, self.wanted[low:high] - seen * size]
        self.sampled.append(np.where(np.isfinite(sampled), sampled, np.nan))
        colour = np.array([b.quantity == "colour" for b in self.spec.bands])
        self.border += _bordered(pixels, colour).sum(axis=0)
        if len(table) > 1:
            self.nodata += count_all - np.count_nonzero(table.any(axis=0))
        valid = np.isfinite(table)
        for i, values in enumerate(table):
            if not valid[i].all():
                self.nan[i] += np.isnan(values).sum()
                self.inf[i] += np.isinf(values).sum()
                values = values[valid[i]]
            if len(values):
                self._merge(i, values.astype(np.float64))

    def _merge(self, i: int, values: np.ndarray) -> None:
        count, mean = len(values), values.mean()
        total = self.count[i] + count
        delta = mean - self.mean[i]
        spread = values - mean
        self.squares[i] += spread @ spread + delta**2 * self.count[i] * count / total
        self.mean[i] += delta * count / total
        low, high = values.min(), values.max()
        for place, fill in enumerate(FILLS):
            if low <= fill <= high:
                self.filled[place, i] += np.count_nonzero(values == fill)
        if low < self.minimum[i]:
            self.minimum[i], self.lowest[i] = low, 0
        if high > self.maximum[i]:
            self.maximum[i], self.highest[i] = high, 0
        self.lowest[i] += np.count_nonzero(values == self.minimum[i])
        self.highest[i] += np.count_nonzero(values == self.maximum[i])
        self.count[i] = total

    def result(self) -> BandStatistics:
        for band, count in zip(self.spec.bands, self.count, strict=True):
            if count == 0:
                raise UserError(
                    f"{self.path}: {self.spec.name} {band.name} is NaN everywhere (no "
                    "pixel is a finite measurement); leave the band out, or repair the "
                    "file"
                )
        sampled = np.concatenate(self.sampled, axis=1)
        p2, p98 = np.empty(len(self.count)), np.empty(len(self.count))
        fill, fill_count = np.empty(len(self.count)), np.empty(len(self.count))
        zeros = np.zeros(len(self.count))
        for i in range(len(self.count)):
            values = sampled[i][np.isfinite(sampled[i])]
            # If no valid pixel was sampled, the extremes replace the percentiles.
            ends = (self.minimum[i], self.maximum[i])
            p2[i], p98[i] = np.percentile(values, (2, 98)) if len(values) else ends
            counts = dict(zip(FILLS, self.filled[:, i], strict=True))
            counts[self.minimum[i]] = self.lowest[i]
            counts[self.maximum[i]] = self.highest[i]
            fill[i], fill_count[i] = undeclared_fill(values, counts)
            zeros[i] = self._zeros(i, values)
        constant = self.minimum == self.maximum
        std = np.sqrt(self.squares / self.count)
        return BandStatistics(
            mean=np.where(constant, self.minimum, self.mean),
            std=np.where(constant | (std == 0), 1.0, std),
            p2=p2,
            p98=p98,
            minimum=self.minimum,
            maximum=self.maximum,
            nan=self.nan / self.pixels,
            inf=self.inf / self.pixels,
            nodata=self.nodata / self.pixels,
            fill=fill,
            fill_share=fill_count / self.pixels,
            border=self.border / self.samples,
            zeros=zeros,
        )

    def _zeros(self, i: int, values: np.ndarray) -> float:
        """Returns `BandStatistics.zeros` of band `i`."""
        share = self.filled[FILLS.index(0.0), i] / self.count[i]
        others = values[values != 0]
        if share < ZEROS_SHARE or len(np.unique(others)) < _MANY:
            return 0.0
        frequent = np.unique(others, return_counts=True)[1].max() / len(values)
        return float(share) if share > _ZEROS_TIMES * frequent else 0.0


def undeclared_fill(
    values: np.ndarray, counts: Mapping[float, float]
) -> tuple[float, float]:
    """Returns a value of a band that is probably fill, and how many pixels have it.

    It occurs 10 times or more and is further from all other values than their spread
    (1st to 99th percentile); or it is a usual negative fill value, and no other value
    is negative. Other usual fill values do not count among the others, which must have
    at least 16 different values. The most frequent one is returned, NaN and 0 if there
    is none.

    Args:
        values: a sample of the band, (n,), finite.
        counts: the candidates (the smallest and the largest value, and `FILLS`), each
            with its number of pixels.
    """
    for candidate, count in sorted(counts.items(), key=lambda c: -c[1]):
        if count < _ALONE:
            break
        fills = [candidate, *(value for value in FILLS if value)]
        others = values[~np.isin(values, np.array(fills, np.float32))]
        if len(np.unique(others)) < _MANY:
            continue
        if candidate in FILLS and candidate < 0 <= others.min():
            return float(candidate), float(count)
        low, high = np.percentile(others, (1, 99))
        if np.abs(others - candidate).min() > high - low:
            return float(candidate), float(count)
    return float("nan"), 0.0


def _bordered(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Which bands of patches have an edge of one fill value, bool (n, bands).

    Args:
        pixels: (n, H, W, bands).
        colour: which bands are colours, bool (bands,).
    """
    found = np.zeros((len(pixels), pixels.shape[3]), dtype=bool)
    for edge in (pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]):
        value = edge[:, 0]
        filled = (edge == value[:, None]).all(axis=1) & np.isin(value, FILLS)
        # a shadow is black in one colour
        filled &= ~(colour & (value == 0)) | filled.all(axis=1)[:, None]
        found |= filled
    # a band that is nothing but fill has no border
    found &= (pixels != pixels[:, :1, :1]).any(axis=(1, 2))
    return found


def _spread(total: int, wanted: int) -> np.ndarray:
    """Return sorted places, one drawn at random from each of ``wanted`` stretches."""
    if total <= wanted:
        return np.arange(total)
    edges = np.linspace(0, total, wanted + 1)
    inside = np.random.default_rng(0).random(wanted)
    return (edges[:-1] + inside * np.diff(edges)).astype(np.int64)


def cached_statistics(dataset: Dataset, path: Path) -> dict[str, BandStatistics]:
    """Reads statistics that `keep_statistics` wrote, or computes them.

    Writes nothing. Ignores a file that is unreadable or belongs to other data.

    Raises:
        UserError: see `statistics`.
    """
    return _load(dataset, path) or statistics(dataset)


def keep_statistics(
    dataset: Dataset, known: Mapping[str, BandStatistics], path: Path
) -> None:
    """Writes the statistics of a dataset as JSON, in one step.

    Raises:
        UserError: the folder cannot be written.
    """
    content = {
        "format": FORMAT,
        "fingerprint": dataset.fingerprint(),
        "inputs": {
            name: {
                # JSON has no NaN
                k: [None if np.isnan(x) else float(x) for x in v]
                for k, v in asdict(values).items()
            }
            for name, values in known.items()
        },
    }
    with written(path):
        write_json(path, content)


def _load(dataset: Dataset, path: Path) -> dict[str, BandStatistics] | None:
    try:
        found = read_json(path, "", FORM)
    except (MissingError, DamagedError):
        return None
    known, inputs = {}, found["inputs"]
    same = (found["fingerprint"], found["format"]) == (dataset.fingerprint(), FORMAT)
    for spec in dataset.inputs:
        values = inputs.get(spec.name, {})
        if not same or any(len(values.get(n, ())) != len(spec.bands) for n in _NAMES):
            return None
        known[spec.name] = BandStatistics(
            **{name: np.array(values[name], float) for name in _NAMES}
        )
    return known
