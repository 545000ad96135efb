"""The reliability diagram: how often a network is right, by how sure it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.report.charts import Axis, Chart

_ROOM = 0.015


def reliability_chart(table: Sequence[dict[str, Any]]) -> Markup:
    """Accuracy of each bin of the confidence; the darker, the more samples.

    Args:
        table: the ``reliability`` of an evaluation.
    """
    chart = Chart(
        Axis("confidence", 0, 1), Axis("accuracy", 0, 1), "accuracy against confidence"
    )
    most = max(row["samples"] for row in table)
    for row in table:
        if not row["samples"]:
            continue
        width = _ROOM * (row["to"] - row["from"])
        strength = 0.3 + 0.7 * (row["samples"] / most) ** 0.5
        fill = Markup('fill="#1f6feb" fill-opacity="{}"').format(round(strength, 2))
        low, high = row["from"] + width, row["to"] - width
        chart.rectangle((low, 0), (high, row["accuracy"]), fill)
        sure = row["mean_confidence"]
        chart.line(
            [(low, sure), (high, sure)], Markup('stroke="#d9480f" stroke-width="3.5"')
        )
    chart.line([(0, 0), (1, 1)], Markup('stroke="#5b6b7b" stroke-dasharray="6 4"'))
    return chart.svg()
