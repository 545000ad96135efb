"""What ``fit`` prints in the end: the trials, and what is known of the finalist."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Any

from autoai4eo.cli.console import console
from autoai4eo.cli.model import finalist_story, print_scores
from autoai4eo.cli.trials import print_trials
from autoai4eo.learning.verdict import verdict


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

    known = Run(folder).read_references().get("scores")
    print_trials(trials, str(out), known, trained_finalist(folder))
    if (selection := read_selection(folder)) is not None:
        console.print(selection.told)
    console.print(finalist_story(folder))
    evaluation = Run(folder).read_evaluation()
    if "against_reference" in evaluation:
        console.print(verdict(evaluation["against_reference"], "validation"))
    if test is not None:
        scores, samples = test
        print_scores(scores, f"finalist on the test part ({samples:,} samples)")
    console.print(
        f"finalist: {Run(out).network}   ({seconds:,.0f} s)\n"
        f"next: autoai4eo evaluate {quote(str(out))} {data_words(folder)}, "
        f"autoai4eo export {quote(str(out))} MODEL"
    )


def data_words(run: Path) -> str:
    """Names the arguments of `evaluate` for data such as a run was trained on."""
    from autoai4eo.runs.folder import Run

    opened = Run(run).read()["data"]["training"].get("opened") or {}
    return "SCENES --masks MASKS" if opened.get("masks") else "DATA"
