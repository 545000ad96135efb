"""Learning curves of trials and of the finalist, and their key.

Lines are named in the key alone: a name beside its line would lie on others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from autoai4eo.report import axis_scale, charts
from autoai4eo.report.marks import BLUE, ORANGE
from autoai4eo.report.trials import most, named
from autoai4eo.runs.phases import FURTHER
from autoai4eo.runs.reading import Snapshot, Trial
from autoai4eo.runs.trials import PROXY

_OWN: Mapping[str, Any] = {"color": ORANGE, "lw": 2.5, "ls": (0, (4, 2))}
#: Of the lines of trials, by rank, and what the key says of each.
_STYLES: Sequence[tuple[dict[str, Any], str]] = (
    ({"color": "#b3c0cc", "lw": 1.5}, "other trials"),
    ({"color": BLUE, "lw": 2.0}, "trials on the front"),
    ({"color": ORANGE, "lw": 3.0}, "trial {}, of the finalist"),
)


def curves(run: Snapshot, names: Sequence[str]) -> dict[str, Any]:
    """Returns the charts of some figures over the epochs, and their key; {} if none."""
    drawn = [chart for name in names if (chart := curve_chart(run, name))]
    return {"charts": drawn, "key": _key(run, names)} if drawn else {}


def curve_chart(run: Snapshot, name: str) -> Markup | None:
    """Draws a figure of each trial over the epochs; None if no trial has it.

    The finalist's own training is dashed. If it continued its trial, it begins where
    the trial's best epoch ends.
    """
    lines = [(t, _points(t.curve, name)) for t in run.trials]
    lines = [(trial, points) for trial, points in lines if points]
    if not lines:
        return None
    last = _points(run.last_curve, name, _before(run))
    every = [*(points for _, points in lines), last]
    shown = named(name, in_search=not last)
    axes = charts.chart("epoch", shown)
    axis_scale.fit_epochs(axes, [x for points in every for x, _ in points])
    values = [y for points in every for _, y in points if np.isfinite(y)]
    axis_scale.fit(axes, "y", values, log=False, most=most(name))
    for trial, points in sorted(lines, key=lambda line: _rank(line[0])):
        points = [p for p in points if np.isfinite(p[1])]
        if not points:
            continue
        axes.plot(
            *zip(*points, strict=True),
            gid=charts.curve_of(trial.number),
            marker="o" if len(points) == 1 else "",
            alpha=1 if _rank(trial) else 0.75,
            **_style(trial),
        )
    if last := [p for p in last if np.isfinite(p[1])]:
        marker = "o" if len(last) == 1 else ""
        axes.plot(*zip(*last, strict=True), marker=marker, **_OWN)
    return charts.svg(axes, f"{shown} over the epochs")


def _key(run: Snapshot, names: Sequence[str]) -> list[tuple[Markup, str]]:
    """Returns the kinds of lines that are drawn: a piece of each, and what it is."""
    drawn = [t for t in run.trials if any(_points(t.curve, name) for name in names)]
    key = []
    for rank, (style, told) in reversed([*enumerate(_STYLES)]):
        if some := [t for t in drawn if _rank(t) == rank]:
            key.append((charts.sign(**style), told.format(some[0].number)))
    if any(_points(run.last_curve, name) for name in names):
        own = run.phases[1:] or run.phases
        what = f"finalist, {own[0].training}" if own else "finalist, its own training"
        key.insert(0, (charts.sign(**_OWN), what))
    if any(t.training == PROXY for t in drawn):
        dotted = {**_STYLES[0][0], "ls": ":"}
        key.append((charts.sign(**dotted), "dotted: a cheaper training (proxy)"))
    return key


def _before(run: Snapshot) -> int:
    """Returns after which epoch the finalist's own training begins."""
    own = run.phases[1:] or run.phases
    return run.phases[0].kept if own and own[0].training == FURTHER else 0


def _points(
    curve: list[dict[str, float]], name: str, after: int = 0
) -> list[tuple[float, float]]:
    return [(row["epoch"] + after, row[name]) for row in curve if name in row]


def _rank(trial: Trial) -> int:
    return 2 if trial.is_finalist else int(trial.on_front)


def _style(trial: Trial) -> dict[str, Any]:
    return {**_STYLES[_rank(trial)][0], "ls": ":" if trial.training == PROXY else "-"}
