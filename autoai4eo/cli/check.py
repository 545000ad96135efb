"""``check``: what of a run is whole, and what is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed


def check(
    run: Annotated[Path, typer.Argument(help="A run folder; nothing in it changes.")],
) -> None:
    """Say what of a run is whole, what is lost, and what fit would do about it.

    Exit status 0: all of it is whole; 2: something is damaged or lost.
    """
    with hushed():
        from autoai4eo.search.soundness import findings, summary
    found = findings(run)
    for finding in found:
        console.print(finding.problem, soft_wrap=True)
        console.print(f"    fit with the same arguments {finding.remedy}")
    if found:
        console.print(f"{run}: {len(found)} damaged or lost", soft_wrap=True)
        raise typer.Exit(2)
    console.print(f"{run}: whole; {summary(run)}", soft_wrap=True)
