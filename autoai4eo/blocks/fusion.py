"""Merges several sensors into one tensor of features."""

from __future__ import annotations

from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks import pixels
from autoai4eo.blocks.backbones.units import ConvUnit, ResidualUnit, chain, convolution
from autoai4eo.blocks.choices import choose, require, require_image

KINDS = ("early", "mid", "late")
MERGES = ("concat", "sum", "gated")

FEWEST_FILTERS = 16
LATE_SIZE = 8


@keras.utils.register_keras_serializable(package="autoai4eo")
class SensorFusion(ak.Block):
    """Merges two or more sensors; one alone passes through.

    Each input is either raw pixels (N, height, width, bands), which are standardised
    first, or features of another block. `kind` sets how each sensor is processed before
    merging:

    ::

        early   a ──────────────────┐
                b ──────────────────┴ merge ─ 3×3 convolution ─ BN ─ ReLU
        mid     a ─ residual unit ──┐
                b ─ residual unit ──┴ merge
        late    a ─ small trunk ────┐   residual units of stride 2 until height and
                b ─ small trunk ────┴ merge   width are at most 8

    *early* learns features of all sensors together, *mid* merges shallow features of
    each sensor, and *late* merges deep features on a coarse grid.

    Let F be the channels of the widest input of features, at least 16 (the bands of
    pixels do not count). The units of *mid* have F channels, those of *late* F, 2F and
    at most 4F, and *early* returns F channels.

    Merging: ``concat`` concatenates the channels, ``sum`` adds them, ``gated`` adds
    them weighted by sigmoid gates, which are computed for each channel of each sensor
    from the spatial means of all sensors (as in squeeze-and-excitation,
    arXiv:1709.01507). Larger inputs are reduced to the smallest height and width. If
    channels differ, ``sum`` and ``gated`` project by 1×1 convolutions to the largest
    number of channels; with *early* to F.

    The search space: `kind` early, mid, late; `merge` concat, sum, gated. The first of
    each is the default. With one input there is nothing to search.

    Args:
        kind: ``"early"``, ``"mid"`` or ``"late"``; None is searched.
        merge: ``"concat"``, ``"sum"`` or ``"gated"``; None is searched.

    Raises:
        UserError: `kind` or `merge` is unknown; when built: an input is not an image.
    """

    def __init__(
        self, kind: str | None = None, merge: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        require("kind", kind, KINDS)
        require("merge", merge, MERGES)
        self.kind = kind
        self.merge = merge

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "kind": self.kind, "merge": self.merge}

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Several (N, height, width, channels) -> one, see the class."""
        tensors = keras.tree.flatten(inputs)
        for tensor in tensors:
            require_image(self, tensor)
        filters = max(
            [FEWEST_FILTERS]
            + [
                int(t.shape[-1])
                for i, t in enumerate(tensors)
                if not pixels.is_pixels(self, i)
            ]
        )
        tensors = [pixels.standardise(self, i, t) for i, t in enumerate(tensors)]
        if len(tensors) == 1:
            return tensors[0]
        kind = choose(hp, "kind", self.kind, KINDS, "early")
        merge = choose(hp, "merge", self.merge, MERGES, "concat")
        if kind != "early":
            trunk = self._unit if kind == "mid" else self._trunk
            tensors = [trunk(t, i, filters) for i, t in enumerate(tensors)]
        tensors = self._same_size(tensors)
        if kind != "early":
            return self._merge(tensors, merge, max(int(t.shape[-1]) for t in tensors))
        joint = ConvUnit(f"{self.name}_joint", filters)
        return joint(self._merge(tensors, merge, filters))

    def _unit(self, tensor: Any, i: int, filters: int) -> Any:
        return ResidualUnit(f"{self.name}_sensor{i}", filters)(tensor)

    def _trunk(self, tensor: Any, i: int, filters: int) -> Any:
        size = max(tensor.shape[1:3])
        stages = 1
        while -(-size // 2**stages) > LATE_SIZE:
            stages += 1
        name = f"{self.name}_sensor{i}"
        units = [
            ResidualUnit(f"{name}_stage{s + 1}", filters * 2 ** min(s, 2), strides=2)
            for s in range(stages)
        ]
        return chain(units, tensor)

    def _same_size(self, tensors: list[Any]) -> list[Any]:
        height = min(t.shape[1] for t in tensors)
        width = min(t.shape[2] for t in tensors)
        resized = []
        for i, tensor in enumerate(tensors):
            factors = (tensor.shape[1] // height, tensor.shape[2] // width)
            if max(factors) > 1:
                pool = f"{self.name}_pool{i}"
                tensor = layers.AveragePooling2D(factors, name=pool)(tensor)
            if tuple(tensor.shape[1:3]) != (height, width):
                resize = f"{self.name}_resize{i}"
                tensor = layers.Resizing(height, width, name=resize)(tensor)
            resized.append(tensor)
        return resized

    def _merge(self, tensors: list[Any], merge: str, filters: int) -> Any:
        name = f"{self.name}_merge"
        if merge == "concat":
            return layers.Concatenate(name=name)(tensors)
        tensors = [
            t
            if t.shape[-1] == filters
            else convolution(filters, 1, 1, f"{self.name}_project{i}")(t)
            for i, t in enumerate(tensors)
        ]
        if merge == "gated":
            tensors = self._gate(tensors, filters)
        return layers.Add(name=name)(tensors)

    def _gate(self, tensors: list[Any], filters: int) -> list[Any]:
        name = f"{self.name}_gate"
        means = layers.Concatenate(name=name)(
            [
                layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean{i}")(t)
                for i, t in enumerate(tensors)
            ]
        )
        return [
            layers.Multiply(name=f"{name}{i}")(
                [t, layers.Dense(filters, "sigmoid", name=f"{name}_weight{i}")(means)]
            )
            for i, t in enumerate(tensors)
        ]
