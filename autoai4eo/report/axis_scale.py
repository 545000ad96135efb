"""The ends of a chart's axes, and the values that are labelled on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from autoai4eo.report.charts import LEFT, RIGHT, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHARACTER = 13  # width of one in a label below a chart, in a narrow window
#: Values that span more than this are drawn on a logarithmic axis.
_LOG_FROM = 8.0


def fit(
    axes: Axes,
    which: str,
    values: Iterable[float],
    log: bool | None = None,
    most: float = math.inf,
) -> None:
    """Scales an axis to values, with some room around them.

    Args:
        axes: from `chart`.
        which: ``"x"`` or ``"y"``.
        values: finite ones, or none.
        log: None: logarithmic if all values are above 0 and span a factor over 8.
        most: the largest value that there can be; the axis ends there, or just above
            values that reach it.
    """
    found = list(values) or [0.0, 1.0]
    low, high = min(found), max(found)
    if log is None:
        log = low > 0 and high / low > _LOG_FROM
    if log:
        room = (high / low) ** 0.06
        scale(axes, which, low / room, high * room, log=True)
    else:
        room = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
        scale(axes, which, low - room, min(high + room, max(high, most) + room / 10))


def fit_epochs(axes: Axes, epochs: Iterable[int | float]) -> None:
    """Scales the x axis to epochs, and labels whole ones only."""
    found = list(epochs)
    scale(axes, "x", min(found) - 0.2, max(found) + 0.5, whole=True)


def scale(
    axes: Axes,
    which: str,
    low: float,
    high: float,
    log: bool = False,
    whole: bool = False,
) -> None:
    """Sets the ends of an axis, ``"x"`` or ``"y"``, and round values on it.

    Args:
        axes: from `chart`.
        which: ``"x"`` or ``"y"``.
        low, high: the ends.
        log: whether the axis is logarithmic.
        whole: whether only whole numbers are labelled; not of a logarithmic axis.
    """
    from matplotlib.ticker import (
        FixedLocator,
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullLocator,
    )

    axis = axes.xaxis if which == "x" else axes.yaxis
    if log:
        axes.set(**{f"{which}scale": "log"})
        subs = (1.0,) if high / low > 300 else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs))
    else:
        steps, least = [1, 2, 5, 10], 1 if whole else 2
        for most in (7, 5, 3, 2):
            locator = MaxNLocator(most, steps=steps, integer=whole, min_n_ticks=least)
            ticks = [x for x in locator.tick_values(low, high) if low <= x <= high]
            if which == "y" or _has_room(ticks, high - low):
                break
        else:
            ends = [*ticks[:1], *ticks[-1:]]
            ticks = ends if _has_room(ends, high - low) else ends[:1]
        if (
            which == "x"
            and len(ticks) > least
            and not _ends_inside(ticks[-1], low, high)
        ):
            ticks.pop()
        axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.set(**{f"{which}lim": (low, high)})


def _has_room(ticks: Sequence[float], extent: float) -> bool:
    """Returns whether the labels of an x axis fit side by side, and differ.

    Args:
        ticks: the values.
        extent: from one end of the axis to the other.
    """
    labels = [short(value) for value in ticks]
    width = WIDTH - LEFT - RIGHT
    return len(set(labels)) == len(labels) and all(
        _CHARACTER * (len(labels[i]) + len(labels[i + 1])) / 2
        <= width * (ticks[i + 1] - ticks[i]) / extent
        for i in range(len(ticks) - 1)
    )


def _ends_inside(tick: float, low: float, high: float) -> bool:
    """Returns whether the label of a value on the x axis ends inside of the chart."""
    room = RIGHT + (high - tick) / (high - low) * (WIDTH - LEFT - RIGHT)
    return _CHARACTER * len(short(tick)) / 2 <= room


def short(value: float) -> str:
    """Formats a value on an axis: 1200 as 1.2k, 3000000 as 3M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}" if abs(value) > 1e-12 else "0"
