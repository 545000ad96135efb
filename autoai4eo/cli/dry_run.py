"""What ``fit --dry-run`` prints."""

from __future__ import annotations

from math import isinf
from typing import TYPE_CHECKING

from autoai4eo.cli.console import console, print_table
from autoai4eo.learning.figures import FIGURES, rounded
from autoai4eo.text import counted

if TYPE_CHECKING:
    from autoai4eo.tasks.planning import Plan

_SHOWN = ("params", "macs")


def print_plan(plan: Plan) -> None:
    """Prints data, search space and the time of the trials."""
    from autoai4eo.report.numbers import duration

    train, settings, found = plan.train, plan.model.settings, plan.rehearsal
    inputs = "; ".join(
        f"{spec.name}: {spec.height}×{spec.width} pixels, "
        f"{counted(len(spec.bands), 'band')}"
        for spec in train.inputs
    )
    console.print("data", style="bold")
    console.print(
        f"{counted(len(train), 'sample')} for training, {len(plan.validation):,} for "
        f"validation, {counted(train.num_classes, train.target.noun)}; {inputs}; "
        f"`autoai4eo inspect` looks for problems in them"
    )
    several = "without end" if isinf(found.networks) else f"{found.networks:,.0f}"
    console.print("search space", style="bold")
    rows = [[name, values] for name, values in found.choices.items()]
    print_table("", ["hyperparameter", "values"], rows)
    console.print(
        f"{several} combinations of these; other values may have further "
        f"hyperparameters. Strategy {settings.record()['tuner']}; objectives "
        f"{', '.join(o.name for o in settings.objectives)}" + _limits(plan)
    )
    console.print("time on this machine", style="bold")
    costs = ", ".join(f"{FIGURES[n].label} {rounded(found.cost[n])}" for n in _SHOWN)
    part = (
        "" if found.share == 1 else f" (scaled from {found.share:.1%} of its batches)"
    )
    console.print(
        f"measured on the default network ({costs}): "
        f"{duration(found.start_s)} to begin, {duration(found.epoch_s)} for its second "
        f"epoch with validation{part}"
    )
    if found.over is not None:
        console.print(
            f"the default network is over the constraints ({found.over}): the search "
            "trains only networks within them, which take another time"
        )
    trials = counted(found.left, "trial")
    if found.left < settings.max_trials:
        trials = f"the {trials} left of {settings.max_trials}"
    console.print(
        f"estimated: a trial of {counted(found.epochs, 'epoch')} "
        f"{duration(found.trial_s)}; {trials} "
        f"{duration(found.search_s - found.finalist_s)}, what is trained after them "
        f"{duration(found.finalist_s)}, in all {duration(found.search_s)}"
    )
    console.print(
        "not in it: other networks than the default one may take several times as long "
        "or a fraction; latency measurements and infeasible candidates take seconds "
        "each; training the references is not estimated"
        + (
            f"; {settings.workers} workers share the processor or GPU, so they take "
            "less, but more than the share of each"
            if settings.workers > 1
            else ""
        )
    )


def _limits(plan: Plan) -> str:
    limits = plan.model.settings.constraints
    told = ", ".join(f"{name} {rounded(limit)}" for name, limit in limits.items())
    return f"; constraints {told}" if told else "; no constraints"
