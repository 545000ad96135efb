"""The table of trials: figures, reasons and hyperparameters."""

from __future__ import annotations

from typing import Any

from autoai4eo.learning.figures import (
    COSTS,
    FIGURES,
    LATENCY,
    find,
    in_order,
    is_uncertain,
    with_spread,
)
from autoai4eo.report.trials import choice
from autoai4eo.runs.reading import Snapshot, Trial


def table_of(run: Snapshot) -> dict[str, Any]:
    """Returns the columns and the rows, the best trials first.

    What was asked for comes first (``columns``: objectives, constraints, main costs),
    then the reasons of trials that did not complete (``has_reasons``), which are long,
    then all other figures (``others``) and hyperparameters (``choices``).
    """
    known = {name for trial in run.trials for name in trial.figures}
    main = [name for name in COSTS if FIGURES[name].main]
    asked = dict.fromkeys([*(o.name for o in run.objectives), *run.limits, *main])
    columns = [name for name in asked if name in known]
    others = [name for name in in_order(known) if name not in asked]
    choices = list(dict.fromkeys(n for trial in run.trials for n in trial.choices))
    ranked = [*run.complete, *(t for t in run.trials if t.status != "complete")]
    return {
        "columns": columns,
        "others": others,
        "choices": choices,
        "has_reasons": any(t.message for t in run.trials),
        "has_trainings": any(t.training for t in run.trials),
        "rows": [_row(trial, columns, others, choices) for trial in ranked],
    }


def _row(
    trial: Trial, columns: list[str], others: list[str], choices: list[str]
) -> dict[str, Any]:
    kind = "front" if trial.on_front else ""
    return {
        "number": trial.number,
        "status": trial.status,
        "training": trial.training,
        "kind": "finalist" if trial.is_finalist else kind,
        "figures": [(trial.figures.get(n), _text(trial, n)) for n in columns],
        "reason": trial.message,
        "others": [(trial.figures.get(n), _text(trial, n)) for n in others],
        "choices": [
            choice(trial.choices[name]) if name in trial.choices else ""
            for name in choices
        ],
    }


def _text(trial: Trial, name: str) -> str:
    """Returns a figure as text; empty if it is not known."""
    if name not in trial.figures:
        return ""
    if name == LATENCY and is_uncertain(trial.figures):
        return with_spread(trial.figures)
    return find(name).exact(trial.figures[name])
