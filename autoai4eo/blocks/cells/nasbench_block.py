"""A trunk of NAS-Bench-101 cells for AutoKeras graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import autokeras as ak
import keras
import numpy as np

from autoai4eo.blocks import pixels
from autoai4eo.blocks.affordable import affordable
from autoai4eo.blocks.cells.nasbench import Stacks, count, stacked
from autoai4eo.blocks.choices import (
    band_names,
    choose,
    require_image,
    require_number,
)
from autoai4eo.data.sensors import Band
from autoai4eo.errors import UserError
from autoai4eo.networks.cell import MOST_EDGES, MOST_VERTICES, OPERATIONS, Cell, between

#: Two 3×3 convolutions beside an edge from input to output, as in a ResNet.
_DEFAULT_EDGES = {(0, 1), (1, 2), (2, MOST_VERTICES - 1), (0, MOST_VERTICES - 1)}


@keras.utils.register_keras_serializable(package="autoai4eo")
class NASBenchCellBlock(ak.Block):
    """Trunk of cells of NAS-Bench-101 (Ying et al. 2019, arXiv:1902.09635).

    Pixels (N, height, width, bands), in the units of the file, are standardised;
    features of another block enter unchanged. The result is (N, height', width',
    channels'), not pooled.

    An argument left None is searched:

    ============  =========================  =========================================
    cell          edge_0_1 … edge_5_6,       whether two of 7 vertices are joined; the
                  operation_1 … operation_5  operation of each vertex between the ends
    channels      16, 8, 32, 64              filters of the stem and the first stack
    cells         1, 2, 3                    of each stack
    ============  =========================  =========================================

    The first value is the default; the default cell has two 3×3 convolutions beside an
    edge from input to output. Vertices on no path from input to output are left out, so
    that different choices may be the same network, which is not trained twice. Without
    a path the two ends are joined; of more than 9 edges, 9 are drawn, always the same
    ones for the same choices.

    The trunk needs at most `max_macs` multiply-adds for one sample: if a choice needs
    more, its input is averaged 2×2 until it does not.

    Args:
        cell: a `Cell`, its record, or its `id`.
        channels: they double with each stack; 5 or more, as the vertices before the
            output share them.
        stacks: number of stacks; height and width are halved between them.
        cells: of each stack.
        max_macs: most multiply-adds for one sample; None: as many as it needs.
        bands: band names in the order of the last axis; by default those of the input.

    Raises:
        UserError: an argument is out of range; when built: a choice needs more than
            `max_macs` even on a single pixel.
    """

    def __init__(
        self,
        cell: Cell | dict[str, Any] | int | None = None,
        channels: int | None = None,
        stacks: int = 3,
        cells: int | None = None,
        max_macs: int | None = 50_000_000,
        bands: Sequence[str | Band] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        require_number("channels", channels, least=MOST_VERTICES - 2)
        for name, value in (("stacks", stacks), ("cells", cells)):
            require_number(name, value)
        if isinstance(cell, dict):
            cell = Cell.of(cell.get("matrix"), cell.get("operations", ()))
        self.cell = Cell.from_id(cell) if isinstance(cell, int) else cell
        if not isinstance(self.cell, Cell | None):
            raise UserError(f"cell: expected a Cell, its record or id, got {cell!r}")
        self.channels = channels
        self.stacks = stacks
        self.cells = cells
        self.max_macs = max_macs
        self.bands = bands

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {
            **super().get_config(),
            "cell": None if self.cell is None else self.cell.record(),
            "channels": self.channels,
            "stacks": self.stacks,
            "cells": self.cells,
            "max_macs": self.max_macs,
            "bands": band_names(self.bands),
        }

    def build(self, hp: Any, inputs: Any = None) -> Any:
        """(N, height, width, channels) -> (N, height', width', channels')"""
        tensors = keras.tree.flatten(inputs)
        for tensor in tensors:
            require_image(self, tensor)
        cell = self.cell or _drawn(hp)
        shape = Stacks(
            choose(hp, "channels", self.channels, (8, 16, 32, 64), 16),
            self.stacks,
            choose(hp, "cells", self.cells, (1, 2, 3), 1),
        )
        tensor = affordable(
            self,
            pixels.concatenated(self, tensors),
            lambda *size: count(cell, shape, *size)[0],
            "give fewer channels",
        )
        return stacked(tensor, cell, shape, self.name)[-1]


def choices_of(cell: Cell) -> dict[str, Any]:
    """Returns the choices, by name in the block, whose network is of this cell."""
    last = MOST_VERTICES - 1
    place = [*range(cell.vertices - 1), last]
    found: dict[str, Any] = {
        f"edge_{i}_{j}": False for i in range(last) for j in range(i + 1, last + 1)
    }
    for i, j in zip(*np.nonzero(np.array(cell.matrix)), strict=True):
        found[f"edge_{place[i]}_{place[j]}"] = True
    unused = [OPERATIONS[0]] * (last - 1 - len(cell.operations))
    for i, operation in enumerate([*cell.operations, *unused], 1):
        found[f"operation_{i}"] = operation
    return found


def _drawn(hp: Any) -> Cell:
    """Returns the cell of choices; every choice is made, whatever the others are."""
    last = MOST_VERTICES - 1
    matrix = np.zeros((MOST_VERTICES, MOST_VERTICES), int)
    for i in range(last):
        for j in range(i + 1, MOST_VERTICES):
            default = (i, j) in _DEFAULT_EDGES
            matrix[i, j] = hp.Boolean(f"edge_{i}_{j}", default=default)
    operations = [hp.Choice(f"operation_{i}", list(OPERATIONS)) for i in range(1, last)]
    alive = sorted(between(matrix))
    kept = np.zeros_like(matrix)
    kept[np.ix_(alive, alive)] = matrix[np.ix_(alive, alive)]
    rows, columns = np.nonzero(kept)
    # which edges are too many depends on the choices alone
    order = np.random.default_rng(np.flatnonzero(matrix)).permutation(len(rows))
    over = order[MOST_EDGES:]
    kept[rows[over], columns[over]] = 0
    if not between(kept):
        kept[0, last] = 1
    return Cell.of(kept, operations)
