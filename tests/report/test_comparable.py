"""A chart of latency shows one device and runtime, and says what it leaves out."""

import html
from xml.etree import ElementTree

import pytest
from optuna.trial import TrialState, create_trial

from autoai4eo.report.comparable import left_out
from autoai4eo.report.notebook import notebook_view
from autoai4eo.report.page import write_report
from autoai4eo.report.trials import axes_of, cost_chart
from autoai4eo.runs.reading import read
from autoai4eo.runs.study import open_study

COST = "latency_ms"


@pytest.fixture
def resumed_elsewhere(run, searched):
    """The run, whose search was resumed on another device: a trial is from there."""
    study = open_study(run, searched.objectives)
    measured = [t for t in study.trials if t.state == TrialState.COMPLETE]
    cost = {**measured[0].user_attrs["cost"], "device": "GPU of elsewhere"}
    metrics = measured[0].user_attrs["metrics"]
    kept = {"cost": cost, "metrics": metrics}
    study.add_trial(create_trial(values=measured[0].values, user_attrs=kept))
    return run


def drawn(snapshot, cost):
    metric, _ = axes_of(snapshot)
    root = ElementTree.fromstring(cost_chart(snapshot, metric, cost))
    return {
        int(mark.attrib["data-trial"]) for mark in root.findall(".//g[@data-trial]")
    }


def test_a_chart_leaves_out_what_another_device_measured(resumed_elsewhere):
    snapshot = read(resumed_elsewhere)
    *_, last = snapshot.trials
    known = {t.number for t in snapshot.trials if COST in t.figures}
    assert last.number in known and len(known) > 2
    assert drawn(snapshot, COST) == known - {last.number}
    assert last.number in drawn(snapshot, "params")  # which is counted
    told = left_out(snapshot, COST)
    assert f": trial {last.number}, measured with onnx" in told
    assert "on GPU of elsewhere" in told and left_out(snapshot, "params") == ""


def test_page_and_notebook_say_so(resumed_elsewhere):
    told = read(resumed_elsewhere).told_apart
    assert told.startswith("latencies cannot be compared (")
    page = html.unescape(write_report(resumed_elsewhere).read_text())
    assert f"The {told}." in page and page.count("Not in this chart, which shows") == 1
    assert told in html.unescape(notebook_view(resumed_elsewhere))


def test_of_a_search_on_one_device_what_measured_is_all_that_is_said(run):
    snapshot = read(run)
    assert snapshot.told_apart == "" and left_out(snapshot, COST) == ""
    assert snapshot.told_alike.startswith("latency in ms: onnx in float32 with ")
    assert snapshot.told_alike in html.unescape(notebook_view(run))
    assert drawn(snapshot, COST) == {
        t.number for t in snapshot.trials if COST in t.figures
    }
