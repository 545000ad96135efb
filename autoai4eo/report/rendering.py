"""Pages that need nothing beside them, from the templates of this folder."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2

from autoai4eo.search.objectives import figure


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("autoai4eo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    return environment


def render(template: str, **values: Any) -> str:
    """A page; what comes from the user is escaped, as HTML needs it.

    Args:
        template: the file's name in ``templates``.
        **values: what it asks for.
    """
    return _environment().get_template(template).render(**values)
