"""What becomes of a command that was interrupted: whether it can be resumed.

Of commands that never resume, only the interrupt is told: there is nothing to go on
with, and nothing of theirs is half-written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from autoai4eo.errors import DamagedError, MissingError, UserError

#: Commands that resume what they began, and how.
_RESUMED = {
    "compact search": "rerun compact search to resume",
    "compact table": "rerun compact table to resume",
    "demo": "rerun demo to resume",
    "fit": "rerun fit to resume",
    "nasbench train": "rerun nasbench train to resume",
    "map": "rerun map to resume",
    "select": "rerun select to resume",
    "simulate": "rerun simulate to resume",
}
_OVERWRITE = "--overwrite"
_TILES = "autoai4eo.deploy.mapping.tile_store"  # seconds to import


def after_interrupt(command: str, arguments: Sequence[str], begun: float) -> str:
    """Returns the line about a command that was interrupted.

    Args:
        command: its name; empty: none was called.
        arguments: of the command line.
        begun: when it began, in seconds since 1970.
    """
    if command == "slurm":
        return "interrupted; rerun slurm, unless squeue lists its job"
    if command == "device profile":
        return "interrupted; nothing was kept: a profile is measured without a break"
    if command not in _RESUMED or "--dry-run" in arguments:
        return "interrupted"
    try:
        goes_on = _has_begun(command, arguments, begun)
    except (MissingError, DamagedError, OSError):
        goes_on = False
    except UserError as error:  # a run of a later version, say
        return f"interrupted; {error}"
    if goes_on:
        how = _RESUMED[command]
        if command == "fit" and _OVERWRITE in arguments:
            how = how.replace(" to resume", f", without {_OVERWRITE}, to resume")
        return f"interrupted; {how}"
    return f"interrupted; rerun {command} to begin anew"


def _has_begun(command: str, arguments: Sequence[str], begun: float) -> bool:
    """Returns whether something was written that the command would resume."""
    if command == "map":
        if _TILES not in sys.modules:
            return False  # interrupted before it could write anything
        from autoai4eo.deploy.mapping.tile_store import folder_of

        return any(folder_of(Path(a)).is_dir() for a in arguments if Path(a).name)
    if command == "select":
        return any(_awaits_scores(Path(a)) for a in arguments)
    out = _option(arguments, "--out")
    if command == "demo":
        return _demo_goes_on(out, "--search" in arguments)
    if out is None:
        return False
    kept = _kept(command, Path(out))
    # with --overwrite, an earlier search does not count
    since = begun if _OVERWRITE in arguments else 0.0
    return kept.is_file() and kept.stat().st_mtime >= since


def _awaits_scores(run: Path) -> bool:
    """Returns whether a run's finalist is trained and not scored."""
    from autoai4eo.runs.chosen import is_scored
    from autoai4eo.runs.folder import Run

    return Run(run).evaluation.is_file() and not is_scored(run)


def _demo_goes_on(out: str | None, search: bool) -> bool:
    """Returns whether a demo began its search and did not end it."""
    from autoai4eo.cli.demo import OUT, is_begun

    return is_begun((OUT if out is None else Path(out)) / "run", search)


def _kept(command: str, out: Path) -> Path:
    """Returns the file without which a command begins anew."""
    from autoai4eo.runs.folder import Run

    return {
        "compact search": Run(out).compact,  # from the end of its first epoch on
        "compact table": out / "table.json",  # see `autoai4eo.compact.queue`
        "fit": Run(out).json,
        "nasbench train": Run(out).json,
        "simulate": out / "queries.csv",  # see `autoai4eo.nasbench.kept`
    }[command]


def _option(arguments: Sequence[str], name: str) -> str | None:
    for i, argument in enumerate(arguments):
        if argument == name and i + 1 < len(arguments):
            return arguments[i + 1]
        if argument.startswith(f"{name}="):
            return argument.removeprefix(f"{name}=")
    return None
