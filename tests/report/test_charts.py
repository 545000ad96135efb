"""Charts as a page holds them: by themselves, with marks to point at."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.report import charts, trials
from autoai4eo.runs.reading import Trial

COST, SPREAD = "latency_ms", "latency_spread_ms"


@pytest.fixture
def drawn():
    """A chart of a point, a curve and a hollow mark below, as an element tree."""
    axes = charts.chart("cost <b>", "kappa")
    charts.fit(axes, "x", [10, 10_000])
    charts.fit(axes, "y", [0.2, 0.8], log=False)
    axes.plot([10], [0.8], "o", gid=charts.mark_of(7))
    axes.plot([10, 10_000], [0.2, 0.8], gid=charts.curve_of(8))
    strip = charts.strip_below(axes, "no score")
    strip.plot([10_000], [0.5], "x", gid=charts.mark_of(9))
    return ElementTree.fromstring(charts.svg(axes, 'a "title"', {7: "trial 7 <b>"}))


def marks(drawn):
    found = drawn.findall(".//g[@data-trial]")
    return {mark.attrib["data-trial"]: mark for mark in found}


def test_a_mark_can_be_pointed_at_and_focused(drawn):
    """Users rely on: a trial is told by mouse, touch and keyboard."""
    assert marks(drawn).keys() == {"7", "8", "9"}
    assert all(mark.attrib["tabindex"] == "0" for mark in marks(drawn).values())
    classes = [mark.attrib["class"] for mark in marks(drawn).values()]
    assert sorted(classes) == ["mark", "mark", "mark curve"]
    assert all(mark.findall(".//path") for mark in marks(drawn).values())
    assert [title.text for title in drawn.iter("title")] == ["trial 7 <b>"]


def test_it_refers_to_nothing_and_has_no_names(drawn):
    """Users rely on: several charts of a page do not get in each other's way."""
    for element in drawn.iter():
        assert element.tag not in ("use", "defs", "clipPath", "style", "metadata")
        assert not {"id", "clip-path"} & element.attrib.keys()
        assert not any("href" in name for name in element.attrib)


def test_text_is_text(drawn):
    words = [text.text for text in drawn.iter("text")]
    assert "cost <b>" in words and "kappa" in words and "no score" in words
    assert drawn.attrib["aria-label"] == 'a "title"'
    assert "\\n" not in ElementTree.tostring(drawn, encoding="unicode")


def test_what_spans_a_lot_is_on_a_logarithmic_axis_also_in_the_strip(drawn):
    def left(number):
        (path,) = marks(drawn)[number].iter("path")
        return float(path.attrib["transform"].partition("(")[2].split()[0])

    words = [text.text for text in drawn.iter("text")]
    assert [w for w in words if w.endswith(("0", "k"))] == ["10", "100", "1k", "10k"]
    # both ends are as far from the frame: the strip has the scale of the chart
    assert left("7") - 96 == pytest.approx(640 - 26 - left("9"), abs=0.1)


@pytest.mark.parametrize(
    ("value", "words"),
    [(1200, "1.2k"), (3e6, "3M"), (0, "0"), (0.25, "0.25"), (2e9, "2G")],
)
def test_values_on_an_axis_are_short(value, words):
    assert charts.short(value) == words


def test_the_line_follows_the_front_of_the_search():
    """Latencies that differ by less than their spread are equal there, too."""
    points = [(1.0, 0.4), (1.05, 0.5), (3.0, 0.6)]
    assert trials._stairs(points, [0.1, 0.1, 0.1], True, 4.0) == [
        *[(1.05, 0.5), (3.0, 0.5), (3.0, 0.6), (4.0, 0.6)]
    ]
    exact = trials._stairs(points, [0.0, 0.0, 0.0], True, 4.0)
    assert exact[0] == (1.0, 0.4)


def ticks(axes, which):
    words = ElementTree.fromstring(charts.svg(axes, "x")).iter("text")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    shown = [charts.short(at) for at in axis.get_majorticklocs() if low <= at <= high]
    assert set(shown) <= {word.text for word in words}
    return shown


@pytest.mark.parametrize("last", [1, 2, 3, 4, 5, 7, 8, 12, 20, 35, 100, 999])
def test_epochs_on_an_axis_are_whole(last):
    axes = charts.chart("epoch", "kappa")
    charts.fit_epochs(axes, range(1, last + 1))
    shown = ticks(axes, "x")
    assert shown and all(word.isdecimal() for word in shown)
    assert len(set(shown)) == len(shown) <= 9
    assert last > 7 or shown == [str(epoch) for epoch in range(1, last + 1)]


@pytest.mark.parametrize("values", [[0.975], [0.2, 1.0], [-0.1, 0.99], [1.0]])
def test_no_value_above_the_largest_is_on_an_axis(values):
    axes = charts.chart("epoch", "kappa")
    charts.fit(axes, "y", values, log=False, most=1.0)
    low, high = axes.get_ylim()
    assert low < min(values) and max(values) < high
    assert all(float(word) <= 1 for word in ticks(axes, "y"))


def test_the_spread_of_a_latency_ends_at_the_axes():
    """A line that is longer than the chart would cross the numbers beside it."""
    axes = charts.chart("latency", "kappa")
    charts.fit(axes, "x", [1.0])
    shown = Trial(0, "complete", "", {COST: 1.0, SPREAD: 9.0}, {}, [], False, False)
    trials._draw_spread(axes, shown, COST, 0.5)
    (line,) = axes.lines
    assert tuple(line.get_xdata()) == pytest.approx(axes.get_xlim())


@pytest.mark.parametrize(
    ("low", "high", "most"),
    [(0.0087035, 0.0087081, 4), (0.0083515, 0.0083524, 4), (0.1, 0.22, 7)],
)
def test_long_labels_below_a_chart_are_few(low, high, most):
    """Latencies that lie close together have labels of many digits."""
    axes = charts.chart("latency", "score")
    charts.fit(axes, "x", [low, high])
    begin, end = axes.get_xlim()
    labels = [charts.short(x) for x in axes.get_xticks() if begin <= x <= end]
    assert 2 <= len(labels) <= most and len(set(labels)) == len(labels)


@settings(max_examples=50)
@given(low=st.floats(1e-4, 1e4), width=st.floats(1e-4, 1.0))
def test_labels_below_a_chart_do_not_touch(low, width):
    """Three latencies around 0.0088 ms did, in a narrow window."""
    axes = charts.chart("latency", "score")
    charts.fit(axes, "x", [low, low * (1 + width)], log=False)
    begin, end = axes.get_xlim()
    shown = [x for x in axes.get_xticks() if begin <= x <= end]
    room = (charts.WIDTH - charts._LEFT - charts._RIGHT) / (end - begin)
    halves = [charts._CHARACTER * len(charts.short(x)) / 2 for x in shown]
    for i in range(len(shown) - 1):
        assert halves[i] + halves[i + 1] <= room * (shown[i + 1] - shown[i]) * 1.001
