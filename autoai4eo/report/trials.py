"""Charts of trials: accuracy against cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from autoai4eo.learning.figures import METRICS, VALIDATION, find
from autoai4eo.report import axis_scale, charts
from autoai4eo.report.comparable import comparable, drawn_with
from autoai4eo.report.finalist import after_training
from autoai4eo.report.marks import ORANGE, PARETO, SPREAD, TRAINED, look
from autoai4eo.report.reference_lines import draw_references, reference_levels
from autoai4eo.runs.pareto import on_front
from autoai4eo.runs.reading import ShownEnsemble, Snapshot, Trial
from autoai4eo.runs.trials import PROXY
from autoai4eo.runs.two_figures import shown_metric
from autoai4eo.text import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Costs that a chart is drawn for, after those of objectives and constraints.
_AXES = ("latency_ms", "params", "macs", "size_bytes")


def named(name: str, in_search: bool = True) -> str:
    """Returns the display name of a figure, with its unit.

    Args:
        name: of the figure.
        in_search: whether all that is shown was measured in the search; the finalist
            was trained longer and has other scores.
    """
    title = find(name).title
    if not name.startswith(VALIDATION) or title == name:
        return title
    return (
        f"{title} in the search (validation)" if in_search else f"{title} (validation)"
    )


def _measured_in(run: Snapshot, cost: str) -> str:
    """Returns the name of a cost, with the runtime of a latency, if predicted."""
    about = drawn_with(run, cost)
    known = "instrument" in run.asked  # not in runs of earlier versions
    if not known or about is None:
        return named(cost)
    how = ", predicted" if about.profile else ""
    return f"{named(cost)}, {about.runtime} {about.precision}{how}"


def axes_of(run: Snapshot) -> tuple[str, list[str]]:
    """Returns the metric that the charts of a run show, and the costs."""
    costs = [o.name for o in run.objectives if o.is_cost]
    known = {name for trial in run.trials for name in trial.figures}
    wanted = dict.fromkeys([*costs, *run.limits, *_AXES])
    metric = shown_metric(run.objectives, known)
    return metric, [n for n in wanted if n in known]


def cost_chart(run: Snapshot, metric: str, cost: str, tooltips: bool = False) -> Markup:
    """Draws every trial: a metric against a cost.

    Marks are those of `autoai4eo.report.marks`, that of the finalist twice if its own
    training changed the metric; the line joins the trials that are
    Pareto-optimal in the metric and the cost, whatever the objectives are. Those
    without a score are in a strip below. Dashed lines are the references. A chart of a
    measured cost leaves out what was measured in another way than most trials, see
    `autoai4eo.report.comparable`.

    Args:
        run: the run.
        metric, cost: names of figures.
        tooltips: whether marks have tooltips, for pages without the script.
    """
    measured = drawn_with(run, cost)
    placed = comparable(run.trials, cost, measured)
    scored = [t for t in placed if _has_score(t, metric)]
    beside = comparable(run.ensembles, cost, measured)
    beside = [e for e in beside if metric in e.figures]
    after = after_training(run, metric)
    finalist = next((t for t in scored if t.is_finalist), None)
    shown = named(metric, in_search=(finalist is None or after is None) and not beside)
    axes = charts.chart(_measured_in(run, cost), shown)
    more = [e.figures for e in beside]
    axis_scale.fit(axes, "x", [f[cost] for f in (*(t.figures for t in placed), *more)])
    better = find(metric).direction or _direction(run, metric)
    levels = reference_levels(run, metric)
    # the chart reaches to the best reference
    best = sorted(levels.values(), reverse=better == "max")[:1]
    drawn = [*(t.figures for t in scored), *more]
    reached = [figures[metric] for figures in drawn]
    if finalist is not None and after is not None:
        reached.append(after)
    axis_scale.fit(axes, "y", [*reached, *best], log=False, most=most(metric))
    below = None
    if len(scored) < len(placed):
        below = charts.strip_below(axes, "no score")
    (low, high), limit = axes.get_xlim(), run.limits.get(cost)
    if limit is not None and low < limit < high:
        _draw_limit(axes, limit, high)
    complete = [t for t in scored if _is_complete(t)]
    # scores of cheaper trainings are no match for those of full ones
    complete = [t for t in complete if t.training != PROXY] or complete
    stairs = _stairs(
        [(t.figures[cost], t.figures[metric]) for t in complete],
        [spread_of(t, cost) for t in complete],
        better == "max",
        high,
    )
    marks = [(figures[cost], figures[metric]) for figures in drawn]
    if finalist is not None and after is not None:
        # and the line between its two figures
        heights = np.linspace(finalist.figures[metric], after, 9).tolist()
        marks += [(finalist.figures[cost], height) for height in heights]
    draw_references(axes, levels, marks)
    if stairs:
        axes.plot(*zip(*stairs, strict=True), **PARETO)
    for trial in sorted(placed, key=lambda t: (t.is_finalist, t.on_front)):
        if _has_score(trial, metric):
            where, y = axes, trial.figures[metric]
        else:
            assert below is not None
            where, y = below, 0.5
        _draw_spread(where, trial, cost, y)
        gid, at = charts.mark_of(trial.number), ([trial.figures[cost]], [y])
        where.plot(*at, gid=gid, ls="", zorder=3, **look(trial))
    if finalist is not None and after is not None:
        x = finalist.figures[cost]
        both = finalist.figures[metric], after
        axes.plot([x, x], both, color=ORANGE, lw=1.5, ls=":", zorder=2)
        gid = charts.mark_of(finalist.number)
        axes.plot([x], [after], gid=gid, ls="", zorder=4, **TRAINED)
    for ensemble in beside:
        at = [ensemble.figures[cost]], [ensemble.figures[metric]]
        gid = charts.mark_of(ensemble.id.key)
        axes.plot(*at, gid=gid, ls="", zorder=4, **look(ensemble))
    told: dict[int | str, str] = {}
    if tooltips:
        told = {t.number: summary(t, metric, cost) for t in placed}
        told |= {e.id.key: f"{e.id}   {e.members}" for e in beside}
    return charts.svg(axes, f"{shown} against {named(cost)}", told)


def summary(trial: Trial, *names: str) -> str:
    """Returns a line that describes a trial."""
    known = [
        f"{n} {find(n).exact(trial.figures[n])}" for n in names if n in trial.figures
    ]
    words = [f"trial {trial.number}", trial.status, *known, trial.message]
    return "   ".join(word for word in words if word)


def facts(run: Snapshot, trial: Trial) -> list[tuple[str, str]]:
    """Returns what hovering a trial shows: reason, figures, costs, architecture."""
    metric, costs = axes_of(run)
    objectives = [o.name for o in run.objectives]
    names = dict.fromkeys([*objectives, metric, *costs, "macs", "train_seconds"])
    told = [("reason", trial.message)] if trial.message else []
    told += [("training", trial.training)] if trial.training else []
    told += [
        (named(n), find(n).exact(trial.figures[n])) for n in names if n in trial.figures
    ]
    after = after_training(run, metric) if trial.is_finalist else None
    if after is not None:
        title = f"{find(metric).title} after the finalist's own training"
        told.append((title, find(metric).exact(after)))
    blocks: dict[str, list[str]] = {}
    for name, value in trial.choices.items():
        block, _, what = name.rpartition("/")
        blocks.setdefault(block or "training", []).append(f"{what} {choice(value)}")
    told += [(block, ", ".join(words)) for block, words in blocks.items()]
    return [(line(name), line(text)) for name, text in told]


def facts_of_ensemble(run: Snapshot, ensemble: ShownEnsemble) -> list[tuple[str, str]]:
    """Returns what hovering an ensemble shows: members, figures, costs."""
    metric, costs = axes_of(run)
    names = dict.fromkeys([*(o.name for o in run.objectives), metric, *costs])
    figures = ensemble.figures
    told = [("members (weight)", ensemble.members)]
    told += [(named(n), find(n).exact(figures[n])) for n in names if n in figures]
    return [(line(name), line(text)) for name, text in told]


def choice(value: object) -> str:
    """Formats the value of a hyperparameter."""
    if isinstance(value, float) and value == int(value) and abs(value) < 1e9:
        return str(int(value))  # pandas makes floats of whole numbers with gaps
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _draw_limit(axes: Axes, limit: float, high: float) -> None:
    """Shades the area above a constraint."""
    axes.axvspan(limit, high, facecolor="#fdf0ec", edgecolor="none", zorder=0)
    axes.axvline(limit, color=ORANGE, ls=(0, (5, 4)), lw=1)
    axes.annotate(
        "limit",
        (limit, 1),
        (8, -14),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=ORANGE,
        fontsize=12,
    )


def _draw_spread(axes: Axes, trial: Trial, cost: str, y: float) -> None:
    """Draws how far another measurement of a latency may lie from this one."""
    if spread := spread_of(trial, cost):
        x = trial.figures[cost]
        ends = np.clip([x - spread, x + spread], *axes.get_xlim())
        axes.plot(ends, [y, y], **SPREAD, zorder=2)


def spread_of(trial: Trial, cost: str) -> float:
    """Returns how far another measurement of a cost may lie; 0: it is exact."""
    return trial.figures.get("latency_spread_ms", 0.0) if cost == "latency_ms" else 0.0


def most(name: str) -> float:
    """Returns the largest value that a figure can have."""
    is_score = name.removeprefix(VALIDATION) in METRICS
    return 1.0 if is_score and find(name).direction == "max" else math.inf


def _has_score(trial: Trial, metric: str) -> bool:
    return metric in trial.figures and trial.status not in ("infeasible", "failed")


def _is_complete(trial: Trial) -> bool:
    return trial.status == "complete"


def _stairs(
    points: list[tuple[float, float]], spreads: list[float], larger: bool, end: float
) -> list[tuple[float, float]]:
    """The corners of the line through the Pareto-optimal points, up to an end.

    Args:
        points: cost and metric of each.
        spreads: of the costs; those that differ by less are equal, as in the search.
        larger: whether a larger metric is better.
        end: of the line.
    """
    if not points:
        return []
    array = np.array(points)
    array[:, 1] *= -1 if larger else 1
    spread = np.column_stack([spreads, np.zeros(len(points))])
    best = sorted(points[i] for i in np.flatnonzero(on_front(array, spread)))
    corners: list[tuple[float, float]] = []
    for cost, reached in best:
        if corners:
            corners.append((cost, corners[-1][1]))
        corners.append((cost, reached))
    return [*corners, (end, corners[-1][1])]


def _direction(run: Snapshot, metric: str) -> str:
    return next((o.direction for o in run.objectives if o.name == metric), "max")
