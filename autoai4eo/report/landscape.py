"""Shows fitness landscapes, side by side, as a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from autoai4eo.report import axis_scale, charts
from autoai4eo.report.pictures import data_url
from autoai4eo.report.rendering import render
from autoai4eo.text import counted, line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The rows of the page's table: name in the figures, and what it says.
_ROWS = {
    "networks": "networks",
    "closed": "every neighbour is recorded",
    "mean": "mean fitness",
    "std": "standard deviation",
    "best": "best fitness",
    "fitness_distance_correlation": "correlation of fitness and distance to the best",
    "first_autocorrelation": "autocorrelation at distance 1",
    "first_autocorrelation_bias": "its bias on walks so short",
    "correlation_length": "correlation length",
    "correlation_length_pooled": "correlation length around the mean of all walks",
    "ruggedness": "ruggedness, 1 / autocorrelation",
    "local_optima": "local optima",
    "effective_basins": "basins of equal size that would do the same",
}
_MORE_ROWS = {
    "first_autocorrelation_pooled": "autocorrelation around the mean of all walks"
}
_BINS = 30


@dataclass(frozen=True)
class Shown:
    """A landscape on the page.

    Attributes:
        figures: see `autoai4eo.nasbench.landscape.figures`.
        fitness: the column of each network as it is recorded, (n,).
        distances: of each network to the nearest best one, (n,).
        costs: of each network, by name, (n,).
    """

    figures: Mapping[str, Any]
    fitness: np.ndarray
    distances: np.ndarray
    costs: Mapping[str, np.ndarray]


def landscape_page(
    shown: Sequence[Shown], differences: Mapping[str, Any] | None = None
) -> str:
    """Returns the page, which needs no other file.

    Args:
        shown: one landscape, or two.
        differences: of two, see `autoai4eo.nasbench.landscape.differences`.
    """
    every = [one.figures for one in shown]
    rows = [
        (told, [_number(figures.get(name)) for figures in every])
        for name, told in _ROWS.items()
        if any(figures.get(name) is not None for figures in every)
    ]
    return render(
        "landscape.html",
        title="fitness landscape: " + ", ".join(line(f["name"]) for f in every),
        names=[line(figures["name"]) for figures in every],
        fitness=line(every[0]["fitness"]),
        minimize=every[0]["minimize"],
        rows=rows,
        differences=differences,
        told=_ROWS | _MORE_ROWS,
        images=[(told, data_url(picture)) for told, picture in _plots(shown)],
        persistence=[
            (line(figures["name"]), figures["persistence"])
            for figures in every
            if figures["persistence"]
        ],
        classes=[
            (line(f["name"]), {line(n): row for n, row in f["classes"].items()})
            for f in every
            if f["classes"]
        ],
        correlations=[
            (line(figures["name"]), figures["correlations"])
            for figures in every
            if figures["correlations"]
        ],
    )


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _plots(shown: Sequence[Shown]) -> list[tuple[str, bytes]]:
    """Returns what each picture shows, and it as a PNG: landscapes side by side."""
    costs = sorted({name for one in shown for name in one.costs})
    kinds: dict[str, Callable[[Axes, Shown], None]] = {
        "density of the fitness": _draw_density,
        "fitness against distance": _draw_distance,
        "autocorrelation": _draw_autocorrelation,
        "basins": _draw_basins,
        **{f"front of {line(n)}": partial(_draw_front, cost=n) for n in costs},
    }
    return [(told, _plot(shown, draw)) for told, draw in kinds.items()]


def _plot(shown: Sequence[Shown], draw: Callable[[Axes, Shown], None]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4 * len(shown), 3.4), layout="constrained")
    (axes,) = figure.subplots(1, len(shown), squeeze=False)
    for axis, one in zip(axes, shown, strict=True):
        draw(axis, one)
        axis.grid(alpha=0.3)
        if len(shown) > 1:
            axis.set_title(line(str(one.figures["name"])), parse_math=False)
    return charts.png(figure)


def _fitness_of(one: Shown) -> str:
    return line(str(one.figures["fitness"]))


def _draw_density(axis: Axes, one: Shown) -> None:
    from scipy import stats

    axis.hist(one.fitness, _BINS, density=True, color="#9db8d2")
    at = np.linspace(one.fitness.min(), one.fitness.max(), 200)
    for fitted in one.figures["distributions"][:2]:
        of = getattr(stats, fitted["name"])
        axis.plot(at, of.pdf(at, *fitted["parameters"]), label=fitted["name"])
    axis.set_xlabel(_fitness_of(one), parse_math=False)
    axis.set_ylabel("density")
    if one.figures["distributions"]:
        axis.legend(fontsize=8)


def _draw_distance(axis: Axes, one: Shown) -> None:
    axis.plot(one.distances, one.fitness, ".", alpha=0.4, markersize=4)
    axis.set_xlabel("distance to the nearest best network")
    axis.set_ylabel(_fitness_of(one), parse_math=False)


def _draw_autocorrelation(axis: Axes, one: Shown) -> None:
    from matplotlib.ticker import MaxNLocator

    found = one.figures["autocorrelation"]
    lags = range(1, len(found) + 1)
    axis.plot(lags, found, "o-", label="mean of walks")
    if spread := one.figures.get("autocorrelation_interval"):
        axis.fill_between(lags, *np.transpose(spread), alpha=0.2, label="95 %")
    if pooled := one.figures.get("autocorrelation_pooled"):
        axis.plot(lags, pooled, "s--", label="around the mean of all walks")
        axis.legend(fontsize=8)
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("steps of a random walk")
    axis.set_ylabel("autocorrelation of the fitness")


def _draw_basins(axis: Axes, one: Shown) -> None:
    basins = one.figures["basins"]
    axis.plot(basins, one.figures["local_optima_fitness"], ".", alpha=0.5)
    axis_scale.fit(axis, "x", basins)
    axis.set_xlabel("networks in the basin of a local optimum")
    axis.set_ylabel(f"its {_fitness_of(one)}", parse_math=False)


def _draw_front(axis: Axes, one: Shown, cost: str) -> None:
    if cost not in one.costs:
        axis.set_visible(False)
        return
    axis.plot(one.costs[cost], one.fitness, ".", alpha=0.4, markersize=4)
    places = one.figures["fronts"][cost]["rows"]
    axis.step(
        one.costs[cost][places],
        one.fitness[places],
        where="post",
        label=f"Pareto front, {counted(len(places), 'network')}",
    )
    axis_scale.fit(axis, "x", one.costs[cost])
    axis.set_xlabel(line(cost), parse_math=False)
    axis.set_ylabel(_fitness_of(one), parse_math=False)
    axis.legend(fontsize=8)
