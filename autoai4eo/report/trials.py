"""Trials as charts: accuracy against cost, and learning curves."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from autoai4eo.learning.objectives import LABELS, METRICS, figure
from autoai4eo.report.charts import Axis, Chart, axis_for
from autoai4eo.runs.pareto import on_front
from autoai4eo.runs.reading import Run, Trial
from autoai4eo.runs.two_figures import shown_metric
from autoai4eo.text import line

_BLUE, _ORANGE, _RED, _GREY = "#1f6feb", "#d9480f", "#c92a2a", "#8a97a3"
#: Costs that a chart is drawn for, in this order, after those that were objectives.
_AXES = ("latency_ms", "params", "macs", "size_bytes")
_NAMES = {
    "latency_ms": "latency [ms]",
    "latency_p95_ms": "latency, 95th percentile [ms]",
    "params": "parameters",
    "trainable_params": "trainable parameters",
    "macs": "MACs",
    "flops": "FLOPs",
    "size_bytes": "size [bytes]",
    "peak_memory_bytes": "peak memory [bytes]",
    "train_seconds": "training [s]",
    # the finalist, which is trained on, has others
    **{name: f"{label} in the search (validation)" for name, label in LABELS.items()},
}


def named(name: str) -> str:
    """A figure's name as people read it, with its unit."""
    return _NAMES.get(name, name)


def axes_of(run: Run) -> tuple[str, list[str]]:
    """What the charts of a run show: a metric, and the costs it is drawn against."""
    costs = [o.name for o in run.objectives if o.is_cost]
    known = {name for trial in run.trials for name in trial.figures}
    wanted = dict.fromkeys([*costs, *run.limits, *_AXES])
    return shown_metric(run.objectives), [n for n in wanted if n in known]


def cost_chart(run: Run, metric: str, cost: str, tooltips: bool = False) -> Markup:
    """Every trial: a metric against a cost.

    Trained ones are points, filled on the front of the search; the line joins those
    that no cheaper one is better than. Infeasible and failed ones are crosses below.

    Args:
        run: the run.
        metric, cost: names of figures.
        tooltips: for a place where no script tells what a trial is.
    """
    placed = [t for t in run.trials if cost in t.figures]
    scored = [t for t in placed if metric in t.figures]
    x = axis_for(named(cost), [t.figures[cost] for t in placed])
    y = axis_for(named(metric), [t.figures[metric] for t in scored], log=False)
    strip = 34 if len(scored) < len(placed) else 0
    chart = Chart(x, y, f"{named(metric)} against {named(cost)}", strip)
    limit = run.limits.get(cost)
    if limit is not None and x.low < limit < x.high:
        chart.rectangle(
            (limit, y.low), (x.high, y.high), Markup('fill="#fdf0ec" stroke="none"')
        )
        dash = Markup('stroke="#d9480f" stroke-dasharray="5 4"')
        chart.line([(limit, y.low), (limit, y.high)], dash)
        chart.text(
            limit,
            y.high,
            " limit",
            Markup('dx="5" dy="16" font-size="12" fill="#d9480f"'),
        )
    complete = [t for t in scored if t.status == "complete"]
    better = METRICS.get(metric, _direction(run, metric))
    stairs = _stairs(
        [(t.figures[cost], t.figures[metric]) for t in complete], better == "max", x
    )
    chart.line(stairs, Markup('stroke="#9dc1ff" stroke-width="2"'))
    if strip:
        chart.text(x.low, None, "no score", Markup('dx="4" dy="-6" font-size="11"'))
    for trial in sorted(placed, key=lambda t: (t.is_finalist, t.on_front)):
        _mark(
            chart, trial, metric, cost, summary(trial, metric, cost) if tooltips else ""
        )
    return chart.svg()


def curve_chart(run: Run, name: str) -> Markup | None:
    """What each trial reached after each epoch; None where nothing is known."""
    lines = [
        (t, [(row["epoch"], row[name]) for row in t.curve if name in row])
        for t in run.trials
    ]
    lines = [(trial, points) for trial, points in lines if points]
    if not lines:
        return None
    epochs = [x for _, points in lines for x, _ in points]
    values = [y for _, points in lines for _, y in points if np.isfinite(y)]
    chart = Chart(
        Axis("epoch", min(epochs) - 0.2, max(epochs) + 0.5),
        axis_for(named(name), values, log=False),
        f"{named(name)} over the epochs",
    )
    for trial, points in sorted(lines, key=lambda line: _rank(line[0])):
        colour, width = _curve_style(trial)
        style = Markup(
            'class="mark" data-trial="{}" tabindex="0" stroke="{}" stroke-width="{}" '
            'opacity="{}"'
        ).format(trial.number, colour, width, 1 if _rank(trial) else 0.75)
        points = [p for p in points if np.isfinite(p[1])]
        if len(points) == 1:
            dot = Markup('class="mark" data-trial="{}" fill="{}"')
            chart.circle(*points[0], 3.5, dot.format(trial.number, colour))
        elif points:
            chart.line(points, style)
        if trial.is_finalist and points:
            label = Markup('dx="-4" dy="-9" text-anchor="end" fill="#d9480f"')
            chart.text(*points[-1], f"trial {trial.number}", label)
    return chart.svg()


def summary(trial: Trial, *names: str) -> str:
    """A trial in a line."""
    known = [f"{n} {figure(trial.figures[n])}" for n in names if n in trial.figures]
    words = [f"trial {trial.number}", trial.status, *known, trial.message]
    return "   ".join(word for word in words if word)


def facts(run: Run, trial: Trial) -> list[tuple[str, str]]:
    """What is told of a trial on hover: why it ended, figures, costs, architecture."""
    metric, costs = axes_of(run)
    objectives = [o.name for o in run.objectives]
    names = dict.fromkeys([*objectives, metric, *costs, "macs", "train_seconds"])
    told = [("reason", trial.message)] if trial.message else []
    told += [(named(n), figure(trial.figures[n])) for n in names if n in trial.figures]
    blocks: dict[str, list[str]] = {}
    for name, value in trial.choices.items():
        block, _, what = name.rpartition("/")
        blocks.setdefault(block or "training", []).append(f"{what} {choice(value)}")
    told += [(block, ", ".join(words)) for block, words in blocks.items()]
    return [(line(name), line(text)) for name, text in told]


def choice(value: object) -> str:
    """A hyperparameter's value."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e9:
        return str(int(value))  # pandas makes floats of whole numbers with gaps
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _mark(chart: Chart, trial: Trial, metric: str, cost: str, text: str) -> None:
    x, y = trial.figures[cost], trial.figures.get(metric)
    style = Markup('class="mark" data-trial="{}" tabindex="0" {}')
    if trial.status == "complete" and y is not None:
        if trial.is_finalist:
            look = Markup('fill="#d9480f" stroke="#fff" stroke-width="1.5"')
        elif trial.on_front:
            look = Markup('fill="#1f6feb" stroke="#fff" stroke-width="1"')
        else:
            look = Markup('fill="#cfe0fb" stroke="#5b8fd8" stroke-width="1"')
        radius = 8.5 if trial.is_finalist else 6.5 if trial.on_front else 5.5
        chart.circle(x, y, radius, style.format(trial.number, look), text)
    elif trial.status in ("infeasible", "failed"):
        colour = _RED if trial.status == "failed" else _ORANGE
        look = Markup('stroke="{}" stroke-width="2.5" pointer-events="all"')
        chart.cross(x, None, style.format(trial.number, look.format(colour)), text)
    else:
        look = Markup('fill="#fff" stroke="{}" stroke-width="2"').format(
            _BLUE if trial.status == "running" else _GREY
        )
        chart.circle(x, y, 5, style.format(trial.number, look), text)


def _stairs(
    points: list[tuple[float, float]], larger: bool, x: Axis
) -> list[tuple[float, float]]:
    """The corners of the line of those that no cheaper one is better than."""
    if not points:
        return []
    array = np.array(points)
    array[:, 1] *= -1 if larger else 1
    best = sorted(points[i] for i in np.flatnonzero(on_front(array)))
    corners: list[tuple[float, float]] = []
    for cost, reached in best:
        if corners:
            corners.append((cost, corners[-1][1]))
        corners.append((cost, reached))
    return [*corners, (x.high, corners[-1][1])]


def _direction(run: Run, metric: str) -> str:
    return next((o.direction for o in run.objectives if o.name == metric), "max")


def _rank(trial: Trial) -> int:
    return 2 if trial.is_finalist else int(trial.on_front)


def _curve_style(trial: Trial) -> tuple[str, float]:
    return [("#b3c0cc", 1.5), (_BLUE, 2.0), (_ORANGE, 3.0)][_rank(trial)]
