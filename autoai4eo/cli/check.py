"""``check``: which files of a run are whole, damaged or missing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.failures import FAILED
from autoai4eo.cli.options import Storage
from autoai4eo.errors import UserError
from autoai4eo.text import counted


def check(
    run: Annotated[Path, typer.Argument(help="A run folder; nothing in it changes.")],
    storage: Storage = None,
) -> None:
    """Report which files of a run are damaged or missing, and what fit would do.

    Exit status 0: every file is whole, and nothing is left to do; 1: every file is
    whole, but the run is not finished, or, with an error line, any other error; 2: a
    file is damaged or missing, or the call is wrong.
    """
    with hushed():
        from autoai4eo.runs.soundness import findings, summary, unfinished
    found = findings(run)
    for finding in found:
        console.print(finding.problem, soft_wrap=True)
        who = "fit with the same arguments " if finding.can_go else ""
        console.print(f"    {who}{finding.remedy}")
    if found:
        raise UserError(
            f"{run}: expected a whole run, found "
            f"{counted(len(found), 'problem')}; do what the lines above say"
        )
    console.print(f"{run}: whole; {summary(run)}", soft_wrap=True)
    if unfinished(run):
        raise typer.Exit(FAILED)
