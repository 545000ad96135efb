"""``ensemble``: averages networks that a search trained, within a budget."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.named_numbers import parse_limits
from autoai4eo.cli.options import (
    AllowRemote,
    BlockKm,
    ClassLevel,
    MaxGib,
    Storage,
    parse_shares,
)
from autoai4eo.log import log


def ensemble(
    run: Annotated[
        Path, typer.Argument(help="A run folder in which no search is running.")
    ],
    max: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COST=LIMIT",
            help="Limit of the sum of its members' latency_ms, params or macs; "
            "repeatable.",
        ),
    ] = None,
    size: Annotated[
        int,
        typer.Option(
            min=1, help="Most selections; a network selected twice weighs twice."
        ),
    ] = 20,
    finalist: Annotated[
        bool, typer.Option("--finalist", help="Make the ensemble the finalist.")
    ] = False,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit", help="Train its members anew, on the validation data, too."
        ),
    ] = False,
    val: Annotated[
        Path | None,
        typer.Option(help="The run's validation data, if they were moved."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="As for fit, if the data that it split were moved since, or the run "
            "is of an earlier version."
        ),
    ] = None,
    group: Annotated[str | None, typer.Option(help="As for fit.")] = None,
    block_km: BlockKm = None,
    subset: Annotated[int | None, typer.Option(min=2, help="As for fit.")] = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    storage: Storage = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Average networks that a search trained, so that their score is best.

    Trains nothing without --refit. The ensemble is kept in the run as one network:
    evaluate, profile, export and map take it with --trial ensemble-NUMBER.

    Example: autoai4eo ensemble RUN --max latency_ms=4
    """
    with hushed():
        from autoai4eo.runs.folder import Run
        from autoai4eo.search.ensembles import making
        from autoai4eo.tasks import open_run
        from autoai4eo.tasks.outcome import data_words
        from autoai4eo.tasks.recorded_data import validation_data
        from autoai4eo.tasks.validating import validate
    budget = making.Budget(parse_limits(max or [], "--max"), size)
    with making.at_rest(run):
        validation = validation_data(
            run,
            val,
            shares=None if split is None else parse_shares(split),
            group=group,
            block_km=block_km,
            subset=subset,
            class_level=class_level,
            allow_remote=allow_remote,
        )
        tell = log(not quiet)
        again = open_run(run).refitting(validation, tell) if refit else None
        made = making.make(run, budget, validation, tell, batch_size, again)
        lines = making.told_ensemble(run, made)  # beside the finalist before
        if finalist:
            making.make_finalist(run, made.number)
            validate(run, validation, batch_size)
    if quiet:
        return
    for line in lines:
        console.print(line, soft_wrap=True)
    name = f"ensemble-{made.number}"
    if finalist:
        console.print(f"finalist: {Run(run).network} ({name})", soft_wrap=True)
    which = "" if finalist else f" --trial {name}"
    console.print(
        f"next: autoai4eo evaluate {quote(str(run))} {data_words(run)}{which}, "
        f"autoai4eo pareto {quote(str(run))}",
        soft_wrap=True,
    )
