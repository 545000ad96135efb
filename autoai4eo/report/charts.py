"""Charts, drawn by matplotlib as SVG with interactive marks.

A mark has the ``gid`` of `mark_of` or `curve_of`. `svg` turns it into an element that
can be pointed at and focused, with the trial's number in ``data-trial``; the script of
the page does the rest. The SVG has no references, not even to parts of itself.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from autoai4eo.text import line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Size of a chart in units of its viewBox; the page scales it.
WIDTH, HEIGHT = 640, 400
# Room for labels, also for the larger ones of a narrow window.
LEFT, RIGHT, _TOP, _BOTTOM = 96, 26, 44, 66
_STRIP = 34
_SOFT, _GRID = "#5b6b7b", "#e6ebf0"
_UNREAD = {"aria-hidden": "true"}
_GID = re.compile(r"(mark|curve)-((?:ensemble-)?\d+)")
_LONG = re.compile(r"\d+\.\d{3,}")
_FONT = re.compile(r"font-family: [^;]*;? ?")


def mark_of(network: int | str) -> str:
    """Returns the ``gid`` of the point of a trial or an ensemble, by its key."""
    return f"mark-{network}"


def curve_of(number: int) -> str:
    """Returns the ``gid`` of the line of a trial."""
    return f"curve-{number}"


def chart(x_label: str, y_label: str) -> Axes:
    """Returns empty axes in a new figure, with a grid and without a frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), dpi=72)
    axes = _placed(figure, _BOTTOM, HEIGHT - _TOP)
    # parse_math=False: dollar signs in a name are no formula
    axes.set_xlabel(line(x_label), parse_math=False)
    axes.set_ylabel(line(y_label), parse_math=False)
    # above the axis, where a long label has room and nobody turns his head
    axes.yaxis.label.set(rotation=0, ha="left", va="top")
    above = 10 / WIDTH, 1 - 8 / HEIGHT
    axes.yaxis.set_label_coords(*above, transform=figure.transFigure)
    return axes


def strip_below(axes: Axes, label: str) -> Axes:
    """Adds a strip below a chart, for marks that have no y value.

    Args:
        axes: from `chart`.
        label: of the strip.

    Returns:
        The axes of the strip, with the same x; y is from 0 to 1.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    axes.set_position(_box(_BOTTOM + _STRIP, HEIGHT - _TOP))
    strip = _placed(figure, _BOTTOM, _BOTTOM + _STRIP, sharex=axes)
    strip.set_xlabel(axes.get_xlabel(), parse_math=False)
    axes.set_xlabel("")
    axes.tick_params(labelbottom=False)
    strip.set(ylim=(0, 1))
    strip.axhline(1, color="#b8c4ce", linewidth=1)
    strip.set_yticks([0.5], [label])
    strip.grid(visible=False, axis="y")
    return strip


def svg(
    axes: Axes, title: str, told: Mapping[int | str, str] = {}, style: str = "chart"
) -> Markup:
    """Returns a chart as an element of a page.

    Args:
        axes: from `chart`, or of another figure with 72 dots per inch.
        title: for screen readers, which leave it out if this is empty.
        told: by trial number (or the key of an ensemble), the tooltip of its mark, for
            pages without the script.
        style: its class in the style sheet.
    """
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure = axes.get_figure(root=True)
    assert figure is not None
    with _quiet():
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    root = ElementTree.fromstring(file.getvalue())
    _stand_alone(root)
    for group in root.iter("g"):
        _make_mark(group, told)
    width, height = figure.get_size_inches() * 72
    root.attrib = {
        "class": style,
        "viewBox": f"0 0 {width:g} {height:g}",
        "font-family": "system-ui, sans-serif",
        **({"role": "img", "aria-label": line(title)} if title else _UNREAD),
    }
    return Markup(line(ElementTree.tostring(root, encoding="unicode")))


def canvas(width: float, height: float) -> Axes:
    """Returns axes of this size without a scale; y counts from the top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return axes


def sign(**look: Any) -> Markup:
    """Returns a mark by itself, for the key of a chart.

    Args:
        **look: the style of the mark, or of a line, for matplotlib.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(26 / 72, 20 / 72), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    at = [0.5] if "marker" in look else [0.08, 0.92]
    axes.plot(at, [0.5] * len(at), **look)
    return svg(axes, "", style="sign")


def png(figure: Figure) -> bytes:
    """Returns a figure as a PNG file."""
    file = io.BytesIO()
    with _quiet():
        figure.savefig(file, format="png", dpi=120)
    return file.getvalue()


def _box(bottom: float, top: float) -> tuple[float, float, float, float]:
    width = (WIDTH - LEFT - RIGHT) / WIDTH
    return LEFT / WIDTH, bottom / HEIGHT, width, (top - bottom) / HEIGHT


def _placed(
    figure: Figure, bottom: float, top: float, sharex: Axes | None = None
) -> Axes:
    axes = figure.add_axes(_box(bottom, top), sharex=sharex)
    axes.spines[:].set_visible(False)
    axes.grid(color=_GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=8, labelsize=13, labelcolor=_SOFT)
    axes.xaxis.label.set(va="bottom")
    middle = (1 + (LEFT - RIGHT) / WIDTH) / 2
    axes.xaxis.set_label_coords(middle, 8 / HEIGHT, transform=figure.transFigure)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(fontsize=13, color=_SOFT)
    return axes


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps text as text; ignores warnings of letters that matplotlib's font lacks."""
    import matplotlib

    with (
        matplotlib.rc_context({"svg.fonttype": "none"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph")
        yield


def _stand_alone(root: ElementTree.Element) -> None:
    """Replaces references by copies of what they refer to, and drops definitions."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        if element.tag != "text":
            element.text = None
        element.attrib.pop("clip-path", None)
        if "d" in element.attrib:
            path = " ".join(element.attrib["d"].split())
            element.attrib["d"] = _LONG.sub(_rounded, path)
        if "style" in element.attrib:
            element.attrib["style"] = _FONT.sub("", element.attrib["style"])
        if element.attrib.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
    shapes = {e.attrib["id"]: e for e in root.iter("path") if "id" in e.attrib}
    for element in root.iter():
        for used in element.findall("use"):
            (name,) = (v for k, v in used.attrib.items() if k.endswith("href"))
            x, y = float(used.attrib["x"]), float(used.attrib["y"])
            used.tag = "path"
            used.attrib = {
                "d": shapes[name.removeprefix("#")].attrib["d"],
                "transform": f"translate({x:.2f} {y:.2f})",
                "style": used.attrib["style"],
            }
        for unused in element.findall("defs"):
            element.remove(unused)


def _make_mark(group: ElementTree.Element, told: Mapping[int | str, str]) -> None:
    found = _GID.fullmatch(group.attrib.pop("id", ""))
    if not found:
        return
    kind, name = found[1], found[2]
    number: int | str = int(name) if name.isdecimal() else name
    group.attrib |= {
        "class": "mark curve" if kind == "curve" else "mark",
        "data-trial": str(number),
        "tabindex": "0",
    }
    if kind == "mark":
        group.attrib["pointer-events"] = "all"  # a cross is hollow
    if number in told:
        title = ElementTree.Element("title")
        title.text = line(told[number])
        group.insert(0, title)


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}"
