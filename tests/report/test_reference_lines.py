"""The names of the references in a chart, and what they lie on."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from autoai4eo.report import axis_scale, charts
from autoai4eo.report.reference_lines import draw_references

HALF = 8.5  # of the largest dot, in units of the chart


def drawn(levels, marks, log):
    axes = charts.chart("cost", "kappa")
    axis_scale.fit(axes, "x", [x for x, _ in marks], log=log)
    axis_scale.fit(axes, "y", [*(y for _, y in marks), *levels.values()], log=False)
    draw_references(axes, levels, marks)
    canvas = FigureCanvasAgg(axes.get_figure(root=True))
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in axes.texts]
    return axes, boxes


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "marks",
    [
        [(1.0, 0.2), (9.0, 0.5)],  # the finalist, at the end of the line
        [(1.0, 0.2), (9.0, 0.5), (9.0, 0.55), (8.0, 0.47), (6.0, 0.51)],
        [(1.0, 0.5), (9.0, 0.9)],
    ],
)
def test_names_lie_on_no_mark_and_on_no_other_name(marks, log):
    """Users rely on: the name of a reference can be read, whatever is beside it."""
    levels = {"trees": 0.5, "unet": 0.51}
    axes, boxes = drawn(levels, marks, log)
    assert [text.get_text() for text in axes.texts] == ["trees", "U-Net"]
    for box in boxes:
        for x, y in axes.transData.transform(marks):
            right = box.x0 - HALF < x < box.x1 + HALF
            assert not (right and box.y0 - HALF < y < box.y1 + HALF)
        assert axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
    one, other = boxes
    assert not one.overlaps(other)


def test_a_name_stands_at_the_end_of_its_line_where_nothing_is():
    axes, (box,) = drawn({"trees": 0.5}, [(1.0, 0.2), (9.0, 0.9)], False)
    assert axes.bbox.x1 - box.x1 < 10
    _, at = axes.transData.transform((1.0, 0.5))
    assert 0 < box.y0 - at < 10
