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


def plot(curves: pd.DataFrame, objectives: Sequence[Objective]) -> bytes:
    """Plots quartiles of every curve against the trainings, as a PNG.

    Args:
        curves: from `autoai4eo.nasbench.summary.curves`.
        objectives: their best values are plotted beside the hypervolume.
    """
    from matplotlib.figure import Figure

    shown = {"hv": "share of the attainable hypervolume"}
    shown |= {o.name: f"best {o.name}" for o in objectives}
    figure = Figure(figsize=(5 * len(shown), 4), layout="constrained")
    for axis, (column, label) in zip(
        figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True
    ):
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
    results: Mapping[str, pd.DataFrame],
) -> None:
    """Writes ``curves.png`` and ``index.html``, which needs no other file."""
    picture = plot(results["curves"], objectives)
    with in_one_step(folder / "curves.png") as temporary:
        temporary.write_bytes(picture)
    page = render(
        "simulation.html",
        title=title,
        objectives=", ".join(f"{o.name} ({o.direction})" for o in objectives),
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
