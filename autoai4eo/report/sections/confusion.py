"""The confusion matrix of classes, of samples or of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def confusion(
    classes: Sequence[str],
    matrix: list[list[int]],
    shown: Sequence[int],
    in_percent: bool = False,
) -> list[dict[str, Any]]:
    """Returns the rows and cells of the classes that are shown.

    Args:
        classes: the names of all classes.
        matrix: counts; rows: the truth, columns: the prediction.
        shown: the class numbers of rows and columns.
        in_percent: whether a cell tells the percentage of its row in place of a count.
    """
    rows = []
    for i in shown:
        cells = []
        for j in shown:
            count = matrix[i][j]
            share = count / sum(matrix[i]) if count else 0.0
            colour = "31,111,235" if i == j else "217,72,15"
            text = f"{count}" if not in_percent else _percent(share)
            cells.append(
                {
                    "name": classes[j],
                    "text": text if count else "",
                    "told": f"{classes[i]} taken for {classes[j]}: {count:,}",
                    "background": f"rgba({colour},{share:.2f})" if count else "#f6f8fa",
                    "ink": "#fff" if share > 0.55 else "#1c2733",
                }
            )
        rows.append({"number": i + 1, "name": classes[i], "cells": cells})
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.005 else "<1"
