"""Error lines for wrong calls: what was expected, what was found, the next step.

Typer contains a copy of click, whose exceptions have no public names: they are told
apart by their attributes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from typer.core import TyperArgument

#: What pydantic expected, by the type of its error; its context fills the braces.
_EXPECTED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_parsing": "a number",
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
}


def wrong_call(error: Any) -> str:
    """Returns the line for an exception of Typer, without ``error:``.

    Args:
        error: a click exception, which has ``format_message``.
    """
    context = getattr(error, "ctx", None)
    path = context.command_path if context else ""
    help_ = f"see {path or 'autoai4eo'} --help"
    if hasattr(error, "possibilities"):
        return (
            f"{path or 'autoai4eo'}: expected an option that it has, found "
            f"{error.option_name}; {did_you_mean(error.possibilities)}{help_}"
        )
    if option := getattr(error, "option_name", None):
        if "does not take" in error.message:
            return f"{option}: expected no value, found one; give {option} alone"
        return f"{option}: expected a value, found none; give one after it"
    if (parameter := getattr(error, "param", None)) is not None:
        name = _name(parameter)
        if hasattr(error, "param_type"):
            return f"{path}: expected {name}, found none; {help_}"
        return f"{name}: {_wrong_value(error)}; {help_}"
    return f"{path + ': ' if path else ''}{error.format_message().rstrip('.')}; {help_}"


def did_you_mean(names: Iterable[str] | None) -> str:
    """Returns a question with names that the user may have meant, or ""."""
    some = " or ".join(sorted(names or ()))
    return f"did you mean {some}? " if some else ""


def like(name: str, known: Iterable[str]) -> str:
    """Returns `did_you_mean` of the known names that are like a wrong one."""
    return did_you_mean(difflib.get_close_matches(name, list(known)))


def _name(parameter: Any) -> str:
    if isinstance(parameter, TyperArgument):
        return str(parameter.metavar or parameter.name)
    return str(max(parameter.opts, key=len))


def _wrong_value(error: Any) -> str:
    """Returns what was expected of a value, and what was found."""
    cause = error.__cause__
    if not hasattr(cause, "errors"):
        return str(error.message).rstrip(".")
    first = cause.errors()[0]
    found = f"found {str(first['input'])[:40]!r}"
    if first["type"] in _EXPECTED:
        wanted = _EXPECTED[first["type"]].format(**first.get("ctx", {}))
        return f"expected {wanted}, {found}"
    return f"{first['msg']}, {found}"
