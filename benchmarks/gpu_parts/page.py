"""What all parts found, as one page to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autoai4eo.files import in_one_step, write_json

PAGE = "gpu.md"


def write(out: Path, part: str, content: dict[str, Any], parts: Sequence[str]) -> None:
    """Writes ``PART.json``, then the page of all parts anew.

    Args:
        out: the folder.
        part: whose content it is.
        content: ``card``, ``rows``, ``findings`` and, once it is over, ``ended``.
        parts: all, in the order of the page.
    """
    write_json(out / f"{part}.json", content)
    lines = ["# On a GPU", ""]
    for name in parts:
        if (out / f"{name}.json").exists():
            lines += _section(name, read(out, name))
    with in_one_step(out / PAGE) as temporary:
        temporary.write_text("\n".join(lines), "utf-8")


def read(out: Path, part: str) -> dict[str, Any]:
    """The content of ``PART.json``; {} where the part wrote none."""
    path = out / f"{part}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _section(part: str, content: dict[str, Any]) -> list[str]:
    card = "; ".join(f"{n} {v}" for n, v in content.get("card", {}).items())
    findings = [f"- {n}: {_cell(v)}" for n, v in content.get("findings", {}).items()]
    ended = content.get("ended", "cut with the whole command")
    rows = table(content.get("rows", []))
    return [f"## {part}", "", card, "", *rows, "", *findings, f"- part: {ended}", ""]


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows as a markdown table; a column for each name that any row has."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return ["(no rows)"]
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row.get(n)) for n in names) + " |")
    return lines


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
