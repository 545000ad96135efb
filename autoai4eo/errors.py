"""The errors that end a command with one line, and its warnings."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from typing import Any

from autoai4eo.callers import in_callers_words
from autoai4eo.text import line


class UserError(ValueError):
    """The input or the call is wrong.

    The message is one line: what was expected, what was found, the next step; written
    in the words of the shell, see `autoai4eo.callers`. The command line prints it after
    ``error:`` and ends with exit status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(line(in_callers_words(message)))


class MissingError(UserError):
    """The file or folder does not exist."""


class DamagedError(UserError):
    """The file exists, but it is damaged or was changed."""


class UnknownClassError(UserError):
    """Samples have a class that is not among the expected ones."""


class UnknownInputError(UserError):
    """Data have no input of a name that was asked for.

    Attributes:
        path: of the data.
        name: of the input.
        found: names of the inputs that the data have.
    """

    def __init__(self, path: str, name: str, found: Sequence[str]) -> None:
        super().__init__(
            f"{path}: expected an input called {name}, found {', '.join(found)}; "
            "choose among these"
        )
        self.path, self.name, self.found = path, name, tuple(found)


class UnsuitableStrategyError(UserError):
    """The strategy cannot run: several objectives, or a missing extra."""


class AutoAI4EOWarning(UserWarning):
    """Something that a user should know, and that does not end the work.

    The message is written as that of `UserError`. The command line prints it after
    ``warning:``.
    """

    def __init__(self, message: str) -> None:
        super().__init__(in_callers_words(message))


def warn(message: str, kind: type[AutoAI4EOWarning] = AutoAI4EOWarning) -> None:
    """Warns at the user's line: the one that called into this package.

    However deep the function is that warns, and whatever of Keras or AutoKeras lies
    between, so that Python shows a line that the user can change.

    Args:
        message: what the user should know.
        kind: of the warning.
    """
    frame = place = inspect.currentframe()
    while frame is not None:
        if _package_of(frame.f_globals) == _package_of(globals()):
            place = frame.f_back or frame
        frame = frame.f_back
    assert place is not None
    warnings.warn_explicit(
        message,
        kind,
        place.f_code.co_filename,
        place.f_lineno,
        module=place.f_globals.get("__name__"),
        registry=place.f_globals.setdefault("__warningregistry__", {}),
    )


def _package_of(names: dict[str, Any]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]


class SearchError(RuntimeError):
    """A search ended without a result, although the call was right.

    The message is one line, with the cause. The command line prints it after
    ``error:`` and ends with exit status 1.
    """

    def __init__(self, message: str) -> None:
        super().__init__(line(in_callers_words(message)))
