"""Pages that need nothing beside them, from the templates of this folder."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from autoai4eo.learning.figures import rounded
from autoai4eo.text import line


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("autoai4eo.report"),
        autoescape=True,
        finalize=_readable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = rounded
    return environment


def _readable(value: Any) -> Any:
    """What HTML's escaping leaves as it is: characters that hide or turn around."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    return line(str(value))


def render(template: str, **values: Any) -> str:
    """A page; what comes from the user is escaped as HTML needs it, and in one line.

    Args:
        template: the file's name in ``templates``.
        **values: what it asks for.
    """
    return _environment().get_template(template).render(**values)
