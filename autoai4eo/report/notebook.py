"""The view of a run in a notebook: status, leaderboard, a small chart."""

from __future__ import annotations

from pathlib import Path

from autoai4eo.errors import UserError
from autoai4eo.learning.figures import find
from autoai4eo.report.comparable import left_out
from autoai4eo.report.numbers import exact
from autoai4eo.report.rendering import render
from autoai4eo.report.trials import axes_of, cost_chart, named
from autoai4eo.runs.folder import Run
from autoai4eo.runs.reading import Snapshot, read

_ROWS = 5


def notebook_view(path: Path) -> str:
    """Returns self-contained HTML for a notebook cell.

    Args:
        path: a run's folder; it may not exist yet.

    Raises:
        UserError: the folder's study cannot be read.
    """
    if not Run(path).exists:
        return render("notebook.html", path=path, run=None)
    run = read(path, curves=False)
    metric, costs = axes_of(run)
    shown = [*dict.fromkeys([*(o.name for o in run.objectives), metric, *costs])]
    return render(
        "notebook.html",
        path=path,
        run=run,
        state=_state(run),
        columns=[(name, named(name)) for name in shown],
        rows=run.complete[:_ROWS],
        exact=exact,
        left=len(run.complete[_ROWS:]),
        chart=cost_chart(run, metric, costs[0], tooltips=True) if costs else None,
        left_out=left_out(run, costs[0]) if costs else "",
    )


def told_state(path: Path) -> str:
    """Returns a line about a run: its folder, its state, and its best trial."""
    if not Run(path).exists:
        return f"{path}: no search yet"
    try:
        run = read(path, curves=False)
    except UserError as error:
        return str(error)
    told = f"{path}: {_state(run)}"
    if run.complete:
        (first, *_) = run.objectives
        best = run.complete[0]
        value = find(first.name).text(best.figures[first.name])
        told += f"; best {first.name} {value} (trial {best.number})"
    return told if run.finalist is None else f"{told}; finalist {run.finalist.id}"


def _state(run: Snapshot) -> str:
    statuses = dict.fromkeys(t.status for t in run.trials)
    counts = [f"{run.count(status)} {status}" for status in statuses]
    return ", ".join([run.state, *counts]) if counts else f"{run.state}, no trial yet"
