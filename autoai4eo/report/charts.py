"""Charts as SVG: small, sharp in print, and complete without a script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from autoai4eo.text import line

WIDTH, HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 18, 14, 60
_SOFT, _GRID = "#5b6b7b", "#e6ebf0"
#: Figures that span more than this are drawn on a logarithmic axis.
_LOG_FROM = 8.0


@dataclass(frozen=True)
class Axis:
    """One axis: what it is called, its ends, and whether it is logarithmic."""

    label: str
    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value is, from 0 at the low end to 1 at the high end."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)

    def ticks(self) -> list[float]:
        """Round values on the axis."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.log:
            subs = (1.0,) if self.high / self.low > 300 else (1.0, 2.0, 5.0)
            found = LogLocator(subs=subs).tick_values(self.low, self.high)
        else:
            locator = MaxNLocator(7, steps=[1, 2, 5, 10])
            found = locator.tick_values(self.low, self.high)
        return [float(t) for t in found if -1e-9 <= self.share(t) <= 1 + 1e-9]


def axis_for(label: str, values: Iterable[float], log: bool | None = None) -> Axis:
    """An axis that holds these values with some room around them.

    Args:
        label: what they are.
        values: finite ones; there may be none.
        log: None: where they are above zero and span a lot.
    """
    found = list(values) or [0.0, 1.0]
    low, high = min(found), max(found)
    if log is None:
        log = low > 0 and high / low > _LOG_FROM
    if log:
        room = (high / low) ** 0.06
        return Axis(label, low / room, high * room, log=True)
    room = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(label, low - room, high + room)


class Chart:
    """Marks in a frame of two axes; `svg` gives it.

    Args:
        x, y: the axes.
        title: what a screen reader says.
        strip: height below the frame that is kept for marks without a `y`.
    """

    def __init__(self, x: Axis, y: Axis, title: str, strip: int = 0) -> None:
        self.x, self.y, self._title, self._strip = x, y, title, strip
        self._marks: list[Markup] = []
        self._floor = HEIGHT - _BOTTOM - strip

    def at(self, x: float, y: float | None) -> tuple[float, float]:
        """A point in the drawing; without a `y` it is in the strip."""
        left = _LEFT + self.x.share(x) * (WIDTH - _LEFT - _RIGHT)
        if y is None:
            return round(left, 1), round(self._floor + self._strip / 2, 1)
        top = self._floor - self.y.share(y) * (self._floor - _TOP)
        return round(left, 1), round(top, 1)

    def add(self, mark: Markup) -> None:
        """Draws on top of what was drawn before."""
        self._marks.append(mark)

    def line(
        self, points: Sequence[tuple[float, float]], attributes: Markup, text: str = ""
    ) -> None:
        """A line through points; `text` is told on hover."""
        drawn = " ".join("{},{}".format(*self.at(*point)) for point in points)
        self.add(
            Markup('<polyline points="{}" fill="none" {}>{}</polyline>').format(
                drawn, attributes, _tooltip(text)
            )
        )

    def circle(
        self, x: float, y: float | None, r: float, attributes: Markup, text: str = ""
    ) -> None:
        """A point; `text` is told on hover."""
        left, top = self.at(x, y)
        self.add(
            Markup('<circle cx="{}" cy="{}" r="{}" {}>{}</circle>').format(
                left, top, r, attributes, _tooltip(text)
            )
        )

    def cross(
        self, x: float, y: float | None, attributes: Markup, text: str = ""
    ) -> None:
        """A point that is none; `text` is told on hover."""
        left, top = self.at(x, y)
        path = f"M{left - 5},{top - 5}l10,10m0,-10l-10,10"
        self.add(
            Markup('<path d="{}" fill="none" {}>{}</path>').format(
                path, attributes, _tooltip(text)
            )
        )

    def rectangle(
        self, low: tuple[float, float], high: tuple[float, float], attributes: Markup
    ) -> None:
        """A filled part of the frame, from one corner to the opposite one."""
        left, bottom = self.at(*low)
        right, top = self.at(*high)
        self.add(
            Markup('<rect x="{}" y="{}" width="{}" height="{}" {}/>').format(
                left, top, round(right - left, 1), round(bottom - top, 1), attributes
            )
        )

    def text(self, x: float, y: float | None, words: str, attributes: Markup) -> None:
        """Words at a point."""
        left, top = self.at(x, y)
        self.add(
            Markup('<text x="{}" y="{}" class="small" {}>{}</text>').format(
                left, top, attributes, words
            )
        )

    def svg(self) -> Markup:
        """The drawing, 640 wide and 400 high, for a width of its own choice."""
        drawn = Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}" '
            'font-family="system-ui, sans-serif" font-size="13" fill="{}">{}{}</svg>'
        ).format(
            WIDTH,
            HEIGHT,
            self._title,
            _SOFT,
            Markup().join(self._frame()),
            Markup().join(self._marks),
        )
        return Markup(line(drawn))

    def _frame(self) -> list[Markup]:
        right, bottom = WIDTH - _RIGHT, self._floor + self._strip
        parts = []
        for tick in self.x.ticks():
            left, _ = self.at(tick, self.y.low)
            parts.append(_rule(left, _TOP, left, bottom))
            parts.append(_label(left, bottom + 20, "middle", short(tick)))
        for tick in self.y.ticks():
            _, top = self.at(self.x.low, tick)
            parts.append(_rule(_LEFT, top, right, top))
            parts.append(_label(_LEFT - 8, top + 5, "end", short(tick)))
        if self._strip:
            parts.append(_rule(_LEFT, self._floor, right, self._floor, "#b8c4ce"))
        parts.append(_label((_LEFT + right) / 2, HEIGHT - 9, "middle", self.x.label))
        middle = (_TOP + self._floor) / 2
        parts.append(
            Markup(
                '<text transform="translate(20 {}) rotate(-90)" '
                'text-anchor="middle">{}</text>'
            ).format(middle, self.y.label)
        )
        return parts


def short(value: float) -> str:
    """A tick's value: 1200 is 1.2k, 3000000 is 3M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}" if abs(value) > 1e-12 else "0"


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str = _GRID) -> Markup:
    return Markup('<path d="M{},{}L{},{}" stroke="{}"/>').format(x1, y1, x2, y2, colour)


def _label(x: float, y: float, anchor: str, words: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        x, y, anchor, words
    )


def _tooltip(text: str) -> Markup:
    return Markup("<title>{}</title>").format(text) if text else Markup()
