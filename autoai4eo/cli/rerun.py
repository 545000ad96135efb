"""``rerun``: prints the command that repeats a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def rerun(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
) -> None:
    """Print the commands that repeat a run, into RUN-again.

    Example: autoai4eo rerun RUN | sh
    """
    from autoai4eo.runs.repetition import repeating

    for line in repeating(run):
        typer.echo(line)
