"""The trunk for small patches."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks import pixels
from autoai4eo.blocks.affordable import affordable
from autoai4eo.blocks.backbones import unpadded
from autoai4eo.blocks.backbones.pretrained import PretrainedResNetBlock
from autoai4eo.blocks.backbones.units import (
    OF_UNITS,
    ConvUnit,
    InvertedUnit,
    ResidualUnit,
    Unit,
    chain,
    chain_macs,
    normalised,
)
from autoai4eo.blocks.cells.block import CompactCellBlock
from autoai4eo.blocks.choices import (
    band_names,
    choose,
    one_input,
    require,
    require_image,
    require_number,
    where,
)
from autoai4eo.blocks.inner import build_inside
from autoai4eo.blocks.pretrained_weights.catalogue import Weights
from autoai4eo.data.sensors import Band
from autoai4eo.errors import UserError

CELLS = "compact"
STAGES = 3


@keras.utils.register_keras_serializable(package="autoai4eo")
class EOImageBlock(ak.Block):
    """Trunk of three stages, each with half the height and width of the one before.

    Pixels (N, height, width, bands), in the units of the file, are standardised and
    pass a first convolution; features of another block enter the stages unchanged. The
    result is (N, height', width', channels), not pooled.

    Families:

    - ``residual``: CIFAR-style residual network of basic blocks (He et al. 2016,
      arXiv:1512.03385); with width 16, strides 1, depth 1, 3, 5, 18 it is the
      ResNet-8, -20, -32, -110 of the literature.
    - ``inverted``: inverted residuals with depthwise convolutions (MobileNetV2,
      arXiv:1801.04381), closed by a 1×1 convolution.
    - ``compact``: `CompactCellBlock`, cells that differentiable searches found; not
      with `map_step`, since cells pad.
    - ``transfer``: `PretrainedResNetBlock` with `weights`; only if these are given.

    An argument left None is searched:

    ===========  ==============================  =========  =====================
    family       residual, inverted, compact     residual   (transfer, with weights)
    width        8, 12, 16, 24, 32               16         filters of stage 1; stages
                                                            2 and 3 have 2 and 4 times
    depth        1, 2, 3                         1          units per stage
    kernel_size  3, 5                            3
    strides      1, 2                            2          first convolution, pixels
    preactivate  False, True                     False      residual
    expansion    2, 4, 6                         4          inverted
    ===========  ==============================  =========  =====================

    The third column is the default. ``compact`` has the space of `CompactCellBlock`
    instead, ``transfer`` that of `PretrainedResNetBlock`.

    A trunk needs at most `max_macs` multiply-adds for one sample: if a choice needs
    more, its input is averaged 2×2 until it does not. So the choices are the same for
    every input size. Only ``transfer`` may need more, but not by its up-scaling.

    With `map_step` the networks suit maps: nothing is padded, and the total stride
    divides the map step, so that windows of a scene at this step share the work of the
    trunk (`autoai4eo.networks.dense`). Then `strides` is the total stride, a divisor of
    `map_step` that leaves three features along each axis; by default 2. It is spread
    over the first convolution and the stages, and averaging for `max_macs` counts
    towards it. A kernel too large for the remaining pixels is replaced by the next
    smaller one. Several inputs of the same size are standardised and concatenated;
    earlier blocks must not pad either.

    Args:
        family: ``"residual"``, ``"inverted"``, ``"compact"`` or, with `weights`,
            ``"transfer"``.
        width: filters of the first stage.
        depth: units in each stage.
        kernel_size: of all but the 1×1 convolutions.
        strides: of the first convolution; not used for features. With `map_step`: of
            the whole trunk.
        preactivate: residual units normalise before they convolve (arXiv:1603.05027).
        expansion: of the inverted residuals.
        max_macs: most multiply-adds for one sample.
        weights: of ``transfer``: a name in `catalogue.CATALOGUE`, or a record of
            `files.from_file` (in `autoai4eo.blocks.pretrained_weights`).
        bands: band names in the order of the last axis; by default those of the input.
        map_step: pixels from one window of a map to the next; None: not for maps.

    Raises:
        UserError: an argument is out of range; when built: a choice needs more than
            `max_macs` even on a single pixel, or patches are too small for a map.
    """

    def __init__(
        self,
        family: str | None = None,
        width: int | None = None,
        depth: int | None = None,
        kernel_size: int | None = None,
        strides: int | None = None,
        preactivate: bool | None = None,
        expansion: int | None = None,
        max_macs: int = 50_000_000,
        weights: str | Weights | Mapping[str, Any] | None = None,
        bands: Sequence[str | Band] | None = None,
        map_step: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        cells = () if map_step is not None else (CELLS,)
        transfer = () if weights is None else ("transfer",)
        self.families = (*OF_UNITS, *cells, *transfer)
        require("family", family, self.families)
        require_number("width", width)
        require_number("depth", depth)
        require_number("kernel_size", kernel_size)
        require_number("strides", strides)
        require_number("expansion", expansion)
        require_number("map_step", map_step)
        if map_step is not None and weights is not None:
            raise UserError(
                "map_step: expected a trunk without padding, got weights of one that "
                "pads; leave weights or map_step out"
            )
        self.family = family
        self.width = width
        self.depth = depth
        self.kernel_size = kernel_size
        self.strides = strides
        self.preactivate = preactivate
        self.expansion = expansion
        self.max_macs = max_macs
        self.bands = bands
        self.map_step = map_step
        self.learning_rate_factors: dict[str, float] = {}
        self.cells = CompactCellBlock(max_macs=max_macs, bands=bands)
        self.transfer = None
        if weights is not None:
            self.transfer = PretrainedResNetBlock(
                weights=weights, max_macs=max_macs, bands=bands
            )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        transfer = self.transfer
        return {
            **super().get_config(),
            "family": self.family,
            "width": self.width,
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "preactivate": self.preactivate,
            "expansion": self.expansion,
            "max_macs": self.max_macs,
            "weights": None if transfer is None else transfer.get_config()["weights"],
            "bands": band_names(self.bands),
            "map_step": self.map_step,
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """(N, height, width, channels) -> (N, height', width', channels')"""
        tensors = keras.tree.flatten(inputs)
        if self.map_step is not None:
            return self._build_for_maps(hp, tensors, self.map_step)
        tensor = one_input(self, inputs)
        require_image(self, tensor)
        self.learning_rate_factors = {}
        family = choose(hp, "family", self.family, self.families, "residual")
        if family == "transfer":
            assert self.transfer is not None, "otherwise it is no family"
            with where(hp, "family", self.family, [family]):
                tensor = build_inside(self, self.transfer, family, hp, tensor)
            self.learning_rate_factors = self.transfer.learning_rate_factors
            return tensor
        if family == CELLS:
            with where(hp, "family", self.family, [family]):
                return build_inside(self, self.cells, family, hp, tensor)
        units = self._units(hp, family)
        tensor = affordable(
            self,
            pixels.standardise(self, 0, tensor),
            lambda *shape: chain_macs(units, *shape),
            "give a smaller width",
        )
        return self._chained(units, tensor)

    def _build_for_maps(self, hp: Any, tensors: list[Any], map_step: int) -> Any:
        for tensor in tensors:
            require_image(self, tensor)
        size = unpadded.common_size(self.name, [t.shape[1:3] for t in tensors])
        tensor = pixels.concatenated(self, tensors)
        possible = unpadded.total_strides(map_step, min(size))
        if self.strides not in (None, *possible):
            raise UserError(
                f"{self.name}: expected a total stride that divides map_step "
                f"{map_step} and leaves {unpadded.FEWEST} features along each axis of "
                f"{size[0]}×{size[1]} pixels ({', '.join(map(str, possible))}), got "
                f"{self.strides}; give one of these"
            )
        family = choose(hp, "family", self.family, self.families, "residual")
        units = self._units(hp, family, possible)
        total = math.prod(unit.strides for unit in units)
        factors = [d // total for d in possible if d % total == 0]
        factor, units, macs = unpadded.affordable(
            units, size, int(tensor.shape[-1]), factors, self.max_macs
        )
        if macs > self.max_macs:
            raise UserError(
                f"{self.name}: expected a network of at most {self.max_macs:,} MACs, "
                f"found {macs:,} at the largest stride for map_step {map_step}; "
                "raise max_macs or give a smaller width"
            )
        if factor > 1:
            tensor = layers.AveragePooling2D(factor, name=f"{self.name}_affordable")(
                tensor
            )
        return self._chained(units, tensor)

    def _chained(self, units: Sequence[Unit], tensor: Any) -> Any:
        tensor = chain(units, tensor)
        # pre-activated units do not activate their last sum
        last = units[-1]
        if isinstance(last, ResidualUnit) and last.preactivate:
            tensor = normalised(tensor, f"{self.name}_last")
        return tensor

    def _units(
        self, hp: Any, family: str, total_strides: Sequence[int] | None = None
    ) -> list[Unit]:
        with where(hp, "family", self.family, OF_UNITS):
            width = choose(hp, "width", self.width, (8, 12, 16, 24, 32), 16)
            depth = choose(hp, "depth", self.depth, (1, 2, 3), 1)
            kernel = choose(hp, "kernel_size", self.kernel_size, (3, 5), 3)
            first, *later = self._strides(hp, total_strides)
        stages = self._stages(width, depth, (1, *later))
        units: list[Unit] = []
        if first:
            units.append(ConvUnit(f"{self.name}_first", width, kernel, first))
        if family == "residual":
            pre = self.preactivate
            if pre is None:
                with where(hp, "family", self.family, [family]):
                    pre = hp.Boolean("preactivate", default=False)
            return units + [
                ResidualUnit(name, filters, kernel, strides, pre)
                for name, filters, strides in stages
            ]
        with where(hp, "family", self.family, [family]):
            expansion = choose(hp, "expansion", self.expansion, (2, 4, 6), 4)
        units += [
            InvertedUnit(name, filters, kernel, strides, expansion)
            for name, filters, strides in stages
        ]
        return [*units, ConvUnit(f"{self.name}_last", width * 2**STAGES, 1)]

    def _strides(self, hp: Any, total_strides: Sequence[int] | None) -> Sequence[int]:
        """Returns strides of the first convolution (0: none) and of stages 2 and 3."""
        if total_strides is not None:
            default = 2 if 2 in total_strides else total_strides[-1]
            total = choose(hp, "strides", self.strides, total_strides, default)
            return unpadded.spread(total, STAGES)
        if not pixels.is_pixels(self, 0):
            return 0, 2, 2
        return choose(hp, "strides", self.strides, (1, 2), 2), 2, 2

    def _stages(
        self, width: int, depth: int, strides: Sequence[int]
    ) -> list[tuple[str, int, int]]:
        return [
            (
                f"{self.name}_stage{stage + 1}_unit{unit + 1}",
                width * 2**stage,
                strides[stage] if unit == 0 else 1,
            )
            for stage in range(STAGES)
            for unit in range(depth)
        ]
