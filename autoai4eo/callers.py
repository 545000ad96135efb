"""Messages in the words of the caller: options in the shell, arguments in Python.

Messages are written in the words of the shell: ``leave --min-agreement out``. A caller
in Python reads ``leave min_agreement out``. Text in backticks stays as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

#: Set while a command runs, and so for the processes that it starts.
_SHELL = "AUTOAI4EO_CALLED_FROM_SHELL"
_OPTION = re.compile(
    r"(?<![\w`-])--(?!nodata\b)([a-z][a-z0-9-]*)"  # --nodata is one of rio
    r"(?: (-?\d+(?:\.\d+)?)\b)?"  # and a number, its value
)
_VALUED = re.compile(
    r"(?<![\w`-])--(task|loss|precision|format|runtime|group|tuner|scale|match-training)"
    r" "
    r"(?!(?:and|as|for|if|in|is|of|on|or|out|to|where|with)\b)([a-z][a-z0-9_-]*)"
)
#: Arguments that have other names than their options.
_NAMES = {
    "constraint": "constraints",
    "input": "inputs",
    "out": "project_name",
    "reference-class": "reference_classes",
    "task": "kind",
    "val": "validation_data",
}
_FLAGS = (
    "allow-no-crs",
    "allow-overlap",
    "allow-remote",
    "overwrite",
    "trust",
    "unlike",
)


def in_shell() -> bool:
    """Returns whether a command was called, rather than Python."""
    return os.environ.get(_SHELL) == "1"


@contextmanager
def called_from_shell() -> Iterator[None]:
    """Makes messages speak of options, in this process and in those that it starts."""
    before = os.environ.get(_SHELL)
    os.environ[_SHELL] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SHELL]
        else:
            os.environ[_SHELL] = before


def in_callers_words(text: str) -> str:
    """Returns a message that names options with the names of arguments in Python.

    In the shell it stays as it is.
    """
    if in_shell():
        return text
    parts = text.split("`")
    parts[::2] = map(_in_python, parts[::2])
    return "`".join(parts)


def either(shell: str, python: str) -> str:
    """Returns the text for the caller, where both need other words."""
    return shell if in_shell() else python


def _in_python(text: str) -> str:
    text = _VALUED.sub(lambda found: f"{_name(found[1])}='{found[2]}'", text)
    # arguments one after another have commas between them
    return re.sub(r"(\w=\S*\w) (?=\w+=)", r"\1, ", _OPTION.sub(_argument, text))


def _argument(found: re.Match[str]) -> str:
    option, number = found[1], found[2]
    if option in _FLAGS:
        return f"{_name(option)}=True" + (f" {number}" if number else "")
    return _name(option) + (f"={number}" if number else "")


def _name(option: str) -> str:
    return _NAMES.get(option, option.replace("-", "_"))
