"""A trunk of compact cells for AutoKeras graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autokeras as ak
import keras

from autoai4eo.blocks import pixels
from autoai4eo.blocks.affordable import affordable
from autoai4eo.blocks.cells import found
from autoai4eo.blocks.cells.macs import trunk_macs
from autoai4eo.blocks.cells.trunk import trunk
from autoai4eo.blocks.choices import (
    band_names,
    choose,
    require_image,
    require_number,
)
from autoai4eo.data.sensors import Band
from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import Architecture, Genotype

BLOCKS = 3


@keras.utils.register_keras_serializable(package="autoai4eo")
class CompactCellBlock(ak.Block):
    """Trunk of cells, as `autoai4eo.compact` finds them.

    Pixels (N, height, width, bands), in the units of the file, are standardised;
    features of another block enter unchanged. Several inputs of one size are
    concatenated. The result is (N, height', width', channels'), not pooled: each of the
    later blocks halves height and width.

    An argument left None is searched:

    ========  ============================  ========================================
    genotype  names of records              see `autoai4eo.blocks.cells.found`
    depths    1, 2, 3                       cells of each of three blocks
    channels  16, 8, 12, 24                 filters of the first block
    ========  ============================  ========================================

    The first value is the default. The trunk needs at most `max_macs` multiply-adds for
    one sample: if a choice needs more, its input is averaged 2×2 until it does not.

    Args:
        genotype: the cell: a `Genotype`, its lists or their JSON, or a record's name.
        depths: cells of each block, or one number for three blocks.
        channels: filters of a node in the first block; they double with each block.
        max_macs: most multiply-adds for one sample; None: as many as it needs.
        bands: band names in the order of the last axis; by default those of the input.

    Raises:
        UserError: an argument is out of range; when built: inputs have several sizes,
            or a choice needs more than `max_macs` even on a single pixel.
    """

    def __init__(
        self,
        genotype: Genotype | Sequence[Any] | str | None = None,
        depths: Sequence[int] | int | None = None,
        channels: int | None = None,
        max_macs: int | None = 50_000_000,
        bands: Sequence[str | Band] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_number("channels", channels)
        if isinstance(genotype, str) and "[" not in genotype:
            genotype = found.genotype(genotype)
        self.genotype = None if genotype is None else Genotype.of(genotype)
        if isinstance(depths, int):
            depths = (depths,) * BLOCKS
        self.depths = None if depths is None else tuple(depths)
        if self.depths is not None and not (
            self.depths and all(isinstance(d, int) and d >= 1 for d in self.depths)
        ):
            raise UserError(
                f"depths: expected a whole number from 1 for each block, got {depths}; "
                "leave it out to search it"
            )
        self.channels = channels
        self.max_macs = max_macs
        self.bands = bands

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        genotype = self.genotype
        return {
            **super().get_config(),
            "genotype": None if genotype is None else genotype.to_list(),
            "depths": None if self.depths is None else list(self.depths),
            "channels": self.channels,
            "max_macs": self.max_macs,
            "bands": band_names(self.bands),
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """(N, height, width, channels) -> (N, height', width', channels')"""
        tensors = keras.tree.flatten(inputs)
        for tensor in tensors:
            require_image(self, tensor)
        sizes = {tuple(tensor.shape[1:3]) for tensor in tensors}
        if len(sizes) > 1:
            told = ", ".join(f"{h}×{w}" for h, w in sorted(sizes))
            raise UserError(
                f"{self.name}: expected inputs of one size, got {told}; merge them "
                "before, such as with SensorFusion"
            )
        genotype = self.genotype
        if genotype is None:
            genotype = found.genotype(hp.Choice("genotype", list(found.NAMES)))
        depths = self.depths
        if depths is None:
            depths = (hp.Choice("depths", [1, 2, 3], default=1),) * BLOCKS
        channels = choose(hp, "channels", self.channels, (8, 12, 16, 24), 16)
        architecture = Architecture(genotype, tuple(depths), channels)
        tensor = affordable(
            self,
            pixels.concatenated(self, tensors),
            lambda *shape: trunk_macs(architecture, *shape),
            "give fewer channels",
        )
        return trunk(tensor, architecture, self.name)[-1]
