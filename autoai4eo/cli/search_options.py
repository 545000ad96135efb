"""Options of ``fit`` alone."""

from __future__ import annotations

from typing import Annotated

import typer

from autoai4eo.learning.figures import COSTS, THROUGHPUT
from autoai4eo.learning.objectives import DEFAULTS, metrics_of

#: What each kind of target is called in the help.
_KINDS = {"class": "classes", "labels": "labels", "value": "values", "mask": "pixels"}
_METRICS = "; ".join(
    f"of {_KINDS[kind]} {', '.join(metrics_of(kind))}" for kind in DEFAULTS
)
_LIMITED = ", ".join(name for name in COSTS if name != THROUGHPUT)
Split = Annotated[
    str | None,
    typer.Option(
        help="Shares of TRAIN for training, validation and optionally a final "
        "test, such as 0.8/0.1/0.1. By default 0.8/0.2 if --val is missing."
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        help="Keep the samples of a group in one part of --split and in one fold: "
        "city, parent, …"
    ),
]
AllowOverlap = Annotated[
    bool,
    typer.Option(
        "--allow-overlap",
        help="Let --split divide windows of one scene that overlap at random, and "
        "--val be training data.",
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="A metric or cost; several make a Pareto search. The first metric of the "
        f"kind of target is the default. Metrics {_METRICS}; costs {', '.join(COSTS)}.",
    ),
]
Constraints = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=LIMIT",
        help="Upper limit of a cost, such as latency_ms=2; repeatable. Costs "
        f"{_LIMITED}.",
    ),
]
Tuner = Annotated[
    str | None,
    typer.Option(
        help="cost-aware (the default), greedy, bayesian, hyperband, random, tpe, "
        "nsga2, gp, local-search, policy, cost-sorted"
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="End the search after this many trainings in a row that did not "
        "enlarge the hypervolume of the front."
    ),
]
FinalEpochs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Train the finalist anew for so many epochs. By default it continues "
        "its trial's training for as many epochs more.",
    ),
]
ProxyTraining = Annotated[
    str | None,
    typer.Option(help="Judge candidates by a cheaper training: epochs=5,fraction=0.25"),
]
Finalists = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of candidates to train in full after --proxy (by default 1), "
        "and again with --folds or --seeds (3).",
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        help="Judge the finalists by a cross-validation of so many folds of whole "
        "groups, over training and validation data; train the best on all of them."
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        help="crossentropy (default) or focal; for pixels also dice, lovasz and "
        "sums such as focal+dice; for values mse (default), mae, huber or gaussian."
    ),
]
FineTuneQuantized = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="With --precision int8: train the finalist for so many epochs more, "
        "rounding as in int8, and keep the best if it is better in int8.",
    ),
]
MapStep = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Search networks for maps whose windows are this many pixels apart; "
        "their cost is map_ms_per_km2.",
    ),
]
References = Annotated[
    bool,
    typer.Option(
        help="Train references first: the same prediction for every sample, and "
        "boosted trees on band statistics. Of masks, trees see the pixels around "
        "each pixel, and a U-Net of the finalist's size is trained in the end."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Tell data, search space and the time that the trials will take here, "
        "from two epochs of the default network; search nothing, write nothing.",
    ),
]
Verbose = Annotated[
    str | None,
    typer.Option(
        metavar="log",
        help="log: a line with date and time for each epoch and trial, for batch jobs. "
        "By default a live view on a terminal; elsewhere a line for each trial.",
    ),
]
