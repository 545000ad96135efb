"""The trunk of a segmenter: features at several strides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks import pixels
from autoai4eo.blocks.backbones.pretrained import PretrainedResNetBlock
from autoai4eo.blocks.backbones.resnets import find_architecture
from autoai4eo.blocks.backbones.units import (
    OF_UNITS,
    ConvUnit,
    InvertedUnit,
    ResidualUnit,
    Unit,
    chain,
    level_channels,
)
from autoai4eo.blocks.cells import found
from autoai4eo.blocks.cells.trunk import trunk
from autoai4eo.blocks.choices import (
    choose,
    require,
    require_image,
    require_number,
    where,
)
from autoai4eo.blocks.inner import build_inside
from autoai4eo.blocks.pretrained_weights.catalogue import Weights
from autoai4eo.blocks.stem import MultispectralStem
from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import Architecture

_WITHOUT_WEIGHTS = (*OF_UNITS, "compact")
#: Strides 2, 4, 8, 16 and 32.
MOST_LEVELS = 5
FEWEST_LEVELS = 2
_LEAST_SIDE = 2  # pixels of the coarsest features along the shorter axis


def possible_levels(height: int, width: int) -> int:
    """Returns the number of levels, at most 5, that a tile of this size has.

    The coarsest features have 2 pixels or more along each axis: 5 levels from 33
    pixels on, 4 from 17, 3 from 9, 2 from 5, at most 1 below.
    """
    side, levels = min(height, width), 0
    while levels < MOST_LEVELS and (side := -(-side // 2)) >= _LEAST_SIDE:
        levels += 1
    return levels


@keras.utils.register_keras_serializable(package="autoai4eo")
class FeaturePyramid(ak.Block):
    """Trunk of a segmenter: features at strides 2, 4, 8, 16 and 32, the finest first.

    ::

        sensor a ─ stem, stride 2 ─┐
        sensor b ─ stem, stride 2 ─┴ 1×1 ─ level 1 ─ level 2 ─ … ─ level 5
                                              │         │             │
                                          stride 2  stride 4      stride 32

    Each input, pixels (N, height, width, bands) in the units of the file or features of
    another block, passes a `MultispectralStem` of its own. An input of less resolution
    than the largest has a stem without stride and is enlarged. (`SensorFusion` is not
    used, since it may merge on a coarse grid.) The result is a list of (N, height/s,
    width/s, channels), sizes rounded up, for any height and width. Networks pad, so
    that tiles of a map must overlap.

    Families:

    - ``residual`` and ``inverted``: see `EOImageBlock`.
    - ``compact``: cells that differentiable searches found, see `CompactCellBlock`; the
      channels of a level are divided among the nodes of its cells.
    - ``transfer``: `PretrainedResNetBlock` with `weights`, without up-scaling; only if
      these are given. It takes the input with most bands of the weights; other inputs
      have residual levels of their own, and both are concatenated. Levels that the
      network lacks are residual.

    An argument left None is searched:

    ===========  ==============================  ========  =============================
    family       residual, inverted, compact     residual  (transfer, with weights)
    width        8, 16, 24, 32, 48               16        channels of level 1; they
                                                           double up to level 4,
                                                           with compact up to level 5
    depth        1, 2, 3                         1         units per level
    kernel_size  3, 5                            3         residual, inverted
    expansion    2, 4, 6                         4         inverted
    genotype     names of records                first     compact; no argument, see
                                                           `blocks.cells.found`
    ===========  ==============================  ========  =============================

    The third column is the default. The stems have the space of `MultispectralStem`,
    but `width` filters.

    Args:
        family: see above.
        width: channels of level 1.
        depth: units of each level.
        kernel_size: of all but the 1×1 convolutions.
        expansion: of the inverted residuals.
        levels: number of levels, see `possible_levels`.
        weights: of ``transfer``: a name in `catalogue.CATALOGUE`, or a record of
            `files.from_file` (in `autoai4eo.blocks.pretrained_weights`).

    Raises:
        UserError: an argument is out of range; when built: a tile is too small for the
            levels.
    """

    def __init__(
        self,
        family: str | None = None,
        width: int | None = None,
        depth: int | None = None,
        kernel_size: int | None = None,
        expansion: int | None = None,
        levels: int = MOST_LEVELS,
        weights: str | Weights | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        transfer = () if weights is None else ("transfer",)
        self.families = (*_WITHOUT_WEIGHTS, *transfer)
        require("family", family, self.families)
        for name, value in (
            ("width", width),
            ("depth", depth),
            ("kernel_size", kernel_size),
            ("expansion", expansion),
        ):
            require_number(name, value)
        if not FEWEST_LEVELS <= levels <= MOST_LEVELS:
            raise UserError(
                f"levels: expected {FEWEST_LEVELS} to {MOST_LEVELS}, got {levels}; "
                "give as many as the tiles allow"
            )
        self.family = family
        self.width = width
        self.depth = depth
        self.kernel_size = kernel_size
        self.expansion = expansion
        self.levels = levels
        self.transfer = None
        if weights is not None:
            self.transfer = PretrainedResNetBlock(weights=weights, upscaling=1)
        self.weights = None if self.transfer is None else self.transfer.weights
        self.learning_rate_factors: dict[str, float] = {}
        self._num_output_node = levels  # read by `ak.Block.__call__`

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        transfer = self.transfer
        return {
            **super().get_config(),
            "family": self.family,
            "width": self.width,
            "depth": self.depth,
            "kernel_size": self.kernel_size,
            "expansion": self.expansion,
            "levels": self.levels,
            "weights": None if transfer is None else transfer.get_config()["weights"],
        }

    def build(self, hp: Any, inputs: Any = None) -> list[Any]:
        """Several (N, h, w, channels) -> a list of (N, h/2, w/2, …), (N, h/4, …), …"""
        tensors = keras.tree.flatten(inputs)
        for tensor in tensors:
            require_image(self, tensor)
        height, width = _size(tensors)
        possible = possible_levels(height, width)
        if possible < self.levels:
            raise UserError(
                f"{self.name}: expected tiles for {self.levels} levels, found "
                f"{height}×{width} pixels, which allow {possible}; give larger tiles"
                + (f", or levels={possible}" if possible >= FEWEST_LEVELS else "")
            )
        self.learning_rate_factors = {}
        family = choose(hp, "family", self.family, self.families, "residual")
        if family == "transfer":
            return self._transferred(hp, tensors)
        filters, depth = self._width_and_depth(hp, tensors)
        tensor = self._stems(hp, tensors, range(len(tensors)), filters)
        if family == "compact":
            with where(hp, "family", self.family, [family]):
                genotype = found.genotype(hp.Choice("genotype", list(found.NAMES)))
            channels = max(filters // len(genotype.nodes), 1)
            architecture = Architecture(genotype, (depth,) * self.levels, channels)
            return trunk(tensor, architecture, self.name)
        with where(hp, "family", self.family, OF_UNITS):
            kernel = choose(hp, "kernel_size", self.kernel_size, (3, 5), 3)
        expansion = None
        if family == "inverted":
            with where(hp, "family", self.family, [family]):
                expansion = choose(hp, "expansion", self.expansion, (2, 4, 6), 4)
        return self._grown([], tensor, filters, depth, kernel, expansion)

    def _width_and_depth(self, hp: Any, tensors: Sequence[Any]) -> tuple[int, int]:
        with self._where_used(hp, self._grows_beside_transfer(tensors)):
            filters = choose(hp, "width", self.width, (8, 16, 24, 32, 48), 16)
            depth = choose(hp, "depth", self.depth, (1, 2, 3), 1)
        return filters, depth

    def _grows_beside_transfer(self, tensors: Sequence[Any]) -> bool:
        """Returns whether ``transfer`` has other levels than its network, if it is."""
        if self.transfer is None or len(tensors) > 1:
            return True
        assert isinstance(self.weights, Weights), "a path needs an architecture"
        ends = find_architecture(self.weights.architecture).ends
        return len(ends) < self.levels

    def _where_used(self, hp: Any, with_transfer: bool) -> AbstractContextManager[None]:
        """Returns the scope of hyperparameters of all families, or but ``transfer``."""
        if self.transfer is None or with_transfer:
            return nullcontext()
        return where(hp, "family", self.family, _WITHOUT_WEIGHTS)

    def _stems(
        self, hp: Any, tensors: Sequence[Any], which: Sequence[int], filters: int
    ) -> Any:
        """Returns features of the inputs `which` at stride 2 of the largest input."""
        height, width = _size(tensors)
        size = (-(-height // 2), -(-width // 2))
        main = None if self.transfer is None else self._best_input(tensors)
        features = []
        for i in which:
            tensor = tensors[i]
            fine = tensor.shape[1] > size[0] or tensor.shape[2] > size[1]
            stem = MultispectralStem(strides=2 if fine else 1, filters=filters)
            node = [self.inputs[i]]
            with self._where_used(hp, with_transfer=i != main):
                tensor = build_inside(self, stem, f"stem_{i}", hp, tensor, node)
            if tuple(tensor.shape[1:3]) != size:
                tensor = layers.Resizing(*size, name=f"{self.name}_enlarge_{i}")(tensor)
            features.append(tensor)
        if len(features) == 1:
            return features[0]
        name = f"{self.name}_sensors"
        joint = layers.Concatenate(name=f"{name}_all")(features)
        return ConvUnit(name, filters, 1)(joint)

    def _grown(
        self,
        levels: list[Any],
        tensor: Any,
        width: int,
        depth: int,
        kernel: int = 3,
        expansion: int | None = None,
    ) -> list[Any]:
        """Returns `levels` with further ones; `tensor` are the features to start from.

        The first of all levels has the size of `tensor`, others half the one before.
        """
        levels = list(levels)
        while len(levels) < self.levels:
            level = len(levels)
            filters = level_channels(width, level)
            units: list[Unit] = []
            for i in range(depth):
                strides = 2 if level and i == 0 else 1
                name = f"{self.name}_level{level + 1}_unit{i + 1}"
                if expansion is None:
                    units.append(ResidualUnit(name, filters, kernel, strides))
                else:
                    units.append(
                        InvertedUnit(name, filters, kernel, strides, expansion)
                    )
            tensor = chain(units, tensor)
            levels.append(tensor)
        return levels

    def _transferred(self, hp: Any, tensors: Sequence[Any]) -> list[Any]:
        assert self.transfer is not None, "otherwise it is no family"
        main = self._best_input(tensors)
        tensor, full = tensors[main], _size(tensors)
        if tuple(tensor.shape[1:3]) != full:
            tensor = layers.Resizing(*full, name=f"{self.name}_enlarge_{main}")(tensor)
        with where(hp, "family", self.family, ["transfer"]):
            levels = build_inside(
                self,
                self.transfer,
                "transfer",
                hp,
                tensor,
                [self.inputs[main]],
                self.transfer.build_levels,
            )[: self.levels]
        self.learning_rate_factors = self.transfer.learning_rate_factors
        if not self._grows_beside_transfer(tensors):
            return levels
        width, depth = self._width_and_depth(hp, tensors)
        others = [i for i in range(len(tensors)) if i != main]
        if not others:
            return self._grown(levels, levels[-1], width, depth)
        own = self._grown([], self._stems(hp, tensors, others, width), width, depth)
        both = [
            layers.Concatenate(name=f"{self.name}_level{i}")(list(pair))
            for i, pair in enumerate(zip(levels, own, strict=False), 1)
        ]
        return both + own[len(both) :]

    def _best_input(self, tensors: Sequence[Any]) -> int:
        """Returns the input with most bands of the weights, the first of equal ones."""
        assert isinstance(self.weights, Weights), "a path needs an architecture"
        wanted = set(self.weights.bands)

        def shared(i: int) -> int:
            return len(wanted.intersection(pixels.bands_of(self, i, tensors[i]) or ()))

        return max(range(len(tensors)), key=shared)


def _size(tensors: Sequence[Any]) -> tuple[int, int]:
    """Returns height and width of the largest input."""
    height, width = (max(int(t.shape[axis]) for t in tensors) for axis in (1, 2))
    return height, width
