"""The scores in the description of an exported model, with those of references."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoai4eo.learning.figures import FIGURES, METRICS
from autoai4eo.learning.verdict import title, verdict
from autoai4eo.runs.evaluations import evaluations_of
from autoai4eo.runs.network_id import NetworkId, Which, scored_in

_CALIBRATION = "expected_calibration_error"


def scores_on_validation(
    kind: str, evaluation: Mapping[str, Any], of_trial: Mapping[str, float]
) -> dict[str, Any]:
    """Returns scores on the validation data, with their intervals if known."""
    of_finalist = evaluation.get("metrics", {})
    alone = evaluation.get("trained_on", "training") == "training"
    figures = {**of_trial, **of_finalist} if alone else of_trial
    intervals = evaluation.get("intervals", {})
    told: dict[str, Any] = {
        "on": "validation",
        "of": "this network"
        if alone
        else "the same architecture trained on the training data alone",
    }
    for name in METRICS:
        if kind not in FIGURES[name].kinds or name == "loss":
            continue
        value = evaluation.get(name, figures.get(f"val_{name}"))
        if value is not None:
            told[name] = {"value": value, "interval_95": intervals.get(name)}
    if kind == "mask" and "per_class" in evaluation:
        told["iou_by_class"] = {
            name: one["iou"] if one["support"] else None
            for name, one in evaluation["per_class"].items()
        }
    if "confusion_matrix" in evaluation:
        told["confusion_matrix"] = {
            "rows": "truth",
            "columns": "prediction",
            "counts": evaluation["confusion_matrix"],
        }
    for name in (
        "resampled_by",
        "resampled_groups",
        "absent_classes",
        "temperature",
    ):
        if name in evaluation:
            told[name] = evaluation[name]
    return told


def beside_references(
    evaluation: Mapping[str, Any], data: str = "validation"
) -> dict[str, Any]:
    """Returns the scores of the references on the same data, and the comparison."""
    if "against_reference" not in evaluation:
        return {}
    return {
        "references": {
            title(name): {n: scores[n] for n in METRICS if n in scores}
            for name, scores in evaluation["references"].items()
        },
        "verdict": verdict(
            evaluation["against_reference"], data, scored_in(evaluation)
        ),
    }


def scores_on_other_data(
    run: Path,
    trial: Which,
    chosen: NetworkId,
    finalist: Mapping[str, Any],
    calibrated: bool,
) -> list[dict[str, Any]]:
    """Returns the scores of the network on data that it has not seen.

    It neither learned from these nor was chosen by them. The latest come first. Its
    calibration was measured before it was calibrated.
    """
    is_finalist = trial is None
    network = finalist.get("network") if is_finalist else None
    return [
        {
            "data": {**one.data, "path": one.name},
            "evaluated": one.evaluated,
            "resampled_by": one.scores.get("resampled_by"),
            "resampled_groups": one.scores.get("resampled_groups"),
            "metrics": {
                name: {
                    "value": one.scores[name],
                    "interval_95": one.scores.get("intervals", {}).get(name),
                }
                for name in METRICS
                if name in one.scores and not (calibrated and name == _CALIBRATION)
            },
            **beside_references(one.scores, one.name),
        }
        for one in evaluations_of(run)[::-1]
        if one.was_finalist == is_finalist
        and one.of == chosen
        and one.is_unseen
        and network in (None, one.network)
    ]
