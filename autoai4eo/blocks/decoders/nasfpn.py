"""A decoder whose connections are searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import autokeras as ak
import keras
from keras import layers

from autoai4eo.blocks.backbones.units import convolution, normalised
from autoai4eo.blocks.choices import choose, require_number, where
from autoai4eo.blocks.decoders.levels import (
    CHANNELS,
    convolved,
    enlarged,
    levels_of,
    rectified,
    summed,
)
from autoai4eo.errors import UserError
from autoai4eo.networks.merging import (
    OPERATIONS,
    MergingCell,
    check_cells,
    chosen_cells,
    outputs,
    usual_cell,
)

CELLS = (3, 5, 7)
REPEATS = (1, 2, 3)


@keras.utils.register_keras_serializable(package="autoai4eo")
class NASFPNBlock(ak.Block):
    """Feature pyramid of merging cells (Ghiasi et al. 2019, NAS-FPN, arXiv:1904.07392).

    All levels pass a 1×1 convolution to `channels`. They are the first entries of a
    list of features. Each cell picks two of the list, brings them to the size of its
    own level (larger ones by maximum pooling, smaller ones by repetition), merges them,
    and appends the result to the list::

        first ── resize ─┐
                         ├ operation ─ ReLU ─ 3×3 convolution ─ BN
        second ─ resize ─┘

    =========  =================================================================
    sum        a + b
    attention  c + f · sigmoid(global maximum of c), where c is the coarser one
    concat     both concatenated, then a 1×1 convolution
    =========  =================================================================

    The output of a level is the sum of its last feature and of those that no cell used.
    This pyramid of outputs passes the same cells again, with other weights, `repeats`
    times. At the end the levels are enlarged (bilinear) and added: levels of a pyramid
    become (N, h, w, channels) of the finest level.

    An argument left None is searched:

    =========  =====================  =======
    channels   16, 32, 64, 96         32
    cells      3, 5, 7                5        number of cells
    repeats    1, 2, 3                1
    separable  False, True            False    depthwise and 1×1 in place of 3×3
    =========  =====================  =======

    and of each cell i from 1 to `cells`:

    ================  ====================================================
    cell_i_first      stride_2, stride_4, …, cell_1, …: an earlier feature
    cell_i_second     the same; if both are equal, the next one of the list
    cell_i_level      stride_2, stride_4, …
    cell_i_operation  sum, attention, concat
    ================  ====================================================

    The defaults are those of `usual_cell`.

    Args:
        channels: of all features.
        cells: the cells, each a `MergingCell` or its record.
        repeats: number of pyramids, one after the other.
        separable: see above.

    Raises:
        UserError: an argument is out of range; when built: the inputs are no pyramid,
            or cells have other levels.
    """

    def __init__(
        self,
        channels: int | None = None,
        cells: Sequence[MergingCell | Mapping[str, Any]] | None = None,
        repeats: int | None = None,
        separable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_number("channels", channels)
        require_number("repeats", repeats)
        self.channels = channels
        self.cells = None if cells is None else [_cell(cell) for cell in cells]
        check_cells(self.cells or ())
        self.repeats = repeats
        self.separable = separable

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        cells = self.cells
        return {
            **super().get_config(),
            "channels": self.channels,
            "cells": None if cells is None else [asdict(cell) for cell in cells],
            "repeats": self.repeats,
            "separable": self.separable,
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """Levels, the finest (N, h, w, …) first -> (N, h, w, channels)"""
        levels = levels_of(self, inputs)
        channels = choose(hp, "channels", self.channels, CHANNELS, 32)
        repeats = choose(hp, "repeats", self.repeats, REPEATS, 1)
        separable = self.separable
        if separable is None:
            separable = hp.Boolean("separable", default=False)
        cells = self.cells
        if cells is None:
            number = hp.Choice("cells", list(CELLS), default=5)
            cells = drawn_cells(hp, len(levels), number)
        check_cells(cells, len(levels))
        for i, level in enumerate(levels):
            name = f"{self.name}_lateral{i + 1}"
            tensor = convolution(channels, 1, 1, name)(level)
            levels[i] = normalised(tensor, name, relu=False)
        for i in range(1, repeats + 1):
            levels = _pyramid(levels, cells, separable, f"{self.name}_pyramid{i}")
        return rectified(summed(levels, self.name), self.name)


def drawn_cells(hp: Any, levels: int, number: int) -> list[MergingCell]:
    """Returns the first `number` cells, as `hp` has them; asks for all choices."""
    strides = [f"stride_{2 ** (i + 1)}" for i in range(levels)]
    features = list(strides)
    values: dict[str, Any] = {}
    for i in range(max(CELLS)):
        name, usual = f"cell_{i + 1}", usual_cell(i, levels)
        for what, known, default in (
            ("first", features, features[usual.first]),
            ("second", features, features[usual.second]),
            ("level", strides, strides[usual.level]),
            ("operation", OPERATIONS, usual.operation),
        ):
            key = f"{name}_{what}"
            with where(hp, "cells", None, [n for n in CELLS if n > i]):
                values[key] = hp.Choice(key, list(known), default=default)
        features.append(name)
    return chosen_cells({"cells": number, **values}, levels)


def _pyramid(
    levels: Sequence[Any], cells: Sequence[MergingCell], separable: bool, name: str
) -> list[Any]:
    """Applies the cells to a pyramid; returns the outputs of its levels."""
    features = list(levels)
    level_of = list(range(len(levels)))
    sizes = [level.shape[1:3] for level in levels]
    for i, cell in enumerate(cells, 1):
        own = f"{name}_cell{i}"
        # the coarser feature first, of equal ones the first
        pair = sorted((cell.first, cell.second), key=lambda j: -level_of[j])
        tensors = [
            _at_level(
                features[j],
                level_of[j],
                cell.level,
                sizes[cell.level],
                f"{own}_{'coarse' if k == 0 else 'fine'}",
            )
            for k, j in enumerate(pair)
        ]
        tensor = rectified(_merged(tensors, cell.operation, own), own)
        channels = int(tensor.shape[-1])
        features.append(convolved(tensor, channels, separable, own))
        level_of.append(cell.level)
    return [
        layers.Add(name=f"{name}_level{i}")([features[j] for j in entries])
        if len(entries) > 1
        else features[entries[0]]
        for i, entries in enumerate(outputs(cells, len(levels)), 1)
    ]


def _at_level(tensor: Any, own: int, level: int, size: Sequence[int], name: str) -> Any:
    """Brings features of level `own` to another level."""
    # one pooling of 4×4 or more would pad before the first pixel, too
    for i in range(own + 1, level + 1):
        pool = layers.MaxPooling2D(2, padding="same", name=f"{name}_pool{i}")
        tensor = pool(tensor)
    if own <= level:
        return tensor
    return enlarged(tensor, 2 ** (own - level), size, f"{name}_up")


def _merged(tensors: Sequence[Any], operation: str, name: str) -> Any:
    coarse, fine = tensors
    if operation == "concat":
        both = layers.Concatenate(name=f"{name}_both")([coarse, fine])
        return convolution(int(coarse.shape[-1]), 1, 1, f"{name}_concat")(both)
    if operation == "attention":
        gate = f"{name}_attention"
        weight = layers.GlobalMaxPooling2D(keepdims=True, name=f"{gate}_max")(coarse)
        weight = layers.Activation("sigmoid", name=f"{gate}_sigmoid")(weight)
        fine = layers.Multiply(name=gate)([fine, weight])
    return layers.Add(name=f"{name}_sum")([coarse, fine])


def _cell(given: MergingCell | Mapping[str, Any]) -> MergingCell:
    if isinstance(given, MergingCell):
        return given
    names = [field.name for field in fields(MergingCell)]
    if sorted(given) != sorted(names):
        raise UserError(
            f"cells: expected {', '.join(names)} of each cell, got {given!r}"
        )
    return MergingCell(**given)
