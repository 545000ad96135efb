"""The first layers for a multispectral patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autokeras as ak
import keras
from keras import layers, ops

from autoai4eo.blocks import pixels
from autoai4eo.blocks.backbones.units import convolution, normalised
from autoai4eo.blocks.choices import (
    band_names,
    choose,
    one_input,
    require,
    require_image,
    require_number,
    require_share,
)
from autoai4eo.data.indices import index_pairs
from autoai4eo.data.sensors import Band
from autoai4eo.errors import UserError

SPECTRAL_MIXINGS = ("none", "1x1", "squeeze_excitation")
KERNEL_SIZES = ("3", "5", "1+3+5")


@keras.utils.register_keras_serializable(package="autoai4eo")
class MultispectralStem(ak.Block):
    """First convolution over the bands of one sensor.

    ::

        pixels ─ standardise ─ band dropout ─ mixing ─┬─ convolution ─ BN ─ ReLU
           └─ NDVI, NDWI, NDBI on the raw reflectance ┘

    Pixels (N, height, width, bands), in the units of the file, or features become
    (N, height/strides, width/strides, filters), sizes rounded up. Features are not
    standardised and have no index channels.

    An argument left None is searched:

    ===============  ==============================================  =======
    spectral_mixing  none, 1x1, squeeze_excitation (over the bands)  none
    indices          False, True; only with suitable bands           True
    kernel_size      3, 5, 1+3+5 (in parallel, concatenated)         3
    filters          16, 24, 32, 48                                  16
    strides          1, 2                                            2
    band_dropout     0.0, 0.1, 0.2                                   0.0
    ===============  ==============================================  =======

    The last column is the default. An index (a - b) / (a + b) needs both its bands by
    name (NDVI B08 B04, NDWI B03 B08, NDBI B11 B08; B8A replaces a missing B08), is 0
    where a + b is 0, and is clipped to [-1, 1].

    Args:
        spectral_mixing: ``"1x1"`` is a convolution to as many channels as bands, at
            least 8; ``"squeeze_excitation"`` weighs the bands by their mean over the
            patch (Hu et al. 2018, arXiv:1709.01507).
        indices: whether to add index channels.
        kernel_size: 3, 5 or any other size, or several as ``"1+3+5"``.
        filters: channels of the result.
        strides: of the convolution.
        band_dropout: share of bands set to zero in training.
        bands: band names in the order of the last axis; by default those of the input.

    Raises:
        UserError: an argument is out of range; when built: the number of `bands` is not
            the input's, or `indices` is True and no index can be computed.
    """

    def __init__(
        self,
        spectral_mixing: str | None = None,
        indices: bool | None = None,
        kernel_size: int | str | None = None,
        filters: int | None = None,
        strides: int | None = None,
        band_dropout: float | None = None,
        bands: Sequence[str | Band] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require("spectral_mixing", spectral_mixing, SPECTRAL_MIXINGS)
        require_number("filters", filters)
        require_number("strides", strides)
        require_share("band_dropout", band_dropout)
        self.spectral_mixing = spectral_mixing
        self.indices = indices
        self.kernel_size = None if kernel_size is None else str(kernel_size)
        self.filters = filters
        self.strides = strides
        self.band_dropout = band_dropout
        self.bands = bands
        if self.kernel_size is not None:
            _kernel_sizes(self.kernel_size)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {
            **super().get_config(),
            "spectral_mixing": self.spectral_mixing,
            "indices": self.indices,
            "kernel_size": self.kernel_size,
            "filters": self.filters,
            "strides": self.strides,
            "band_dropout": self.band_dropout,
            "bands": band_names(self.bands),
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """(N, h, w, channels) -> (N, h/strides, w/strides, filters)"""
        raw = one_input(self, inputs)
        require_image(self, raw)
        mixing = choose(
            hp, "spectral_mixing", self.spectral_mixing, SPECTRAL_MIXINGS, "none"
        )
        pairs = self._index_pairs(raw)
        indices = self.indices
        if indices is None:
            indices = bool(pairs) and hp.Boolean("indices", default=True)
        sizes = choose(hp, "kernel_size", self.kernel_size, KERNEL_SIZES, "3")
        filters = choose(hp, "filters", self.filters, (16, 24, 32, 48), 16)
        strides = choose(hp, "strides", self.strides, (1, 2), 2)
        dropout = choose(hp, "band_dropout", self.band_dropout, (0.0, 0.1, 0.2), 0.0)

        tensor = pixels.standardise(self, 0, raw)
        if dropout > 0:
            tensor = layers.SpatialDropout2D(dropout, name=f"{self.name}_band_dropout")(
                tensor
            )
        tensor = self._mix(tensor, mixing)
        if indices:
            tensor = layers.Concatenate(name=f"{self.name}_with_indices")(
                [tensor, normalised_differences(raw, pairs)]
            )
        return self._convolve(tensor, _kernel_sizes(sizes), filters, strides)

    def _index_pairs(self, raw: Any) -> list[tuple[int, int]]:
        pairs = index_pairs(pixels.bands_of(self, 0, raw) or ())
        if self.indices and not pairs:
            raise UserError(
                f"{self.name}: indices=True expected an input of pixels with bands B08 "
                "and B04, B03 or B11, found none of these pairs; "
                "give bands=[…] or leave indices out"
            )
        return pairs

    def _mix(self, tensor: Any, mixing: str) -> Any:
        channels = int(tensor.shape[-1])
        name = f"{self.name}_mixing"
        if mixing == "1x1":
            return normalised(convolution(max(channels, 8), 1, 1, name)(tensor), name)
        if mixing == "squeeze_excitation":
            gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(
                tensor
            )
            gate = layers.Dense(
                max(channels // 2, 2), activation="relu", name=f"{name}_reduce"
            )(gate)
            gate = layers.Dense(channels, activation="sigmoid", name=f"{name}_excite")(
                gate
            )
            return layers.Multiply(name=name)([tensor, gate])
        return tensor

    def _convolve(
        self, tensor: Any, sizes: list[int], filters: int, strides: int
    ) -> Any:
        name = f"{self.name}_conv"
        branches = []
        for size, share in zip(sizes, _shares(filters, len(sizes)), strict=True):
            own, part = strides, tensor
            if size < strides:
                # The convolution would skip pixels; and oneDNN in TensorFlow 2.21
                # writes beyond its memory in the gradient if channels are few.
                pool = layers.AveragePooling2D(
                    strides, padding="same", name=f"{name}_pool"
                )
                own, part = 1, pool(tensor)
            branches.append(
                convolution(share, size, own, f"{name}_{size}x{size}")(part)
            )
        if len(branches) > 1:
            branches = [layers.Concatenate(name=name)(branches)]
        return normalised(branches[0], name)


def normalised_differences(raw: Any, pairs: Sequence[tuple[int, int]]) -> Any:
    """Returns (a - b) / (a + b) for each pair of channels (a, b), a channel each.

    The result is 0 where a + b is 0, and is clipped to [-1, 1].
    """
    a = ops.take(raw, [a for a, _ in pairs], axis=-1)
    b = ops.take(raw, [b for _, b in pairs], axis=-1)
    total = ops.add(a, b)
    empty = ops.equal(total, 0.0)
    ratio = ops.divide(ops.subtract(a, b), ops.where(empty, 1.0, total))
    return ops.clip(ops.where(empty, 0.0, ratio), -1.0, 1.0)


def _kernel_sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split("+")]
    except ValueError:
        sizes = [0]
    if min(sizes) < 1 or len(set(sizes)) < len(sizes):
        raise UserError(
            f"kernel_size: expected a size such as 3, or different ones such as "
            f"'1+3+5', got {text!r}; leave it out to search it"
        )
    return sizes


def _shares(filters: int, branches: int) -> list[int]:
    return [(filters + i) // branches for i in range(branches)]
