"""The confusion matrix of classes, of samples or of pixels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from autoai4eo.data.target import UNNAMED_CLASS

_CODED = re.compile(r"(\d+|[A-Z])\s+(\S.*)")


def confusion(
    classes: Sequence[str],
    matrix: list[list[int]],
    shown: Sequence[int],
) -> list[dict[str, Any]]:
    """Returns the rows and cells of the classes that are shown.

    Args:
        classes: the names of all classes.
        matrix: counts; rows: the truth, columns: the prediction.
        shown: the class numbers of rows and columns.

    Returns:
        For each row ``code``, ``name`` and ``cells``; for each cell ``count``, the
        percentage of the row ``percent``, both empty for 0, and how it looks.
    """
    coded = labels(classes)
    rows = []
    for i in shown:
        cells = []
        for j in shown:
            count = matrix[i][j]
            share = count / sum(matrix[i]) if count else 0.0
            colour = "31,111,235" if i == j else "217,72,15"
            cells.append(
                {
                    "count": f"{count:,}" if count else "",
                    "percent": _percent(share) if count else "",
                    "told": f"{classes[i]} taken for {classes[j]}: {count:,}",
                    "background": f"rgba({colour},{share:.2f})" if count else "#f6f8fa",
                    "ink": "#fff" if share > 0.55 else "#1c2733",
                }
            )
        code, name = coded[i]
        rows.append({"code": code, "name": name, "cells": cells})
    return rows


def labels(classes: Sequence[str]) -> list[tuple[str, str]]:
    """Returns a short code of each class, for the heads of columns, and the rest.

    The code is the number or letter that all names begin with, as those of "1 compact
    high-rise" and "A dense trees"; of classes without names it is what they are called
    everywhere, "class 5"; otherwise the class number, from 1.
    """
    if all(map(UNNAMED_CLASS.fullmatch, classes)):
        return [(name, "") for name in classes]
    found = [_CODED.fullmatch(name) for name in classes]
    coded = [(match[1], match[2]) for match in found if match]
    if len(dict(coded)) == len(classes):
        return coded
    return [(f"{number}", name) for number, name in enumerate(classes, 1)]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.005 else "<1"
