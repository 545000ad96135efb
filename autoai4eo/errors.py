"""The errors that end a command with one line."""

from __future__ import annotations

from autoai4eo.text import line


class UserError(ValueError):
    """The input or the call is wrong.

    The message is one line: what was expected, what was found, the next step.
    The command line prints it after ``error:`` and ends with exit status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(line(message))


class MissingError(UserError):
    """What was to be read is not there."""


class DamagedError(UserError):
    """What was to be read is there, but not whole, or not what was left there."""


class SearchError(RuntimeError):
    """A search ended without a result, by no mistake in the call.

    The message is one line, with the cause. The command line prints it after
    ``error:`` and ends with exit status 1.
    """

    def __init__(self, message: str) -> None:
        super().__init__(line(message))
