"""Several labels or values per sample: a table with the scores of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.learning.figures import find
from autoai4eo.learning.verdict import told_unseen
from autoai4eo.report.rendering import render


def section(scores: dict[str, Any], classes: Sequence[str]) -> Markup:
    """See `autoai4eo.report.sections`."""
    parts = scores.get("per_class") or scores.get("per_value") or {}
    columns = list(dict.fromkeys(name for part in parts.values() for name in part))
    return Markup(
        render(
            "sections/each.html",
            absent=scores.get("absent_classes"),
            left_out=told_unseen(scores),
            noun="value" if "per_value" in scores else "class",
            columns=[find(name).short for name in columns],
            rows=[
                (name, [(part.get(c), _text(part, c)) for c in columns])
                for name, part in parts.items()
                if name not in scores.get("unseen_classes", ())
            ],
        )
    )


def _text(part: Mapping[str, float | None], name: str) -> str:
    value = part.get(name)
    return "–" if value is None else find(name).text(value)
