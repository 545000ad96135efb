"""Why something failed, in one line.

Keras raises the error of a layer anew, with the cause on a later line of its message;
TensorFlow puts the stack of an operation before what went wrong in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoai4eo.errors import UserError
from autoai4eo.text import line

_BOLD = re.compile(r"\x1b\[[0-9;]*m")
# What Keras wraps an error in, where nothing else is said.
_WRAPPED = re.compile(r"Exception encountered when calling|Could not automatically inf")
_ARGUMENTS = re.compile(r"\n\s*Arguments received by ")
# A place in the code, and the code there, as tracebacks and AutoGraph tell it.
_PLACE = re.compile(r'^\s*File ".*\n(?:\s{8}.*\n)?', re.MULTILINE)
_HEADING = re.compile(
    rf"{_WRAPPED.pattern}|Graph execution error:|Detected at node|in user code:"
    r"|\d+ root error|<stack traces unavailable>|Traceback \("
)
# What TensorFlow writes before and after the reason.
_AROUND = re.compile(
    r"^\(\d+\) [A-Z_]+:\s*|\{\{function_node [^}]*\}\}\s*|\s*\[Op:\w+\](?: name:)?.*$"
)


def cause(error: BaseException) -> str:
    """An error and the innermost one behind it, each with its type, in one line."""
    told = [link for link in chain(error) if not _WRAPPED.match(_text(link))]
    if not told:
        return _told(error)
    outer, inner = _told(told[0]), _told(told[-1])
    return outer if outer == inner else f"{outer}; caused by {inner}"


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, that behind it, and so on to the innermost."""
    link: BaseException | None = error
    while link is not None:
        yield link
        if isinstance(link, UserError):
            return  # says all that there is to say
        # Keras hides the error that it wraps (raise … from None)
        link = link.__cause__ or link.__context__


def _told(error: BaseException) -> str:
    name, told = type(error).__name__, _line(_text(error))
    return told if told.startswith(f"{name}:") else f"{name}: {told}".rstrip(": ")


def _text(error: BaseException) -> str:
    # a KeyError's own text is quoted, so that its lines are none
    whole = len(error.args) == 1 and isinstance(error.args[0], str)
    return _BOLD.sub("", error.args[0] if whole else str(error))


def _line(text: str) -> str:
    """The line of a message that says what went wrong."""
    text = _PLACE.sub("", _ARGUMENTS.split(text)[0] + "\n")
    for part in text.splitlines():
        found = _AROUND.sub("", part.strip())
        if found and not _HEADING.match(found):
            return line(found)
    return ""
