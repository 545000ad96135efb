"""Draws around and into a panel: coordinates, a scale bar, an arrow to the north."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.deploy.mapping.ground import north_of

_ASKEW = 5.0  # degrees: UTM's grid is off by 3 at most, except near the poles
_TICKS = 4
_LONGEST = 0.35  # of the width of a panel: a scale bar


def frame(axes: Any, grid: Grid) -> None:
    """Writes coordinates of the grid's CRS on the frame of a panel in its pixels.

    Of a grid that is turned, the coordinates of two corners are written.
    """
    axes.set_xlim(-0.5, grid.width - 0.5)
    axes.set_ylim(grid.height - 0.5, -0.5)
    axes.tick_params(labelsize=7)
    t = grid.transform
    if not is_on_earth(grid.crs):
        return
    if t.b or t.d:
        for axis, column, row in (
            (axes.xaxis, 0, grid.height),
            (axes.yaxis, grid.width, 0),
        ):
            x = t.a * column + t.b * row + t.c
            y = t.d * column + t.e * row + t.f
            axis.set_ticks([])
            axis.set_label_text(_pair(grid, x, y), fontsize=7)
        return
    columns = _ticks(t.c, t.a, grid.width)
    rows = _ticks(t.f, t.e, grid.height)
    kinds = ("E", "N") if not grid.crs.is_geographic else ("°E", "°N")
    axes.set_xticks([at for at, _ in columns], _texts(columns, kinds[0]))
    axes.set_yticks(
        [at for at, _ in rows], _texts(rows, kinds[1]), rotation=90, va="center"
    )


def _ticks(first: float, step: float, number: int) -> list[tuple[float, float]]:
    """Places in pixels, and round coordinates there, along one edge."""
    from matplotlib.ticker import MaxNLocator

    low, high = sorted((first, first + step * number))
    found = MaxNLocator(_TICKS, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [((v - first) / step - 0.5, float(v)) for v in found if low <= v <= high]


def _texts(ticks: list[tuple[float, float]], kind: str) -> list[str]:
    """Coordinates as text, with as many digits as tell them apart."""
    values = [value for _, value in ticks]
    if not kind.startswith("°"):
        return [f"{value:,.0f} {kind}" for value in values]
    gap = min(np.diff(values), default=1.0)
    digits = max(0, int(np.ceil(-np.log10(gap) - 1e-9)))
    other = {"°E": "°W", "°N": "°S"}[kind]
    return [f"{abs(v):.{digits}f}{kind if v >= 0 else other}" for v in values]


def _pair(grid: Grid, x: float, y: float) -> str:
    digits = 4 if grid.crs.is_geographic else 0
    return f"{x:,.{digits}f}, {y:,.{digits}f}"


def add_scale_bar(axes: Any, grid: Grid, across: float) -> None:
    """Draws a bar of a round length.

    Args:
        axes: in pixels of the grid.
        grid: with a CRS on the Earth.
        across: width of a pixel, in metres.
    """
    most = _LONGEST * grid.width * across
    power = 10.0 ** np.floor(np.log10(most))
    length = max(n * power for n in (1, 2, 5) if n * power <= most)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    right = 0.04 + length / across / grid.width
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
    how = {"transform": axes.transAxes, "solid_capstyle": "butt", "zorder": 5}
    axes.plot([0.04, right], [0.05, 0.05], color="white", linewidth=5, **how)
    axes.plot([0.04, right], [0.05, 0.05], color="black", linewidth=2.5, **how)
    axes.text(
        (0.04 + right) / 2,
        0.085,
        text,
        transform=axes.transAxes,
        ha="center",
        va="bottom",
        fontsize=7,
        bbox=box,
        zorder=5,
    )


def add_north(axes: Any, grid: Grid) -> None:
    """Draws an arrow to the north where it is not up."""
    angle = north_of(grid)
    if abs(angle) <= _ASKEW:
        return
    way = 0.07 * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    centre = np.array([0.9, 0.88])
    axes.annotate(
        "N",
        xy=tuple(centre + way),
        xytext=tuple(centre - way),
        xycoords="axes fraction",
        textcoords="axes fraction",
        ha="center",
        va="center",
        fontsize=8,
        arrowprops={"arrowstyle": "-|>", "color": "black", "linewidth": 1.5},
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5},
        zorder=6,
    )
