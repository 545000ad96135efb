"""Shows the curves of a simulation as a plot and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from autoai4eo.files import in_one_step
from autoai4eo.learning.objectives import Objective
from autoai4eo.report import charts
from autoai4eo.report.pictures import data_url
from autoai4eo.report.rendering import render
from autoai4eo.text import line


def plot(curves: pd.DataFrame, shown: Mapping[str, str]) -> bytes:
    """Plots quartiles of every curve against the trainings, as a PNG.

    Args:
        curves: from `autoai4eo.nasbench.summary.curves`.
        shown: labels of the curves, by the names of their columns.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    across = min(3, len(shown))
    down = -(-len(shown) // across)
    figure = Figure(figsize=(5 * across, 4 * down), layout="constrained")
    for i, (column, label) in enumerate(shown.items(), start=1):
        axis = figure.add_subplot(down, across, i)
        for name, curve in curves.groupby("strategy", sort=False):
            (drawn,) = axis.plot(curve["n"], curve[f"{column}_median"], label=name)
            axis.fill_between(
                curve["n"],
                curve[f"{column}_q25"],
                curve[f"{column}_q75"],
                color=drawn.get_color(),
                alpha=0.15,
                linewidth=0,
            )
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("distinct trainings")
        # parse_math=False: dollar signs in a name are no formula
        axis.set_ylabel(line(label), parse_math=False)
        axis.grid(alpha=0.3)
    figure.axes[0].legend()
    return charts.png(figure)


def write_page(
    folder: Path,
    title: str,
    objectives: Sequence[Objective],
    start: str,
    shown: Mapping[str, str],
    results: Mapping[str, pd.DataFrame],
) -> None:
    """Writes ``curves.png`` and ``index.html``, which needs no other file.

    Args:
        folder: for the files.
        title: of the page.
        objectives: of the searches.
        start: a sentence on how the searches began.
        shown: see `plot`.
        results: see `autoai4eo.nasbench.results`.
    """
    picture = plot(results["curves"], shown)
    with in_one_step(folder / "curves.png") as temporary:
        temporary.write_bytes(picture)
    page = render(
        "simulation.html",
        title=title,
        objectives=", ".join(f"{o.name} ({o.direction})" for o in objectives),
        start=start,
        image=data_url(picture),
        summary=_table(results["summary"]),
        differences=_table(results["differences"]),
    )
    with in_one_step(folder / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8")


def _table(frame: pd.DataFrame) -> Markup:
    frame = frame.rename(columns=line)
    frame = frame.map(lambda value: line(value) if isinstance(value, str) else value)
    # pandas escapes the content of the cells
    return Markup(
        frame.to_html(
            index=False,
            na_rep="",
            float_format="{:.4g}".format,
            border=0,
            classes="sorts",
            justify="unset",
        )
    )
