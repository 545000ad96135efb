"""The commands that repeat a run in another folder."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from autoai4eo.errors import UserError
from autoai4eo.runs import starts
from autoai4eo.runs.folder import Run

_OUT = "--out"
_AGAIN = "-again"


def repeating(run: Path) -> list[str]:
    """Returns the lines of a shell that repeat a run beside it.

    Every start is a line, as resuming with other options adds to the search; equal
    starts in a row, after an interruption, are one.

    Raises:
        UserError: the folder holds no run, or Python code began it, or an earlier
            version of this package, which did not record the command.
    """
    known = Run(run).read()
    began = starts.earlier(known)
    lines: list[str] = []
    for start in began:
        command = start.get("command")
        if command is None:
            raise UserError(_told(run, start, known["arguments"]))
        place = shlex.join(["cd", start["folder"]]) if start["folder"] else "true"
        again = shlex.join(["autoai4eo", *_elsewhere(command, start["folder"])])
        line = f"{place} && {again}"
        if lines[-1:] != [line]:
            lines.append(line)
    if not lines:
        raise UserError(_told(run, {}, known["arguments"]))
    return lines


def _elsewhere(command: list[str], folder: str) -> list[str]:
    """Returns a command with another folder for the run, and without overwriting.

    Args:
        command: that began the run.
        folder: in which it was called.
    """
    found = [*command]
    for place, argument in enumerate(command):
        if argument == _OUT and place + 1 < len(command):
            found[place + 1] = _beside(command[place + 1], folder)
        elif argument.startswith(f"{_OUT}="):
            found[place] = f"{_OUT}={_beside(argument.partition('=')[2], folder)}"
    return [argument for argument in found if argument != "--overwrite"]


def _beside(out: str, folder: str) -> str:
    """Returns a name beside a path, which may be ``.`` or end with ``..``."""
    path = Path(out)
    if path.name in ("", ".."):
        path = Path(os.path.realpath(Path(folder, path)))
    return f"{path}{_AGAIN}"


def _told(run: Path, start: dict[str, object], arguments: dict[str, object]) -> str:
    settings = ", ".join(
        f"{name}={value!r}"
        for name, value in arguments.items()
        if value not in (None, [], {}) and value is not False
    )
    if "program" not in start:
        return (
            f"{run}: expected the command that began it, found none: an earlier "
            "version of autoai4eo began it, which did not record it; its settings: "
            f"{settings}"
        )
    where = f" ({start['program']})" if start["program"] else ""
    return (
        f"{run}: expected a command that began it, found that Python code{where} did; "
        f"run that again, with another project_name; its settings: {settings}"
    )
