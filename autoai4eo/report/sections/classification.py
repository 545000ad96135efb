"""One class per sample: confusion matrix, scores by class, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.report.rendering import render
from autoai4eo.report.sections.reliability import reliability_chart


def section(scores: dict[str, Any], classes: Sequence[str]) -> Markup:
    """See `autoai4eo.report.sections`."""
    table = scores.get("reliability")
    return Markup(
        render(
            "sections/classification.html",
            classes=classes,
            absent=scores.get("absent_classes"),
            confusion=_confusion(classes, scores["confusion_matrix"]),
            per_class=list(scores["per_class"].items()),
            reliability=reliability_chart(table) if table else None,
            calibration=_calibration(scores),
        )
    )


def _calibration(scores: dict[str, Any]) -> str:
    if "temperature" not in scores:
        return ""
    return (
        f"Divided by a temperature of {scores['temperature']:.2f}, which was fitted to "
        "these samples, its logits have a calibration error of "
        f"{scores['calibrated_expected_calibration_error']:.3f}."
    )


def _confusion(classes: Sequence[str], matrix: list[list[int]]) -> list[dict[str, Any]]:
    rows = []
    for i, (name, row) in enumerate(zip(classes, matrix, strict=True)):
        cells = []
        for j, (other, count) in enumerate(zip(classes, row, strict=True)):
            share = count / sum(row) if sum(row) else 0.0
            colour = "31,111,235" if i == j else "217,72,15"
            cells.append(
                {
                    "name": other,
                    "count": count,
                    "background": f"rgba({colour},{share:.2f})" if count else "#f6f8fa",
                    "ink": "#fff" if share > 0.55 else "#1c2733",
                }
            )
        rows.append({"name": name, "cells": cells})
    return rows
