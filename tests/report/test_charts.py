"""Charts as a page holds them: by themselves, with marks to point at."""

from xml.etree import ElementTree

import pytest

from autoai4eo.report import axis_scale, charts, trials
from autoai4eo.runs.reading import Trial

COST, SPREAD = "latency_ms", "latency_spread_ms"


@pytest.fixture
def drawn():
    """A chart of a point, a curve and a hollow mark below, as an element tree."""
    axes = charts.chart("cost <b>", "kappa")
    axis_scale.fit(axes, "x", [10, 10_000])
    axis_scale.fit(axes, "y", [0.2, 0.8], log=False)
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


def test_the_line_follows_the_front_of_the_search():
    """Latencies that differ by less than their spread are equal there, too."""
    points = [(1.0, 0.4), (1.05, 0.5), (3.0, 0.6)]
    assert trials._stairs(points, [0.1, 0.1, 0.1], True, 4.0) == [
        *[(1.05, 0.5), (3.0, 0.5), (3.0, 0.6), (4.0, 0.6)]
    ]
    exact = trials._stairs(points, [0.0, 0.0, 0.0], True, 4.0)
    assert exact[0] == (1.0, 0.4)


def test_the_spread_of_a_latency_ends_at_the_axes():
    """A line that is longer than the chart would cross the numbers beside it."""
    axes = charts.chart("latency", "kappa")
    axis_scale.fit(axes, "x", [1.0])
    shown = Trial(0, "complete", "", {COST: 1.0, SPREAD: 9.0}, {}, [], False, False)
    trials._draw_spread(axes, shown, COST, 0.5)
    (line,) = axes.lines
    assert tuple(line.get_xdata()) == pytest.approx(axes.get_xlim())
