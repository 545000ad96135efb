"""Parts of multi-label data in which each label has its share.

Sechidis, Tsoumakas and Vlahavas 2011, "On the stratification of multi-label data",
doi:10.1007/978-3-642-23808-6_10.
"""

from __future__ import annotations

import numpy as np


def iterative_parts(strata: np.ndarray, shares: np.ndarray, seed: int) -> np.ndarray:
    """Returns the part of each sample, int64 (N,), by iterative stratification.

    Samples of the rarest remaining label are assigned first, each to the part that
    lacks most of that label, and of equal parts to the one that lacks most samples.
    Samples of no stratum come last.

    Args:
        strata: bool (N, strata), see `autoai4eo.data.target.strata`.
        shares: of the parts, together 1.
        seed: of the order in which samples are dealt out.
    """
    samples = len(strata)
    order = np.random.default_rng(seed).permutation(samples)
    strata = strata[order]
    part = np.full(samples, -1, dtype=np.int64)
    lack = shares * samples
    counts = strata.sum(axis=0)
    lack_of = shares[:, None] * counts
    left = counts.copy()
    while (left > 0).any():
        rarest = int(np.where(left > 0, left, samples + 1).argmin())
        for row in np.flatnonzero(strata[:, rarest] & (part < 0)):
            part[row] = _deal(lack_of[:, rarest], lack)
            lack_of[part[row], strata[row]] -= 1
            lack[part[row]] -= 1
            left -= strata[row]
    for row in np.flatnonzero(part < 0):
        part[row] = int(lack.argmax())
        lack[part[row]] -= 1
    found = np.empty(samples, dtype=np.int64)
    found[order] = part
    return found


def _deal(lack_of_label: np.ndarray, lack: np.ndarray) -> int:
    """Returns the part that lacks most of a label; of equal parts, most samples."""
    most = np.flatnonzero(lack_of_label >= lack_of_label.max() - 1e-9)
    return int(most[lack[most].argmax()])


def balanced_rows(strata: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Returns ``samples`` sorted rows in which each stratum has its share.

    They include one row of each stratum as far as ``samples`` allows.
    """
    rng = np.random.default_rng(seed)
    kept: list[int] = []
    counts = strata.sum(axis=0)
    for stratum in np.argsort(counts, kind="stable"):
        mine = np.flatnonzero(strata[:, stratum])
        if len(mine) and len(kept) < samples and not strata[kept, stratum].any():
            kept.append(int(rng.choice(mine)))
    rest = np.setdiff1d(np.arange(len(strata)), kept)
    share = (samples - len(kept)) / max(1, len(rest))
    part = iterative_parts(strata[rest], np.array([share, 1 - share]), seed)
    # the number of samples is met to a few; chance does the rest
    chosen = rng.permutation(rest[part == 0])
    more = rng.permutation(rest[part == 1])
    rows = np.concatenate([np.array(kept, dtype=np.int64), chosen, more])[:samples]
    return np.sort(rows)
