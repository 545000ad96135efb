"""Numbers of a page, as short as people say them."""

from __future__ import annotations

from collections.abc import Mapping

from autoai4eo.learning.figures import find, rounded
from autoai4eo.report.axis_scale import short


def large(value: float) -> str:
    """Formats a figure that may be large: 30370000 as 30.37M."""
    return short(value) if abs(value) >= 1e5 else rounded(value)


def duration(seconds: float) -> str:
    """Formats a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def exact(figures: Mapping[str, float], name: str) -> tuple[float | None, str]:
    """Returns a figure and its text, see `Figure.exact`; None and "" if unknown."""
    if name not in figures:
        return None, ""
    return figures[name], find(name).exact(figures[name])
