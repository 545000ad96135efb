"""References of masks: trees on the neighbourhood of each pixel."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.groups import coarsest
from autoai4eo.data.pixel_neighbourhoods import pixel_neighbourhoods
from autoai4eo.learning.kept_trees import of_others, predicted
from autoai4eo.learning.lazy_outputs import LazyOutputs, Outputs

#: Pixels that the trees are trained on, at most.
PIXELS = 20_000
#: Pixels of the tiles that references are scored on, about, since trees are slow.
JUDGED_PIXELS = 1_000_000
#: Pixels of the tiles that they are drawn from, about: statistics take time.
_IN_TILES = 2_000_000
_TABLE_BYTES = 128 * 2**20  # of statistics that are in memory at once


def drawn_pixels(
    dataset: Dataset,
    counts: np.ndarray,
    bands: Mapping[str, Sequence[str]],
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws known pixels at random, classes in their proportion.

    They are of random tiles, of which some have each class. At least one pixel of each
    class is drawn.

    Args:
        dataset: N samples with masks.
        counts: known pixels of each class in each mask, (N, classes).
        bands: names of the bands by input.
        seed: of the choice.

    Returns:
        Their statistics, float32 (n, columns), see `pixel_neighbourhoods`, and their
        classes, int16 (n,).
    """
    rng = np.random.default_rng(seed)
    tiles = _tiles(counts, math.prod(dataset.target.shape), rng)
    part, counts = dataset.subset(tiles), counts[tiles]
    there, total = counts.sum(axis=0), counts.sum()
    wanted = np.ceil(there * min(1.0, PIXELS / total)).astype(int)
    # by their number within their class, in the order of reading
    chosen = [
        np.sort(rng.choice(n, k, replace=False))
        for n, k in zip(there, wanted, strict=True)
    ]
    passed = np.zeros(len(there), int)
    tables, classes = [], []
    for rows in _blocks(part, bands):
        masks = part.read_targets(rows)
        here = np.zeros(masks.shape, bool)
        for c, numbers in enumerate(chosen):
            of_class = np.flatnonzero(masks == c)
            first, last = np.searchsorted(
                numbers, [passed[c], passed[c] + len(of_class)]
            )
            here.flat[of_class[numbers[first:last] - passed[c]]] = True
            passed[c] += len(of_class)
        if here.any():
            tables.append(pixel_neighbourhoods(part.read(rows), bands)[here])
            classes.append(masks[here])
    return np.concatenate(tables), np.concatenate(classes)


def tree_outputs(
    dataset: Dataset,
    models: Sequence[Any],
    record: Mapping[str, Any],
    trees: Path,
) -> Outputs:
    """Returns the probabilities of classes by trees, (N, H, W, classes), when read.

    Args:
        dataset: N samples.
        models: the trees.
        record: of the references, see `autoai4eo.learning.references`.
        trees: the file of the trees, for messages.
    """
    bands, columns = record["bands"], record["columns"]
    shape = (*dataset.target.shape, dataset.num_classes)

    def predict(part: Dataset) -> np.ndarray:
        output = np.zeros((len(part), *shape), np.float32)
        for rows in _blocks(part, bands):
            table = pixel_neighbourhoods(part.read(rows), bands)
            flat = table.reshape(-1, table.shape[-1])
            found = predicted(models, flat, trees)
            for which, values in zip(columns, found, strict=True):
                if len(which) > values.shape[1]:
                    raise of_others(trees)
                each = values.reshape(len(rows), *shape[:-1], -1)
                for place, number in enumerate(which):
                    output[rows, ..., number] = each[..., place]
        return output

    return LazyOutputs(dataset, predict)


def judged_rows(dataset: Dataset) -> np.ndarray:
    """Returns the rows of the samples that references are scored on, sorted, int (n,).

    They are all but of masks of many pixels. Of these, tiles of about a million pixels
    are drawn at random, of each group of samples the same share, and one at least. So
    intervals that resample groups hold for them, and they have boundaries.
    """
    everything = np.arange(len(dataset))
    share = JUDGED_PIXELS / max(1, math.prod(dataset.target.shape) * len(dataset))
    if dataset.target.kind != "mask" or share >= 1:
        return everything
    rng = np.random.default_rng(0)
    by = coarsest(dataset)
    groups = np.zeros(len(dataset), int) if by is None else dataset.groups[by]
    drawn = [
        rng.choice(rows, max(1, round(share * len(rows))), replace=False)
        for rows in (np.flatnonzero(groups == one) for one in np.unique(groups))
    ]
    return np.sort(np.concatenate(drawn))


def told_part(dataset: Dataset, rows: np.ndarray) -> dict[str, int]:
    """Returns ``tiles`` and ``all_tiles``, for JSON, if rows are a part; else {}."""
    if len(rows) == len(dataset):
        return {}
    return {"tiles": len(rows), "all_tiles": len(dataset)}


def same_outputs(dataset: Dataset, output: np.ndarray) -> Outputs:
    """Returns the same probabilities for every pixel, (N, H, W, classes), when read."""
    shape = (*dataset.target.shape, len(output))
    return LazyOutputs(
        dataset, lambda part: np.broadcast_to(output, (len(part), *shape))
    )


def _tiles(counts: np.ndarray, pixels: int, rng: np.random.Generator) -> np.ndarray:
    """Returns rows of random tiles, and of one with most pixels of each class."""
    number = max(1, _IN_TILES // pixels)
    drawn = rng.permutation(np.flatnonzero(counts.any(axis=1)))[:number]
    most = counts.argmax(axis=0)[counts.any(axis=0)]
    return np.union1d(drawn, most)


def _blocks(
    dataset: Dataset, bands: Mapping[str, Sequence[str]]
) -> Iterator[np.ndarray]:
    """Yields rows of so many samples that their statistics fit into memory."""
    values = math.prod(dataset.target.shape) * sum(
        len(names) for names in bands.values()
    )
    # five statistics a band, and about half as many more of indices
    size = max(1, _TABLE_BYTES // (4 * 8 * values))
    yield from dataset.blocks(size)
