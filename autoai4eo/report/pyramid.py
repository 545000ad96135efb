"""The drawing of a pyramid of merging cells: its levels as rows, its cells as nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from autoai4eo.errors import UserError
from autoai4eo.networks.merging import MergingCell, check_cells, chosen_cells, outputs
from autoai4eo.report import charts
from autoai4eo.report.network import Layer, read_layers
from autoai4eo.runs.belonging import finalist_file
from autoai4eo.runs.folder import Run
from autoai4eo.runs.reading import Snapshot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {"sum": "#1f6feb", "attention": "#7048c6", "concat": "#2b8a3e"}
_INK, _SOFT, _LINE = "#1c2733", "#5b6b7b", "#b8c4ce"
_LATERAL = re.compile(r"_lateral\d+$")
_CELL = re.compile(r"(.+/)?cell_1_operation")

Place = tuple[int, int]  # column and level

# In units of the drawing.
_COLUMN, _ROW, _SIDE, _EDGE, _ROUND = 124.0, 60.0, 100.0, 40.0, 8.0
_WIDE, _HIGH, _SMALL = 76.0, 28.0, 18.0  # of nodes


def pyramid(run: Snapshot) -> dict[str, Any]:
    """Returns the pyramid of a finalist for a page; {} if it has no merging cells.

    Returns:
        ``svg``, its drawing, and ``repeats``, how often it is applied.

    Raises:
        UserError: the finalist's file or its hyperparameters are damaged.
    """
    chosen = [trial for trial in run.trials if trial.is_finalist]
    if not chosen or not Run(run.path).network.is_file():
        return {}
    values = of_block(chosen[0].choices)
    levels = levels_in(read_layers(finalist_file(run.path)) if values else ())
    if not levels:
        return {}
    try:
        cells = chosen_cells(values, levels)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{run.path}: expected the merging cells of {chosen[0].id}, found others "
            f"({error}); its pyramid cannot be drawn"
        ) from None
    check_cells(cells, levels)
    return {
        "svg": Markup(pyramid_svg(cells, levels)),
        "repeats": int(values.get("repeats", 1)),
    }


def of_block(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the hyperparameters of a `NASFPNBlock`, without its name; {} if none.

    Those of decoders that were not chosen are left out.
    """
    for name, value in choices.items():
        if name.rpartition("/")[2] == "decoder" and value != "nasfpn":
            return {}
    for name in choices:
        if found := _CELL.fullmatch(name):
            block = found[1] or ""
            return {n.removeprefix(block): choices[n] for n in choices if block in n}
    return {}


def levels_in(layers: Iterable[Layer]) -> int:
    """Returns the number of levels that a network's merging cells have."""
    return len({layer.name for layer in layers if _LATERAL.search(layer.name)})


def pyramid_svg(cells: Sequence[MergingCell], levels: int) -> str:
    """Draws a pyramid as an SVG element."""
    told = ", ".join(
        f"{i}: {cell.operation} of {cell.first} and {cell.second} at level {cell.level}"
        for i, cell in enumerate(cells, levels)
    )
    return charts.svg(_drawn(cells, levels), f"merging cells: {told}", style="cell")


def _drawn(cells: Sequence[MergingCell], levels: int) -> Axes:
    last = len(cells) + 1
    axes = charts.canvas(_SIDE + last * _COLUMN + _EDGE, levels * _ROW + _EDGE)
    level_of = [*range(levels), *(cell.level for cell in cells)]
    place = [(max(0, i - levels + 1), level) for i, level in enumerate(level_of)]
    links = [
        (place[entry], (last, level), _LINE)
        for level, entries in enumerate(outputs(cells, levels))
        for entry in entries
    ]
    links += [
        (place[source], place[i], _COLOURS[cell.operation])
        for i, cell in enumerate(cells, levels)
        for source in (cell.first, cell.second)
    ]
    for lane, (start, end, colour) in enumerate(links):
        wide = [_SMALL if column in (0, last) else _WIDE for column, _ in (start, end)]
        corners = _route(start, end, wide, set(place), lane)
        _line(axes, corners, colour)
    for level in range(levels):
        _write(axes, 20.0, _y(level), f"stride {2 ** (level + 1)}", "left")
        for column in (0, last):
            _node(axes, (column, level), "", _LINE, (_SMALL, _SMALL))
    for i, cell in enumerate(cells, levels):
        _node(axes, place[i], cell.operation, _COLOURS[cell.operation], (_WIDE, _HIGH))
    return axes


def _x(column: int) -> float:
    return _SIDE + column * _COLUMN


def _y(level: int) -> float:
    return level * _ROW + _ROW / 2 + _EDGE / 2


def _route(
    start: Place, end: Place, wide: Sequence[float], taken: set[Place], lane: int
) -> list[tuple[float, float]]:
    """Returns the corners of a line from node to node that crosses no other node.

    It changes its row between two columns, and runs between two rows of nodes; only to
    a node of the next column, or along a row without nodes, it is straight.

    Args:
        start, end: column and level of both nodes.
        wide: widths of both.
        taken: the places of all nodes but outputs.
        lane: number of the line; neighbouring ones are drawn apart.
    """
    (one, level), (other, own) = start, end
    first = (_x(one) + wide[0] / 2, _y(level))
    last = (_x(other) - wide[1] / 2 - 4, _y(own))
    # in the space behind the first column, and in that before the other
    left = _x(one) + _WIDE / 2 + 7 + 4 * (lane % 4)
    right = _x(other) - _WIDE / 2 - 9 - 4 * (lane % 3)
    between = any((column, own) in taken for column in range(one + 1, other))
    if level == own and not between:
        return [first, last]
    if not between:
        return [first, (left, first[1]), (left, last[1]), last]
    side = 1 if level > own else -1
    height = _y(own) + side * (_ROW / 2 + 4 * (lane % 5 - 2))
    return [
        first,
        (left, first[1]),
        (left, height),
        (right, height),
        (right, last[1]),
        last,
    ]


def _line(axes: Axes, corners: Sequence[tuple[float, float]], colour: str) -> None:
    """Draws a line with an arrow; its inner corners are round."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    points, codes = [corners[0]], [Path.MOVETO]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        points += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    points.append(corners[-1])
    codes.append(Path.LINETO)
    patch = PathPatch(Path(points, codes), fill=False, ec=colour, lw=1.8, zorder=1)
    axes.add_patch(patch)
    axes.plot(*corners[-1], ">", ms=6, mfc=colour, mec="none", zorder=3)


def _towards(
    corner: tuple[float, float], other: tuple[float, float]
) -> tuple[float, float]:
    """Returns the point where a round corner begins."""
    (x, y), (to_x, to_y) = corner, other
    length = abs(to_x - x) + abs(to_y - y)  # lines are horizontal or vertical
    share = min(_ROUND, length / 2) / max(length, 1e-9)
    return x + share * (to_x - x), y + share * (to_y - y)


def _node(
    axes: Axes, place: Place, name: str, colour: str, size: tuple[float, float]
) -> None:
    from matplotlib.patches import FancyBboxPatch

    column, level = place
    wide, high = size
    box = FancyBboxPatch(
        (_x(column) - wide / 2, _y(level) - high / 2),
        wide,
        high,
        boxstyle="round,pad=0,rounding_size=8",
        fc="#ffffff" if name else "#f6f8fa",
        ec=colour,
        lw=1.6,
        zorder=2,
    )
    axes.add_patch(box)
    _write(axes, _x(column), _y(level), name, "center", _INK)


def _write(
    axes: Axes, x: float, y: float, text: str, side: str, colour: str = _SOFT
) -> None:
    axes.text(
        x, y, text, color=colour, fontsize=12, ha=side, va="center_baseline", zorder=4
    )
