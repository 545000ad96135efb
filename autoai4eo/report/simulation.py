"""The curves of a simulation, as a plot and as a page."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from autoai4eo.search.objectives import Objective

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; }}
table {{ border-collapse: collapse; margin: 1em 0; }}
th, td {{ padding: 0.2em 0.8em; text-align: right; border-bottom: 1px solid #ddd; }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Objectives: {objectives}. The hypervolume is that of the objectives scaled to the
range of the table (after the logarithm where it is taken), from the worst of each; 1
is what all networks of the table together reach. Lines are medians over the seeds,
bands the quartiles.</p>
<img alt="share of the hypervolume and best of each objective against trainings"
 src="data:image/png;base64,{image}">
<h2>Trainings needed</h2>
<p>Median number of distinct trainings until 90, 95 and 99&nbsp;% of that hypervolume;
empty where the median search did not get there.</p>
{summary}
<h2>Are they different?</h2>
<p>Two-sided Mann&ndash;Whitney tests of the mean share over the budget, corrected for
their number (Holm).</p>
{differences}
</body>
</html>
"""


def plot(curves: pd.DataFrame, objectives: Sequence[Objective]) -> bytes:
    """Quartiles of every curve against the trainings, a PNG.

    Args:
        curves: as `autoai4eo.search.simulation.curves` gives them.
        objectives: whose best-of curves are drawn beside the hypervolume.
    """
    from matplotlib.figure import Figure

    shown = {"hv": "share of the attainable hypervolume"}
    shown |= {o.name: f"best {o.name}" for o in objectives}
    figure = Figure(figsize=(5 * len(shown), 4), layout="constrained")
    for axis, (column, label) in zip(
        figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True
    ):
        for name, curve in curves.groupby("strategy", sort=False):
            (line,) = axis.plot(curve["n"], curve[f"{column}_median"], label=name)
            axis.fill_between(
                curve["n"],
                curve[f"{column}_q25"],
                curve[f"{column}_q75"],
                color=line.get_color(),
                alpha=0.15,
                linewidth=0,
            )
        axis.set_xlabel("distinct trainings")
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    figure.axes[0].legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()


def write_page(
    folder: Path,
    title: str,
    objectives: Sequence[Objective],
    results: Mapping[str, pd.DataFrame],
) -> None:
    """Writes ``curves.png`` and ``index.html``, which needs nothing beside it."""
    picture = plot(results["curves"], objectives)
    (folder / "curves.png").write_bytes(picture)
    page = _PAGE.format(
        title=html.escape(title),
        objectives=html.escape(
            ", ".join(f"{o.name} ({o.direction})" for o in objectives)
        ),
        image=base64.b64encode(picture).decode(),
        summary=_table(results["summary"]),
        differences=_table(results["differences"]),
    )
    (folder / "index.html").write_text(page)


def _table(frame: pd.DataFrame) -> str:
    return frame.to_html(index=False, na_rep="", float_format="{:.4g}".format, border=0)
