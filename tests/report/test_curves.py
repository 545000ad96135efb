"""Learning curves: no name lies on a line, the key names every kind of line."""

import re
from pathlib import Path

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.report.costs import cost_charts
from autoai4eo.report.curves import curves
from autoai4eo.runs.reading import Snapshot, Trial

KAPPA = "val_cohen_kappa"


def curve(*values):
    return [{"epoch": i + 1, KAPPA: value} for i, value in enumerate(values)]


def snapshot(**more):
    figures = [{KAPPA: 0.7, "params": 9.0}, {KAPPA: 0.5, "params": 3.0}]
    trials = [
        Trial(0, "complete", "", figures[0], {}, curve(0.6, 0.7), True, True),
        Trial(1, "complete", "", figures[1], {}, curve(0.4, 0.5), False, False),
    ]
    asked = {"arguments": {}}
    objectives = tuple(parse_objectives(KAPPA))
    return Snapshot(
        Path("run"), "finished", asked, objectives, trials, {}, {}, {}, **more
    )


def test_lines_are_named_in_the_key_alone():
    """Users rely on: a name lies on no line."""
    found = curves(snapshot(last_curve=curve(0.65, 0.66)), [KAPPA, "val_loss"])
    (chart,) = found["charts"]  # no trial has a loss
    words = " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", chart))
    assert "epoch" in words and "trial" not in words and "finalist" not in words
    told = [word for _, word in found["key"]]
    assert told == [
        *["finalist, its own training", "trial 0, of the finalist", "other trials"]
    ]
    assert len({str(line) for line, _ in found["key"]}) == 3
    without = curves(snapshot(), [KAPPA])["key"]
    assert [word for _, word in without] == told[1:]
    assert curves(snapshot(), ["val_loss"]) == {}


def test_the_line_of_a_cost_is_of_the_chart_not_of_the_search():
    """With one objective there is one best trial; the line joins two."""
    told = [word for _, word in cost_charts(snapshot(), KAPPA, ["params"])["key"]]
    assert (
        "joins the trials that are Pareto-optimal in the two figures of the chart"
        in (told)
    )
