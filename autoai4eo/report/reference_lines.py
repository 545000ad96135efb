"""Lines at the levels of the references, with names that lie on nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from autoai4eo.learning.figures import VALIDATION
from autoai4eo.learning.verdict import short
from autoai4eo.report.marks import GREY, REFERENCE
from autoai4eo.runs.reading import Snapshot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# In units of the chart: of the larger letters of a narrow window.
_CHARACTER, _LETTERS, _GAP = 10.5, 20.0, 4.0
_MARK = 11.0  # half of the largest mark
_PLACES = 40  # that are tried from the right to the left, above and below the line


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: _Box) -> bool:
        """Whether two boxes have a common point."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


def reference_levels(run: Snapshot, metric: str) -> dict[str, float]:
    """Returns the metric of each reference, by name."""
    name = metric.removeprefix(VALIDATION)
    levels = {who: s.get(name, np.nan) for who, s in run.references.items()}
    return {who: level for who, level in levels.items() if np.isfinite(level)}


def draw_references(
    axes: Axes, levels: Mapping[str, float], marks: Sequence[tuple[float, float]]
) -> None:
    """Draws a dashed line at the level of each reference that is in the chart.

    Its name stands at the line, as far to the right as it lies on no mark and no other
    name; if there is no such place, at the end of the line.

    Args:
        axes: scaled as it is shown.
        levels: see `reference_levels`.
        marks: x and y of the marks of the chart.
    """
    low, high = axes.get_ylim()
    taken = [_around(axes, x, y) for x, y in marks]
    for who, level in levels.items():
        if not low < level < high:
            continue
        name = short(who)
        axes.axhline(level, zorder=1, **REFERENCE)
        free = (b for b in _places(axes, name, level) if not any(map(b.meets, taken)))
        box = next(free, next(iter(_places(axes, name, level))))
        taken.append(box)
        axes.annotate(
            name,
            (box.right, box.bottom + _GAP),
            xycoords="figure points",
            ha="right",
            color=GREY,
            fontsize=12,
        )


def _around(axes: Axes, x: float, y: float) -> _Box:
    at_x, at_y = axes.transData.transform((x, y))
    return _Box(at_x - _MARK, at_y - _MARK, at_x + _MARK, at_y + _MARK)


def _places(axes: Axes, name: str, level: float) -> Iterable[_Box]:
    """Yields where a name can stand, the best place first."""
    (_, at), frame = axes.transData.transform((1, level)), axes.bbox
    width = _CHARACTER * len(name)
    for right in np.linspace(frame.x1 - _GAP, frame.x0 + width, _PLACES).tolist():
        for bottom in (at, at - _LETTERS - _GAP):
            box = _Box(right - width, bottom, right, bottom + _LETTERS)
            if frame.y0 <= box.bottom and box.top <= frame.y1:
                yield box
