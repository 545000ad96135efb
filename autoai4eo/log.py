"""The log of a search without a terminal: one line at a time, without delay."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from rich.console import Console

from autoai4eo.text import line

T = TypeVar("T")

#: After so many seconds without a line, a log reports what is being done.
EVERY_S = 60.0


def is_watched() -> bool:
    """Returns whether all output goes to a terminal that can show a live view."""
    # not Rich's own check: with FORCE_COLOR it takes every file for a terminal
    if sys.stdout is None or sys.stderr is None:
        return False  # closed (>&-)
    terminals = sys.stdout.isatty() and sys.stderr.isatty()
    return terminals and not Console().is_dumb_terminal


def tracked(items: Iterable[T], what: str, total: int, verbose: int) -> Iterable[T]:
    """Shows a bar beside what is done, in a terminal or a notebook.

    Args:
        items: that are done one after the other.
        what: is done with them.
        total: number of items.
        verbose: 0 shows no bar anywhere.
    """
    from rich.progress import get_console, track

    shown = verbose and (is_watched() or get_console().is_jupyter)
    return track(items, what, total=total, disable=not shown, transient=True)


def open_streams() -> None:
    """Reopens standard streams that the shell closed (``>&-``).

    Otherwise another file would get their numbers, to which libraries write.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(number, True)  # workers would begin without it


def say(text: str) -> None:
    """Prints a line with date and time on standard output, without delay.

    The search continues if the reader has ended (``| head``) or the output is closed.
    """
    show(f"{datetime.now():%Y-%m-%d %H:%M:%S}   {text}")


def show(text: str) -> None:
    """Prints a line on standard output as `say` does, without date and time."""
    if sys.stdout is None or sys.stdout.closed:
        return
    told = line(text)
    encoding = sys.stdout.encoding or "utf-8"
    # the user's script may have set another encoding, which stays as it is
    told = told.encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(told, flush=True)
    except BrokenPipeError:
        # Python flushes the stream at exit, which must not fail
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, sys.stdout.fileno())
        os.close(silent)


def log(verbose: int) -> Callable[[str], None]:
    """Returns `say`, or a function that prints nothing.

    Args:
        verbose: 0: prints nothing; 1: `say` outside of live terminals and notebooks;
            2: `say`.
    """
    wanted = verbose > 1 or (verbose and not is_watched() and not Console().is_jupyter)
    return say if wanted else _keep_quiet


@contextmanager
def told_while(
    tell: Callable[[str], None], doing: str, after: float = 0.0
) -> Iterator[None]:
    """Tells what is being done, and once a minute that it still is.

    Args:
        tell: takes a line, see `log`.
        doing: what is done inside of the ``with``.
        after: seconds until it is told; what takes less is not.
    """
    begun, over = time.monotonic(), threading.Event()

    def remind() -> None:
        if after and not over.wait(after):
            tell(doing)
        while not over.wait(EVERY_S):
            tell(f"{doing}   for {time.monotonic() - begun:,.0f} s so far")

    if not after:
        tell(doing)
    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        over.set()
        reminder.join()


def _keep_quiet(text: str) -> None:
    pass
