"""What a search says in the end: the verdict and the next step, or how it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from autoai4eo.callers import either, in_shell
from autoai4eo.learning.verdict import verdict
from autoai4eo.log import show
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import scored_in


def verdict_of(run: Path) -> str:
    """Returns whether the finalist is better than the references of its run.

    It is judged on the validation data; empty if there are no references.
    """
    evaluation = Run(run).read_evaluation()
    if "against_reference" not in evaluation:
        return ""
    against = evaluation["against_reference"]
    return verdict(against, "validation", scored_in(evaluation))


def data_words(run: Path) -> str:
    """Names the arguments of ``evaluate`` for data such as a run was trained on."""
    opened = Run(run).read()["data"]["training"].get("opened") or {}
    return "SCENES --masks MASKS" if opened.get("masks") else "DATA"


def next_step(run: Path, named: Path) -> str:
    """Returns the line on what to do with a finalist, in the words of the caller.

    Args:
        run: the folder.
        named: the folder as the user named it.
    """
    out, data = quote(str(named)), data_words(run)
    # it may be scored already on a part of the data that it has not seen
    if Run(run).test.is_file():
        return "next: " + either(
            f"autoai4eo report {out}, autoai4eo export {out} MODEL",
            "report(), export(path)",
        )
    return "next: " + either(
        f"autoai4eo evaluate {out} {data}, autoai4eo export {out} MODEL",
        f"evaluate({'data' if data == 'DATA' else 'scenes, masks'}) on other data, "
        "export(path), report()",
    )


def tell_outcome(run: Path, verbose: int) -> None:
    """Prints the verdict and the next step; commands print more, and do it themselves.

    Args:
        run: the folder.
        verbose: 0 prints nothing.
    """
    if verbose and not in_shell():
        for text in filter(None, (verdict_of(run), next_step(run, run))):
            show(text)


@contextmanager
def told_interrupt(run: Path, overwrite: bool, verbose: int) -> Iterator[None]:
    """Says after Ctrl-C how a search goes on; commands say it themselves.

    Args:
        run: the folder of the search.
        overwrite: whether an earlier one is deleted for it.
        verbose: 0 prints nothing.

    Raises:
        KeyboardInterrupt: the same, for the caller.
    """
    earlier = _written(run) if overwrite else None
    try:
        yield
    except KeyboardInterrupt:
        if verbose and not in_shell():
            if _written(run) in (None, earlier):
                told = "nothing was searched yet; call fit again to begin anew"
            else:
                without = " without overwrite=True" if overwrite else ""
                told = f"what was finished is kept in {run}; call fit again{without} "
                told += "to resume"
            show(f"interrupted: {told}")
        raise


def _written(run: Path) -> int | None:
    """Returns when the search of a run began or went on; None: there is none."""
    known = Run(run).json
    return known.stat().st_mtime_ns if known.is_file() else None
