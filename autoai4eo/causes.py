"""Describes the cause of an error in one line.

Keras re-raises the error of a layer with the cause on a later line of the message;
TensorFlow prints the stack of an operation before the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoai4eo.errors import UserError
from autoai4eo.text import line

_BOLD = re.compile(r"\x1b\[[0-9;]*m")
# Messages with which Keras wraps an error and which give no reason themselves.
_WRAPPED = re.compile(r"Exception encountered when calling|Could not automatically inf")
_ARGUMENTS = re.compile(r"\n\s*Arguments received by ")
# A place in the code and its source line, as tracebacks and AutoGraph print them.
_PLACE = re.compile(r'^\s*File ".*\n(?:\s{8}.*\n)?', re.MULTILINE)
_HEADING = re.compile(
    rf"{_WRAPPED.pattern}|Graph execution error:|Detected at node|in user code:"
    r"|\d+ root error|<stack traces unavailable>|Traceback \("
)
# Text that TensorFlow writes before and after the reason.
_AROUND = re.compile(
    r"^\(\d+\) [A-Z_]+:\s*|\{\{function_node [^}]*\}\}\s*|\s*\[Op:\w+\](?: name:)?.*$"
)


def cause(error: BaseException) -> str:
    """Describes an error and its innermost cause, each with its type, in one line."""
    links = [link for link in chain(error) if not _WRAPPED.match(_text(link))]
    if not links:
        return _described(error)
    outer, inner = _described(links[0]), _described(links[-1])
    return outer if outer == inner else f"{outer}; caused by {inner}"


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error, its cause, and so on to the innermost cause."""
    link: BaseException | None = error
    while link is not None:
        yield link
        if isinstance(link, UserError):
            return  # its message is complete
        # Keras hides the error that it wraps (raise … from None)
        link = link.__cause__ or link.__context__


def _described(error: BaseException) -> str:
    name, reason = type(error).__name__, _line(_text(error))
    return reason if reason.startswith(f"{name}:") else f"{name}: {reason}".rstrip(": ")


def _text(error: BaseException) -> str:
    # str() of a KeyError quotes its text and escapes line breaks
    whole = len(error.args) == 1 and isinstance(error.args[0], str)
    return _BOLD.sub("", error.args[0] if whole else str(error))


def _line(text: str) -> str:
    """Returns the line of a message that gives the reason."""
    text = _PLACE.sub("", _ARGUMENTS.split(text)[0] + "\n")
    for part in text.splitlines():
        found = _AROUND.sub("", part.strip())
        if found and not _HEADING.match(found):
            return line(found)
    return ""
