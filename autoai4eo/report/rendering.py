"""Renders self-contained pages from the templates of this folder."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup, escape

from autoai4eo.learning.figures import METRICS, VALIDATION, find, rounded
from autoai4eo.text import line, listed


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
    environment.filters["title_of"] = _title_of
    environment.filters["short_of"] = lambda name: find(name).short
    environment.filters["listed"] = listed
    environment.filters["breakable"] = _breakable
    return environment


def _title_of(name: str) -> str:
    """Returns the title of a column of trials, with the data that a metric is of."""
    title = find(name).title
    if name.startswith(VALIDATION) and title != name:
        return f"{title} (validation)"
    return f"{title} (training)" if name in METRICS else title


def _breakable(name: str) -> Markup:
    """Returns a long name that may go on in a new line: after a slash.

    On paper, where there is less room, also after an underscore.
    """
    escaped = str(escape(line(name)))
    broken = escaped.replace("/", "/<wbr>").replace("_", '_<wbr class="paper">')
    return Markup(broken)


def _readable(value: Any) -> Any:
    """Escapes control and direction characters, which HTML escaping leaves."""
    if isinstance(value, Markup | jinja2.Undefined):
        return value
    return line(str(value))


def render(template: str, **values: Any) -> str:
    """Renders a page; text of the user is escaped for HTML and kept on one line.

    Args:
        template: name of a file in ``templates``.
        **values: variables of the template.
    """
    return _environment().get_template(template).render(**values)
