"""The error line and the exit status of a command that fails."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from autoai4eo.causes import cause
from autoai4eo.cli.interrupts import after_interrupt
from autoai4eo.cli.usage_errors import wrong_call
from autoai4eo.errors import SearchError, UserError

DONE, FAILED, WRONG = 0, 1, 2
#: Names of exceptions that mean too little memory; the second is TensorFlow's.
_NO_MEMORY = ("MemoryError", "ResourceExhaustedError")
#: Messages of the library loader and of thread creation when memory is lacking.
_NO_MEMORY_SAID = re.compile(
    "failed to map segment|cannot allocate memory|can't start new thread", re.IGNORECASE
)
_DELETED = (
    "the current folder was deleted; change to one that exists (cd), and run the same "
    "command again"
)
_ADVICE = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room within your quota",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs, or raise the system's limit of open files",
}


def status_and_line(
    error: BaseException,
    command: str = "",
    arguments: Sequence[str] = (),
    begun: float = 0.0,
) -> tuple[int, str]:
    """Returns the exit status and the error line for an exception.

    After Ctrl-C, which raises KeyboardInterrupt, the status is 130, as of a program
    that SIGINT ends; after another signal, whose number it then has, 128 more.

    Any other exception is an internal error: its traceback is saved in a file, and
    the line names the file.

    Args:
        error: that ended the command.
        command: its name; empty: none was called.
        arguments: of the command line.
        begun: when the command began, in seconds since 1970.
    """
    if isinstance(error, UserError):
        more = "" if _has_folder() else f"; besides, {_DELETED}"
        return WRONG, f"error: {error}{more}"
    is_elsewhere = isinstance(error, OSError) and os.path.isabs(str(error.filename))
    if isinstance(error, OSError) and not is_elsewhere and not _has_folder():
        return WRONG, f"error: expected to be in a folder, found that {_DELETED}"
    if isinstance(error, SearchError):
        return FAILED, f"error: {error}"
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return 128 + signal_of(error), after_interrupt(command, arguments, begun)
    if hasattr(error, "format_message"):  # Typer's
        return WRONG, f"error: {wrong_call(error)}"
    return FAILED, _known(error) or _unknown(error)


def signal_of(error: BaseException) -> int:
    """Returns the number of the signal that an interrupt is of: SIGINT has none."""
    return next((n for n in error.args if isinstance(n, int)), int(signal.SIGINT))


def _known(error: BaseException) -> str | None:
    """The error line for a fault of the machine, such as a full disk."""
    if _is_want_of_memory(error):
        return (
            "error: expected more memory than this machine or its limits (ulimit -v, a "
            "container's) have; use smaller batches, fewer --workers or fewer samples"
        )
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if error.filename is None and error.errno not in _ADVICE:
        return None
    advice = _ADVICE.get(error.errno, "check that it exists, and its permissions")
    what = error.filename or "a file or the output"
    if isinstance(what, bytes):
        what = os.fsdecode(what)
    return f"error: {what}: cannot be read or written ({error.strerror}); {advice}"


def _is_want_of_memory(error: BaseException) -> bool:
    if any(kind.__name__ in _NO_MEMORY for kind in type(error).__mro__):
        return True
    may_be = isinstance(error, ImportError | OSError | RuntimeError)
    return may_be and _NO_MEMORY_SAID.search(str(error)) is not None


def _unknown(error: BaseException) -> str:
    """The line of an internal error: its cause, and the file with its traceback."""
    kept = _keep("".join(traceback.format_exception(error)))
    place = f"is in {kept}" if kept else "could not be saved"
    kinds = (
        (EOFError, "; a file may be cut off: make or fetch it again"),
        (RecursionError, "; something in a file may be nested without an end"),
        (UnicodeError, "; a name or a file may not be UTF-8"),
    )
    hint = next((hint for kind, hint in kinds if isinstance(error, kind)), "")
    return f"internal error: {cause(error)}{hint}; its traceback {place}"


def _keep(content: str) -> Path | None:
    """Writes a file that only this user can read, under a name nobody can guess."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    for folder in (Path(os.path.expanduser(state), "autoai4eo"), None):
        with contextlib.suppress(OSError):
            if folder is not None:
                if not folder.is_absolute():
                    continue
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            opened, name = tempfile.mkstemp(".txt", "traceback-", folder)
            with open(opened, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(content)
            return Path(name)
    return None


def _has_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True
