"""The ends of a chart's axes, and the values that are labelled on them."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.report import axis_scale, charts


@pytest.mark.parametrize(
    ("value", "words"),
    [(1200, "1.2k"), (3e6, "3M"), (0, "0"), (0.25, "0.25"), (2e9, "2G")],
)
def test_values_on_an_axis_are_short(value, words):
    assert axis_scale.short(value) == words


def ticks(axes, which):
    words = ElementTree.fromstring(charts.svg(axes, "x")).iter("text")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    shown = [
        axis_scale.short(at) for at in axis.get_majorticklocs() if low <= at <= high
    ]
    assert set(shown) <= {word.text for word in words}
    return shown


@pytest.mark.parametrize("last", [1, 2, 3, 4, 5, 7, 8, 12, 20, 35, 100, 999])
def test_epochs_on_an_axis_are_whole(last):
    axes = charts.chart("epoch", "kappa")
    axis_scale.fit_epochs(axes, range(1, last + 1))
    shown = ticks(axes, "x")
    assert shown and all(word.isdecimal() for word in shown)
    assert len(set(shown)) == len(shown) <= 9
    assert last > 7 or shown == [str(epoch) for epoch in range(1, last + 1)]


@pytest.mark.parametrize("values", [[0.975], [0.2, 1.0], [-0.1, 0.99], [1.0]])
def test_no_value_above_the_largest_is_on_an_axis(values):
    axes = charts.chart("epoch", "kappa")
    axis_scale.fit(axes, "y", values, log=False, most=1.0)
    low, high = axes.get_ylim()
    assert low < min(values) and max(values) < high
    assert all(float(word) <= 1 for word in ticks(axes, "y"))


@pytest.mark.parametrize(
    ("low", "high", "most"),
    [(0.0087035, 0.0087081, 4), (0.0083515, 0.0083524, 4), (0.1, 0.22, 7)],
)
def test_long_labels_below_a_chart_are_few(low, high, most):
    """Latencies that lie close together have labels of many digits."""
    axes = charts.chart("latency", "score")
    axis_scale.fit(axes, "x", [low, high])
    begin, end = axes.get_xlim()
    labels = [axis_scale.short(x) for x in axes.get_xticks() if begin <= x <= end]
    assert 2 <= len(labels) <= most and len(set(labels)) == len(labels)


@settings(max_examples=50)
@given(low=st.floats(1e-4, 1e4), width=st.floats(1e-4, 1.0))
def test_labels_below_a_chart_do_not_touch(low, width):
    """Three latencies around 0.0088 ms did, in a narrow window."""
    axes = charts.chart("latency", "score")
    axis_scale.fit(axes, "x", [low, low * (1 + width)], log=False)
    begin, end = axes.get_xlim()
    shown = [x for x in axes.get_xticks() if begin <= x <= end]
    room = (charts.WIDTH - charts.LEFT - charts.RIGHT) / (end - begin)
    halves = [axis_scale._CHARACTER * len(axis_scale.short(x)) / 2 for x in shown]
    for i in range(len(shown) - 1):
        assert halves[i] + halves[i + 1] <= room * (shown[i + 1] - shown[i]) * 1.001
