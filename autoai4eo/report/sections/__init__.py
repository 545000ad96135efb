"""What a report shows for each kind of target: one file a kind.

A section takes the scores of an evaluation and the names of the classes, and returns
HTML. A new kind of target adds a file here, a template and a line in `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.report.sections import classification, each, segmentation

SECTIONS: dict[str, Callable[[dict[str, Any], Sequence[str]], Markup]] = {
    "class": classification.section,
    "labels": each.section,
    "value": each.section,
    "mask": segmentation.section,
}
