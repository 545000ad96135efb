"""Options of the form NAME=NUMBER: limits of costs, and the cheaper training."""

from __future__ import annotations

from collections.abc import Sequence

from autoai4eo.errors import UserError


def parse_limits(
    texts: Sequence[str], option: str = "--constraint"
) -> dict[str, float]:
    """Returns the limits of costs by name, of an option that may be repeated.

    Raises:
        UserError: there is no limit, or two of one cost.
    """
    return _numbers(texts, option, "NAME=LIMIT such as latency_ms=2")


def parse_proxy(text: str | None) -> dict[str, float] | None:
    """Returns the cheaper training of ``--proxy``.

    Raises:
        UserError: a value is no number, or a name occurs twice.
    """
    if text is None:
        return None
    return _numbers(text.split(","), "--proxy", "such as epochs=5,fraction=0.25")


def _numbers(texts: Sequence[str], option: str, form: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        try:
            number = float(value if name else "")
        except ValueError:
            raise UserError(f"{option}: expected {form}, got {text!r}") from None
        if name in found:
            raise UserError(f"{option}: expected {name} once, got it twice")
        found[name] = number
    return found
