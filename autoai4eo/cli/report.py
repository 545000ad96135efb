"""``report``: writes the page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console
from autoai4eo.cli.options import Storage


def report(
    run: Annotated[
        Path, typer.Argument(help="A run folder; its search may be running.")
    ],
    storage: Storage = None,
) -> None:
    """Write RUN/report.html: one page that needs no network connection."""
    from autoai4eo.report.page import write_report

    console.print(f"written: {write_report(run)}")
