"""Merging cells of NAS-FPN, and which features they leave to the outputs.

Ghiasi et al. 2019, *NAS-FPN: Learning scalable feature pyramid architecture for object
detection*, arXiv:1904.07392.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autoai4eo.errors import UserError

OPERATIONS = ("sum", "attention", "concat")


@dataclass(frozen=True)
class MergingCell:
    """A cell that merges two features of a list.

    The list starts with the L levels of a pyramid, 0 the finest; the result of the cell
    number i (from 0) is entry L + i.

    Attributes:
        first, second: the features.
        level: of the result, 0 to L − 1.
        operation: ``sum``, ``attention`` or ``concat``.
    """

    first: int
    second: int
    level: int
    operation: str


def check_cells(cells: Sequence[MergingCell], levels: int | None = None) -> None:
    """Checks that each cell merges two different features that it can have.

    Args:
        cells: in the order in which they are applied.
        levels: of the pyramid; None: not known yet.

    Raises:
        UserError: one does not, or it has an unknown level or operation.
    """
    for i, cell in enumerate(cells):
        if cell.operation not in OPERATIONS:
            raise UserError(
                f"cells: expected an operation of {', '.join(OPERATIONS)}, got "
                f"{cell.operation!r} in cell {i}"
            )
        if cell.first == cell.second or min(cell.first, cell.second, cell.level) < 0:
            raise UserError(
                f"cells: expected two different features and a level from 0, got "
                f"{cell.first}, {cell.second} and {cell.level} in cell {i}"
            )
        if levels is not None and (
            max(cell.first, cell.second) >= levels + i or cell.level >= levels
        ):
            raise UserError(
                f"cells: expected features from 0 to {levels + i - 1} and a level from "
                f"0 to {levels - 1} for a pyramid of {levels} levels, got "
                f"{cell.first}, {cell.second} and {cell.level} in cell {i}"
            )


def outputs(cells: Sequence[MergingCell], levels: int) -> list[list[int]]:
    """Returns the features whose sum is the output of each level.

    These are the last feature of the level, and all others of the level that no cell
    uses. So nothing is lost: every feature reaches an output.
    """
    level_of = [*range(levels), *(cell.level for cell in cells)]
    used = {i for cell in cells for i in (cell.first, cell.second)}
    found = []
    for level in range(levels):
        *others, last = (i for i, own in enumerate(level_of) if own == level)
        found.append([last, *(i for i in others if i not in used)])
    return found


def usual_cell(i: int, levels: int) -> MergingCell:
    """Returns the default of cell i: from coarse to fine and back, all sums.

    As in a path aggregation network (Liu et al. 2018, arXiv:1803.01534): the first
    L − 1 cells add each level to the result of the next coarser one, the following
    L − 1 add these results again from fine to coarse. Further cells add the finest
    level.
    """
    before = levels - 1 + i  # the result of the cell before; at first the coarsest
    down = levels - 2 - i
    if down >= 0:
        return MergingCell(before, down, down, "sum")
    up = i - levels + 2
    if up < levels - 1:
        # the result of the way down at this level
        return MergingCell(before, 2 * levels - 2 - up, up, "sum")
    if up == levels - 1:
        return MergingCell(before, up, up, "sum")
    return MergingCell(before, 0, 0, "sum")


def chosen_cells(values: Mapping[str, Any], levels: int) -> list[MergingCell]:
    """Returns the cells that hyperparameters stand for, see `NASFPNBlock`.

    Args:
        values: of the block: ``cells``, the number of cells, and of each of them
            ``cell_1_first``, ``cell_1_second``, ``cell_1_level``, ``cell_1_operation``.
        levels: of the pyramid.

    Raises:
        KeyError, ValueError: one is missing, or is no feature, level or number.
    """
    strides = [f"stride_{2 ** (i + 1)}" for i in range(levels)]
    features = list(strides)
    cells = []
    for i in range(1, int(values["cells"]) + 1):
        name = f"cell_{i}"
        first = features.index(values[f"{name}_first"])
        second = features.index(values[f"{name}_second"])
        if first == second:
            second = (second + 1) % len(features)
        level = strides.index(values[f"{name}_level"])
        cells.append(MergingCell(first, second, level, values[f"{name}_operation"]))
        features.append(name)
    return cells
