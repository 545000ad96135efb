"""The drawing of a cell: its nodes from left to right, its operations on the edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autoai4eo.errors import UserError
from autoai4eo.locks import written_alone
from autoai4eo.networks.genotype import INPUTS, NONE, Genotype
from autoai4eo.report import charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The operations in words.
WORDS = {
    NONE: "none",
    "skip_connect": "identity",
    "sep_conv_3x3": "separable 3×3",
    "sep_conv_5x5": "separable 5×5",
    "dil_conv_3x3": "dilated 3×3",
    "dil_conv_5x5": "dilated 5×5",
    "avg_pool_3x3": "avg pool 3×3",
    "max_pool_3x3": "max pool 3×3",
}
_COLOURS = {"sep": "#1f6feb", "dil": "#7048c6", "avg": "#2b8a3e", "max": "#2b8a3e"}
_INK, _SOFT, _EDGE = "#1c2733", "#5b6b7b", "#8a97a3"

# In units of the drawing. A label lies between two columns, where no other line rises.
_COLUMN, _LANE, _NODE, _SIDE = 140.0, 30.0, 40.0, 64.0
_ROUND, _ABOVE, _BELOW = 9.0, 22.0, 30.0


@dataclass(frozen=True)
class _Edge:
    """An edge, drawn as a bracket over the nodes: up, along a lane, down."""

    operation: str
    start: int
    end: int
    lane: int


def cell_svg(genotype: Genotype) -> str:
    """Draws a cell as an SVG element, without references or names."""
    return charts.svg(_drawn(genotype), f"cell: {genotype}", style="cell")


def draw_cell(genotype: Genotype, path: str | Path) -> Path:
    """Draws a cell into a PNG or SVG file, by its suffix, in one step.

    A .dot file holds the graph for Graphviz, which can lay it out in other ways and
    formats, as ``dot -Tpdf cell.dot``.

    Raises:
        UserError: the file has another suffix, or cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg", "dot"):
        raise UserError(
            f"{path}: expected a name that ends in .png, .svg or .dot, found "
            f"{path.suffix or 'none'}; choose one of them"
        )
    if kind == "dot":
        with written_alone(path, "drawing") as temporary:
            temporary.write_text(_dot(genotype))
        return path
    figure = _drawn(genotype).get_figure(root=True)
    assert figure is not None
    with written_alone(path, "drawing") as temporary:
        figure.savefig(temporary, format=kind, dpi=144)
    return path


def _dot(genotype: Genotype) -> str:
    """Returns a cell in Graphviz's language."""
    nodes = range(INPUTS, INPUTS + len(genotype.nodes))
    lines = ["rankdir=LR", "node [shape=box]", '0 [label="0: cell before last"]']
    lines += ['1 [label="1: last cell"]', "out"]
    for node, pairs in zip(nodes, genotype.nodes, strict=True):
        lines += [
            f'{before} -> {node} [label="{WORDS[kind]}"]' for kind, before in pairs
        ]
        lines.append(f"{node} -> out [style=dashed]")
    return "digraph cell {\n" + "".join(f"  {line};\n" for line in lines) + "}\n"


def _drawn(genotype: Genotype) -> Axes:
    """Draws a cell.

    Each edge has a lane above the nodes, and its label before the node that it leads
    to. Lines below lead to the output, which is the concatenation of all nodes but the
    inputs.
    """
    edges = _placed(genotype)
    lanes = 1 + max(edge.lane for edge in edges)
    nodes = INPUTS + len(genotype.nodes)
    width = 2 * _SIDE + nodes * _COLUMN
    height = lanes * _LANE + _ABOVE + _NODE + 2 * _BELOW
    middle = height - 2 * _BELOW - _NODE / 2
    axes = charts.canvas(width, height)
    for edge in edges:
        _draw_edge(axes, edge, edges, middle)
    _draw_concatenation(axes, range(INPUTS, nodes), middle)
    for i in range(nodes):
        _draw_node(axes, i, f"{i}", middle, filled=i >= INPUTS)
    _draw_node(axes, nodes, "out", middle, filled=False)
    for i, told in enumerate(("cell before last", "last cell")):
        _write(axes, _x(i), middle + _NODE / 2 + 13, told)
    _write(axes, _x(nodes), middle - _NODE / 2 - 11, "concatenation")
    return axes


def _placed(genotype: Genotype) -> list[_Edge]:
    """Gives each edge the lowest lane that is free there, to short edges first."""
    edges = [
        (i - before, before, i, kind)
        for i, pairs in enumerate(genotype.nodes, INPUTS)
        for kind, before in pairs
    ]
    placed: list[_Edge] = []
    for _, start, end, kind in sorted(edges):
        taken = {e.lane for e in placed if e.start < end and start < e.end}
        free = next(lane for lane in range(len(edges)) if lane not in taken)
        placed.append(_Edge(kind, start, end, free))
    return placed


def _x(node: int) -> float:
    return _SIDE + node * _COLUMN


def _draw_edge(axes: Axes, edge: _Edge, edges: list[_Edge], middle: float) -> None:
    top = middle - _NODE / 2
    level = top - _ABOVE - edge.lane * _LANE
    # of two edges at a node the higher one is outside, so that they do not cross
    leaving = sorted((e.lane for e in edges if e.start == edge.start), reverse=True)
    arriving = sorted(e.lane for e in edges if e.end == edge.end)
    left = _x(edge.start) + _port(leaving.index(edge.lane), len(leaving))
    right = _x(edge.end) - _NODE / 2 + _port(arriving.index(edge.lane), len(arriving))
    colour = _COLOURS.get(edge.operation[:3], _EDGE)
    line = "--" if edge.operation == NONE else "-"
    _line(
        axes, [(left, top), (left, level), (right, level), (right, top)], colour, line
    )
    axes.plot([right], [top - 3.5], "v", ms=7, mfc=colour, mec="none", zorder=3)
    before = _x(edge.end) - _COLUMN / 2
    box = {"boxstyle": "round,pad=0.25", "fc": "#fff", "ec": colour, "lw": 1.2}
    ink = colour if colour != _EDGE else _SOFT
    _write(axes, before, level, WORDS[edge.operation], colour=ink, bbox=box)


def _port(index: int, count: int) -> float:
    """Where a line meets a node, in the half of it that is for such lines."""
    return (index + 1) * _NODE / 2 / (count + 1)


def _draw_concatenation(axes: Axes, nodes: Iterable[int], middle: float) -> None:
    bottom = middle + _NODE / 2
    level, end = bottom + _BELOW, _x(max(nodes) + 1)
    for node in nodes:
        corners = [(_x(node), bottom), (_x(node), level), (end, level), (end, bottom)]
        _line(axes, corners, "#b8c4ce", "-")
    axes.plot([end], [bottom + 3.5], "^", ms=7, mfc="#b8c4ce", mec="none", zorder=3)


def _line(
    axes: Axes, corners: list[tuple[float, float]], colour: str, style: str
) -> None:
    """Draws a line through four corners; the inner two are round."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (left, low), (_, level), (right, _), _ = corners
    rise = _ROUND if low > level else -_ROUND
    points = [
        corners[0],
        (left, level + rise),
        (left, level),
        (left + _ROUND, level),
        (right - _ROUND, level),
        (right, level),
        (right, level + rise),
        corners[3],
    ]
    move, straight, curve = Path.MOVETO, Path.LINETO, Path.CURVE3
    codes = [move, straight, curve, curve, straight, curve, curve, straight]
    path = Path(points, codes)
    axes.add_patch(PathPatch(path, fill=False, ec=colour, lw=1.8, ls=style))


def _draw_node(axes: Axes, at: int, name: str, middle: float, *, filled: bool) -> None:
    from matplotlib.patches import FancyBboxPatch

    box = FancyBboxPatch(
        (_x(at) - _NODE / 2, middle - _NODE / 2),
        _NODE,
        _NODE,
        boxstyle="round,pad=0,rounding_size=8",
        fc="#eef5ff" if filled else "#f6f8fa",
        ec="#9dc1ff" if filled else "#b8c4ce",
        lw=1.2,
        zorder=2,
    )
    axes.add_patch(box)
    _write(axes, _x(at), middle, name, colour=_INK, fontsize=14)


def _write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    colour: str = _SOFT,
    fontsize: float = 12,
    bbox: dict[str, object] | None = None,
) -> None:
    axes.text(
        x,
        y,
        text,
        color=colour,
        fontsize=fontsize,
        ha="center",
        va="center_baseline",
        bbox=bbox,
        zorder=4,
    )
