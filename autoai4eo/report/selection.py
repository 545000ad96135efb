"""The section about the selection of the finalist."""

from __future__ import annotations

from functools import partial
from typing import Any

from autoai4eo.learning.figures import Figure, find
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.reading import Snapshot
from autoai4eo.runs.selection import read_selection


def selection(run: Snapshot) -> dict[str, Any]:
    """Returns the trials that were compared to select it, with their noise."""
    found = run.part(lambda: read_selection(run.path), None)
    if found is None:
        return {"rows": []}
    finalist = None if run.finalist is None else run.finalist.id
    chosen = ""
    if finalist not in (None, NetworkId(TRIAL, found.chosen)):
        chosen = f" Since then {finalist} was chosen as the finalist."
    metric, cost = find(found.metric), find(found.cost)
    repeats = max(len(one.figures) for one in found.candidates)
    return {
        "told": found.told + chosen,
        "columns": [
            metric.label,
            "standard error",
            "behind the best",
            "standard error of the gap",
            cost.title,
            *(f"{i + 1}" for i in range(repeats)),
        ],
        "rows": [
            {
                "name": f"trial {one.trial}",
                "kind": "finalist"
                if NetworkId(TRIAL, one.trial) == finalist
                else "front"
                if one.is_tied
                else "",
                "figures": [
                    *map(
                        partial(_told, metric),
                        (one.mean, one.standard_error, one.behind, one.behind_error),
                    ),
                    _told(cost, one.cost),
                    *map(partial(_told, metric), one.figures),
                ],
            }
            for one in found.candidates
        ],
    }


def _told(figure: Figure, value: float | None) -> tuple[float | None, str]:
    return value, "" if value is None else figure.exact(value)
