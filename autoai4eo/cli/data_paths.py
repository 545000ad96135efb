"""Checks paths of data that a user gave."""

from __future__ import annotations

from pathlib import Path

from autoai4eo.errors import UserError


def check_no_run(*paths: Path | None) -> None:
    """Checks that data are no run, whose pictures would be read as images.

    Raises:
        UserError: a path is the folder of a run.
    """
    from autoai4eo.runs.folder import Run

    for path in paths:
        if path is None or not Run(path).exists:
            continue
        if Run(path).damage() is None:  # another tool may have a file of this name
            raise UserError(
                f"{path}: expected data, found the folder of a run, which `autoai4eo "
                f"trials {path}` shows; check the order of the arguments"
            )
