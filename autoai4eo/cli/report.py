"""``report``: a run as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console
from autoai4eo.cli.options import Storage


def report(
    run: Annotated[Path, typer.Argument(help="A run folder; it may be at work.")],
    storage: Storage = None,
) -> None:
    """Write RUN/report.html: one page to look at, without network."""
    from autoai4eo.report.page import write_report

    console.print(f"written: {write_report(run)}")
