"""Keeps the tiles of masks that the finalist predicts worst and best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.pictures import pictures
from autoai4eo.learning.evaluation import outputs
from autoai4eo.learning.lazy_outputs import LazyOutputs, Outputs
from autoai4eo.learning.registry import task_of
from autoai4eo.runs.folder import Run

_EACH = 4  # worst tiles, and best ones
_SIDE = 256  # of a picture in pixels, at most; larger ones get every second, third, …


class JudgedOutputs(LazyOutputs):
    """See `LazyOutputs`. Notes the share of right pixels in each tile that is read.

    Attributes:
        right: of each sample, float64 (N,); NaN without a known pixel, or if it was not
            read.
    """

    def __init__(
        self, dataset: Dataset, predict: Callable[[Dataset], np.ndarray]
    ) -> None:
        super().__init__(dataset, predict)
        self.right = np.full(len(dataset), np.nan)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """See `LazyOutputs`."""
        output = super().__getitem__(rows)
        truth = self._dataset.read_targets(rows)
        known = truth >= 0
        right = known & (self.decided(output) == truth)
        number = known.sum(axis=(1, 2))
        out = np.full(len(rows), np.nan)
        np.divide(right.sum(axis=(1, 2)), number, out=out, where=number > 0)
        self.right[rows] = out
        return output

    def decided(self, output: np.ndarray) -> np.ndarray:
        """Returns the class of each pixel, int16 (n, H, W)."""
        return task_of(self._dataset.target).decide(output, {})


def judged_outputs(model: keras.Model, dataset: Dataset, batch_size: int) -> Outputs:
    """Returns a network's outputs to score them; of masks, `JudgedOutputs`."""
    if dataset.target.kind != "mask":
        return outputs(model, dataset, batch_size)
    return JudgedOutputs(dataset, lambda part: outputs(model, part, batch_size))


def keep_tiles(run: Run, dataset: Dataset, judged: JudgedOutputs, of: Any) -> None:
    """Writes ``RUN/best/tiles.npz``: at most four worst and four best tiles.

    The worst come first: ``right``, the share of right pixels (n,), ``sample``, the
    number in the data (n,), if tiles have names ``name`` (n,), ``truth`` and
    ``prediction``, int16 (n, H, W), ``truth`` -1 where the class is unknown, for each
    input ``image_NAME``, uint8 (n, H, W, 3), and ``network``, the finalist's digest. Of
    large tiles every second pixel is kept, or fewer.

    Args:
        run: the run.
        dataset: the validation data.
        judged: outputs of the finalist for these data, all of which were read.
        of: the finalist's digest; None: it is not known.
    """
    known = np.flatnonzero(np.isfinite(judged.right))
    order = known[np.argsort(judged.right[known], kind="stable")]
    chosen = np.unique(np.concatenate([order[:_EACH], order[-_EACH:]]))
    chosen = chosen[np.argsort(judged.right[chosen], kind="stable")]
    right = judged.right[chosen]
    truth = dataset.read_targets(chosen)
    prediction = truth
    images: dict[str, np.ndarray] = {}
    if len(chosen):
        prediction = np.concatenate(
            [judged.decided(judged[row]) for row in np.split(chosen, len(chosen))]
        )
        pixels = dataset.read(chosen)
        images = {
            f"image_{spec.name}": thinned(pictures(pixels[spec.name], spec))
            for spec in dataset.inputs
        }
    names = dataset.names
    if names is not None:
        images["name"] = np.array([names[row] for row in chosen], np.str_)
    run.write_tiles(
        {
            "right": right,
            "sample": chosen,
            "truth": thinned(truth),
            "prediction": thinned(prediction),
            **({} if of is None else {"network": np.array(of)}),
            **images,
        }
    )


def thinned(tiles: np.ndarray) -> np.ndarray:
    """Returns tiles (n, H, W, …) with every k-th row and column: 256 at most."""
    step = -(-max(tiles.shape[1:3]) // _SIDE)
    return tiles[:, ::step, ::step]
