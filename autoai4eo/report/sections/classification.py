"""One class per sample: confusion matrix, scores by class, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.learning.verdict import told_single, told_unseen
from autoai4eo.report.rendering import render
from autoai4eo.report.sections.confusion import confusion, labels
from autoai4eo.report.sections.reliability import reliability_chart


def section(scores: dict[str, Any], classes: Sequence[str]) -> Markup:
    """See `autoai4eo.report.sections`."""
    table = scores.get("reliability")
    unseen = scores.get("unseen_classes", ())
    shown = [i for i, name in enumerate(classes) if name not in unseen]
    return Markup(
        render(
            "sections/classification.html",
            heads=[(labels(classes)[i][0], classes[i]) for i in shown],
            absent=scores.get("absent_classes"),
            left_out=" ".join([told_unseen(scores), told_single(scores)]).strip(),
            confusion=confusion(classes, scores["confusion_matrix"], shown),
            per_class=[
                (n, f) for n, f in scores["per_class"].items() if n not in unseen
            ],
            reliability=reliability_chart(table) if table else None,
            calibration=_calibration(scores),
        )
    )


def _calibration(scores: dict[str, Any]) -> str:
    if "temperature" not in scores:
        return ""
    before = scores.get("expected_calibration_error")
    after = scores["calibrated_expected_calibration_error"]
    worse = before is not None and after >= before
    told = f"Divided by a temperature of {scores['temperature']:.2f}"
    return (
        f"{told}, at which the classes of these samples are most likely, its "
        "logits have a calibration error of "
        f"{after:.3f}{', which is no gain: do not calibrate it' if worse else ''}."
    )
