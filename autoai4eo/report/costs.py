"""The charts of a metric against each cost, and all that is said below them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autoai4eo.learning.figures import find
from autoai4eo.report import charts
from autoai4eo.report.comparable import left_out
from autoai4eo.report.finalist import after_training
from autoai4eo.report.marks import PARETO, REFERENCE, SPREAD, key_of
from autoai4eo.report.trials import cost_chart, spread_of
from autoai4eo.runs.reading import Snapshot, Trial

_SPREAD = "how far another measurement of the latency may lie"
_LINE = "joins the trials that are Pareto-optimal in the two figures of the chart"


def cost_charts(run: Snapshot, metric: str, costs: Sequence[str]) -> dict[str, Any]:
    """Returns the charts with their captions, their key, and who is in none of them.

    Args:
        run: the run.
        metric: that the charts show.
        costs: of the charts, one each.
    """
    nowhere = [t for t in run.trials if not t.figures.keys() & set(costs)]
    drawn = [t for t in run.trials if t not in nowhere]
    beside = [e for e in run.ensembles if e.figures.keys() & set(costs)]
    trained = run.finalist in drawn and after_training(run, metric) is not None
    key = key_of([*drawn, *beside], trained)
    if any(t.status == "complete" for t in drawn):
        key.append((charts.sign(**PARETO), _LINE))
    if any(t.figures.get(c) and spread_of(t, c) for t in drawn for c in costs):
        key.append((charts.sign(**SPREAD), _SPREAD))
    if run.references:
        key.append((charts.sign(**REFERENCE), "references"))
    return {
        "charts": [
            {
                "svg": cost_chart(run, metric, cost),
                "captions": _captions(run, cost, drawn),
            }
            for cost in costs
        ],
        "key": key,
        "nowhere": f"Of {_numbers(nowhere)} no cost is known." if nowhere else "",
    }


def _captions(run: Snapshot, cost: str, drawn: Sequence[Trial]) -> list[str]:
    told = []
    if missing := [t for t in drawn if cost not in t.figures]:
        told.append(f"Of {_numbers(missing)} the {find(cost).label} is not known.")
    if elsewhere := left_out(run, cost):
        told.append(elsewhere)
    return told


def _numbers(trials: Sequence[Trial]) -> str:
    told = ", ".join(f"{t.number} ({t.status})" for t in trials)
    return f"trial {told}" if len(trials) == 1 else f"trials {told}"
