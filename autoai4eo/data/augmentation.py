"""Augmentation that is valid for Earth observation.

A scene seen from above has no preferred direction: flips and quarter turns do not
change its class. Bands are measurements, so neither hue nor the mix of bands changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autoai4eo.errors import UserError


@dataclass(frozen=True)
class Augmentation:
    """Changes a batch at random; all inputs of a sample are flipped and turned alike.

    Attributes:
        flips: whether to mirror left-right and top-bottom.
        quarter_turns: whether to turn by 0, 90, 180 or 270 degrees (0 or 180 if not
            square).
        jitter: scales each band of each sample by a random factor from 1 − jitter to
            1 + jitter, like a small error of calibration.
        band_dropout: probability that all pixels of a band of a sample are replaced by
            the band's mean over the batch.

    Raises:
        UserError: jitter or band_dropout is below 0, or 1 or more.
    """

    flips: bool = True
    quarter_turns: bool = True
    jitter: float = 0.05
    band_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("jitter", "band_dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise UserError(
                    f"expected {name} from 0 to below 1, found {value}; 0 turns it off"
                )

    def __call__(
        self, batch: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Returns a changed copy; arrays are float32 (n, H, W, bands) per input."""
        return self.with_targets(batch, None, rng)[0]

    def with_targets(
        self,
        batch: Mapping[str, np.ndarray],
        targets: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Returns changed copies of a batch and of the masks or images to predict.

        Masks and images are flipped and turned like the pixels, and not changed
        otherwise.

        Args:
            batch: float32 (n, H, W, bands) per input.
            targets: masks (n, H, W) or images (n, H, W, bands) of these samples; None
                if the target has no direction.
            rng: random number generator.
        """
        count = len(next(iter(batch.values())))
        turned = [*batch.values(), *([] if targets is None else [targets])]
        square = all(x.shape[1] == x.shape[2] for x in turned)
        mirror = rng.integers(0, 2, (2, count)).astype(bool) & self.flips
        turns = rng.integers(0, 4, count) * self.quarter_turns
        if not square:
            turns = turns // 2 * 2
        changed = {}
        for name, pixels in batch.items():
            pixels = _turn(pixels, mirror[0], mirror[1], turns)
            shape = (count, 1, 1, pixels.shape[3])
            if self.jitter:
                gain = rng.uniform(1 - self.jitter, 1 + self.jitter, shape)
                pixels *= gain.astype(np.float32)
            if self.band_dropout:
                dropped = rng.random(shape) < self.band_dropout
                pixels = np.where(dropped, _band_means(pixels), pixels)
            changed[name] = pixels
        if targets is not None:
            targets = _turn(targets, mirror[0], mirror[1], turns)
        return changed, targets


#: What networks are trained with unless something else is asked for.
AUGMENTATION = Augmentation()


def _turn(
    pixels: np.ndarray,
    left_right: np.ndarray,
    top_bottom: np.ndarray,
    turns: np.ndarray,
) -> np.ndarray:
    """Returns a mirrored and turned copy of (n, H, W, …)."""
    # A top-bottom flip is a left-right flip and a half turn: there are eight moves.
    turns = (turns + 2 * top_bottom) % 4
    mirrored = left_right ^ top_bottom
    out = np.empty_like(pixels)
    for flip in (False, True):
        for turn in range(4):
            chosen = np.flatnonzero((mirrored == flip) & (turns == turn))
            if len(chosen):
                some = pixels[chosen]
                some = some[:, :, ::-1] if flip else some
                out[chosen] = np.rot90(some, turn, axes=(1, 2))
    return out


def _band_means(pixels: np.ndarray) -> np.ndarray:
    """Mean of the finite pixels of each band over the batch, (bands,)."""
    finite = np.isfinite(pixels)
    total = np.where(finite, pixels, 0).sum(axis=(0, 1, 2), dtype=np.float64)
    return (total / np.maximum(finite.sum(axis=(0, 1, 2)), 1)).astype(np.float32)
