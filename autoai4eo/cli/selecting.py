"""``select``: makes another network of a run its finalist."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.named_numbers import parse_limits
from autoai4eo.cli.options import MaxGib, Storage
from autoai4eo.errors import UserError


def select(
    run: Annotated[
        Path, typer.Argument(help="A run folder in which no search is running.")
    ],
    max: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COST=LIMIT",
            help="Select the best within this limit, such as latency_ms=2; repeatable, "
            "also with --knee and --one-se.",
        ),
    ] = None,
    knee: Annotated[
        bool, typer.Option("--knee", help="Select where the front bends most.")
    ] = False,
    one_se: Annotated[
        bool,
        typer.Option(
            "--one-se",
            help="Select the cheapest within one standard error of the best.",
        ),
    ] = False,
    trial: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER|ensemble-NUMBER", help="Select this trial or ensemble."
        ),
    ] = None,
    refit: Annotated[
        bool | None,
        typer.Option(
            "--refit/--no-refit",
            help="Train it on the validation data, too; by default if fit did so.",
        ),
    ] = None,
    storage: Storage = None,
    max_gib: MaxGib = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Make another network of a run its finalist, which other commands then use.

    Without --max, --knee, --one-se and --trial an earlier choice is taken back. A trial
    is trained in full, on the run's data where they were; nothing is done if it is the
    finalist already.

    Example: autoai4eo select RUN --max latency_ms=2
    """
    limits = parse_limits(max or [], "--max")
    if knee + one_se + (trial is not None) > 1 or (trial is not None and limits):
        raise UserError(
            "select: expected one of --trial, --knee and --one-se, the last two also "
            "with --max, got several; leave some of them out"
        )
    with hushed():
        from autoai4eo.runs.folder import Run
        from autoai4eo.runs.network_id import network_id
        from autoai4eo.tasks import open_run
        from autoai4eo.tasks.outcome import next_step
    wanted: dict[str, Any] = {f"max_{name}": limit for name, limit in limits.items()}
    if trial is not None:
        network = network_id(trial)
        wanted = {network.kind: network.number}
    rule = "knee" if knee else "one-se" if one_se else None
    key = open_run(run).select(rule, refit=refit, verbose=not quiet, **wanted)
    if not quiet:
        console.print(
            f"finalist: {Run(run).network} ({network_id(key)})\n{next_step(run, run)}",
            soft_wrap=True,
        )
