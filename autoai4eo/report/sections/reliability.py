"""The reliability diagram: how often a network is right, by how sure it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.report import axis_scale, charts

_ROOM = 0.015


def reliability_chart(table: Sequence[dict[str, Any]]) -> Markup:
    """Accuracy of each bin of the confidence; the darker, the more samples.

    Args:
        table: the ``reliability`` of an evaluation.
    """
    axes = charts.chart("confidence", "accuracy")
    for which in ("x", "y"):
        axis_scale.scale(axes, which, 0, 1)
    most = max(row["samples"] for row in table)
    for row in table:
        if not row["samples"]:
            continue
        room = _ROOM * (row["to"] - row["from"])
        low, high = row["from"] + room, row["to"] - room
        strength = 0.3 + 0.7 * (row["samples"] / most) ** 0.5
        axes.bar(
            low,
            row["accuracy"],
            high - low,
            align="edge",
            color="#1f6feb",
            alpha=strength,
        )
        axes.plot([low, high], [row["mean_confidence"]] * 2, color="#d9480f", lw=3.5)
    axes.plot([0, 1], [0, 1], color="#5b6b7b", ls=(0, (6, 4)), lw=1)
    return charts.svg(axes, "accuracy against confidence")
