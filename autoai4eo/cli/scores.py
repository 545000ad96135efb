"""Prints the scores of a network on some data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autoai4eo.cli.console import MISSING, console, print_table
from autoai4eo.learning.figures import FIGURES, METRICS, find
from autoai4eo.learning.verdict import (
    in_words,
    resampled,
    short,
    title,
    told_single,
    verdict,
)
from autoai4eo.text import listed, plural


def finalist_story(run: Path) -> str:
    """Returns why the scores of a run's finalist and of its trial differ."""
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.network_id import finalist_in
    from autoai4eo.runs.networks import known_network
    from autoai4eo.runs.study import objectives_of, open_study
    from autoai4eo.runs.two_figures import two_figures

    evaluation = Run(run).read_evaluation()
    finalist = finalist_in(evaluation)
    if finalist is None:
        return ""
    study = open_study(run)
    known = known_network(run, study, finalist)
    return two_figures(evaluation, known.metrics, objectives_of(study))


def print_scores(scores: dict[str, Any], heading: str) -> None:
    """Prints the scores of an evaluation."""
    console.print(heading, style="bold")
    known = [name for name in METRICS if name in scores]
    texts = {n: f"{FIGURES[n].label} {FIGURES[n].text(scores[n])}" for n in known}
    for name, interval in scores["intervals"].items():
        low, high = map(FIGURES[name].text, interval)
        texts[name] += f" ({low} to {high})"
    console.print("   ".join(texts.values()))
    console.print(f"in brackets: 95 % intervals {resampled(scores)}")
    if any(low == high for low, high in scores["intervals"].values()):
        console.print(
            "an interval of no width says nothing: every resample of these samples has "
            "the same score, as where all are right, or all are wrong"
        )
    if (worst := scores.get("worst_group")) is not None:
        console.print(
            f"worst group: the {worst['groups']} {worst['name']}, of {worst['count']} "
            f"that have {worst['least']} samples or more and several classes"
        )
    for name, found in scores.get("references", {}).items():
        console.print(f"reference {short(name)} ({title(name)}): {in_words(found)}")
    if "against_reference" in scores:
        console.print(verdict(scores["against_reference"]))
    if scores.get("absent_classes"):
        console.print(
            "not in these data, left out of means over the classes (of F1 only if "
            f"never predicted): {listed(scores['absent_classes'])}"
        )
    parts = scores.get("per_class") or scores.get("per_value") or {}
    columns = list(dict.fromkeys(n for figures in parts.values() for n in figures))
    absent = scores.get("absent_classes", ())  # told above
    rows = [
        [name, *(_cell(c, figures[c]) for c in columns)]
        for name, figures in parts.items()
        if name not in absent
    ]
    kind = "value" if "per_value" in scores else "class"
    support = "pixels" if "iou" in columns else "samples"
    heads = [support if c == "support" else find(c).short for c in columns]
    print_table("", [kind, *heads], rows)
    if single := told_single(scores):
        console.print(single)
    if "by_group" in scores:
        _print_groups(scores["by_group"], "tiles" if "iou" in columns else "samples")


def _cell(name: str, value: float | None) -> float | str:
    return MISSING if value is None else find(name).cell(value)


def _print_groups(found: dict[str, Any], samples: str) -> None:
    """Prints the scores of each group, worst first, and the worst and the median.

    Args:
        found: the result of `by_group`.
        samples: what its ``samples`` are.
    """
    metric, group = FIGURES[found["metric"]], found["group"]
    by, sign = metric.name, -1 if metric.direction == "min" else 1
    defined = [n for n, one in found["groups"].items() if one[by] is not None]
    if not defined:  # kappa, in groups of one class
        by, sign = "accuracy", 1
    groups = sorted(
        found["groups"].items(),
        key=lambda one: (one[1][by] is None, sign * (one[1][by] or 0.0)),
    )
    columns = list(dict.fromkeys(n for _, figures in groups for n in figures))
    rows = [
        [name, *(_cell(c, figures[c]) for c in columns)] for name, figures in groups
    ]
    heads = [samples if c == "samples" else find(c).short for c in columns]
    print_table("", [group, *heads], rows)
    name = metric.label
    if metric.short not in name:
        name += f" ({metric.short})"  # as in the table
    if not defined:
        console.print(
            f"{name} is not defined in any {group}: each has samples of one "
            f"class only; compare {plural(group)} by OA, the overall accuracy, or "
            "take larger groups"
        )
    elif found["worst_group"] is None:
        console.print(
            f"no {group} has {found['least']} {samples} or more and a defined {name}"
        )
    else:
        least = found["least"]
        few = [f"fewer than {least} {samples}"] if least > 1 else []
        few += ["one class"] if metric.name == "cohen_kappa" else []
        end = "," if len(few) > 1 else ""
        left_out = f"; groups of {', or of '.join(few)}{end} do not count"
        left_out = left_out if few else ""
        console.print(
            f"{name} by {group}: worst {metric.text(found['worst'])} "
            f"({found['worst_group']}), median {metric.text(found['median'])}{left_out}"
        )
