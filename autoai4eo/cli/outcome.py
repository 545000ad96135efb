"""What ``fit`` prints in the end: the trials, and what is known of the finalist."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from autoai4eo.cli.console import console
from autoai4eo.cli.scores import finalist_story, print_scores
from autoai4eo.cli.trials import Shown, print_trials
from autoai4eo.text import counted

#: Options of `fit` that do not change what is searched.
_ASIDE = (
    *("dry_run", "verbose", "quiet", "overwrite", "workers", "max_hours", "max_gib"),
    *("out", "storage", "device_token_file"),
)


def asked_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `fit` that say what is searched, to be compared."""
    from autoai4eo.runs.completed import plain

    return plain({n: v for n, v in arguments.items() if n not in _ASIDE})


def told_completed(out: Path, arguments: Mapping[str, Any]) -> str | None:
    """Returns a line if the same `fit` finished this search; None: it did not.

    Args:
        out: the folder as the user named it.
        arguments: of `fit`.
    """
    from autoai4eo.runs.completed import trained_if_completed

    folder = Path(os.path.realpath(out.expanduser()))
    count = trained_if_completed(folder, asked_of(arguments), arguments["storage"])
    if count is None:
        return None
    most = arguments["max_trials"]
    done = f"{out}: complete, {count} of {most} trials are trained"
    more = "raise --max-trials to go on"
    if count < most:
        ended = "--patience was over, or " if arguments["patience"] else ""
        done += f": {ended}nothing new was left to try"
        more = "another --seed or other options, with another --out, search anew"
    return f"{done}; {more}; `autoai4eo report {quote(str(out))}` shows the search"


def keep_completed(study: Any, arguments: Mapping[str, Any]) -> None:
    """Records that `fit` finished a search, unless it only ran out of time."""
    from autoai4eo.runs.completed import keep_completed as keep
    from autoai4eo.runs.trials import trials_of, was_trained

    count = sum(map(was_trained, trials_of(study)))
    if arguments["max_hours"] is None or count >= arguments["max_trials"]:
        keep(study, asked_of(arguments))


def print_outcome(
    out: Path, folder: Path, trials: Any, seconds: float, test: tuple[Any, int] | None
) -> None:
    """Prints the trials of a run that is over, its finalist, and what to do next.

    Args:
        out: the folder as the user named it.
        folder: its real path.
        trials: the table.
        seconds: that `fit` took.
        test: scores on the test part and its number of samples; None: no test part.
    """
    from autoai4eo.runs.belonging import trained_finalist
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.selection import read_selection
    from autoai4eo.tasks.outcome import next_step, verdict_of

    known = Run(folder).read_references().get("scores")
    objectives = Run(folder).read()["arguments"]["objective"]
    print_trials(trials, Shown(str(out), objectives, trained_finalist(folder), known))
    if (selection := read_selection(folder)) is not None:
        console.print(selection.told)
    console.print(finalist_story(folder))
    if told := verdict_of(folder):
        console.print(told)
    if test is not None:
        scores, samples = test
        number = counted(samples, "sample")
        print_scores(scores, f"finalist on the test part ({number})")
    console.print(
        f"finalist: {Run(out).network}   ({seconds:,.0f} s)\n{next_step(folder, out)}"
    )
