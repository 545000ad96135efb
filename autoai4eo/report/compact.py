"""The compact search that found a run's network, and what it came to by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from autoai4eo.learning.figures import rounded
from autoai4eo.networks.genotype import INPUTS, Architecture, Genotype
from autoai4eo.report import axis_scale, charts
from autoai4eo.report.cell import WORDS, cell_svg
from autoai4eo.report.numbers import duration, large
from autoai4eo.report.rendering import render
from autoai4eo.report.trials import named
from autoai4eo.runs.folder import Run
from autoai4eo.runs.reading import Snapshot
from autoai4eo.text import counted

_BLUE, _ORANGE, _GREY = "#1f6feb", "#d9480f", "#8a97a3"
#: Longer tables of changes are folded.
_ROWS = 12


def compact_search(run: Snapshot) -> Markup:
    """Returns the section of the compact search of a run, empty if it had none.

    Raises:
        UserError: its record is damaged, or of another run.
    """
    known = Run(run.path).read_compact()
    if not known:
        return Markup()
    settings, epochs = known["settings"], known["epochs"]
    cost = settings["cost"]
    shown = run.finalist or (run.complete[0] if run.complete else None)
    reached = None if shown is None else shown.figures.get(cost)
    found, changes = _found(known), _changes(settings, epochs)
    return Markup(
        render(
            "sections/compact.html",
            cards=_cards(run, known, reached),
            asked=_asked(settings, known["data"]["path"]),
            cell=Markup(cell_svg(found.genotype)) if found else "",
            depths=_depths(found) if found else "",
            is_over="architecture" in known,
            searches_depths="+d" in settings["method"],
            entropies=_entropies(epochs),
            costs=_costs(epochs, cost, reached),
            cost=named(cost),
            reached=reached is not None,
            changes=changes,
            changed=_changed(changes, epochs),
            is_long=len(changes) > _ROWS,
        )
    )


def _found(known: dict[str, Any]) -> Architecture | None:
    """Returns what the search found, or what it had found before it stopped."""
    if "architecture" in known:
        return Architecture.of(known["architecture"])
    if not known["epochs"]:
        return None
    channels = known["settings"]["channels"]
    return Architecture.of({**known["epochs"][-1], "channels": channels})


def _cards(
    run: Snapshot, known: dict[str, Any], reached: float | None
) -> list[tuple[str, str]]:
    """Returns the search's time, and what the network costs: expected and found."""
    epochs, title = known["epochs"], named(known["settings"]["cost"])
    seconds = known.get("seconds", sum(epoch["seconds"] for epoch in epochs))
    cards = [(duration(seconds), f"of compact search, {counted(len(epochs), 'epoch')}")]
    if expected := _points(epochs, "expected_cost"):
        cards.append((large(expected[-1][1]), f"{title} expected by the search"))
    if reached is not None:
        who = "the finalist" if run.finalist else "the trained network"
        cards.append((large(reached), f"{title} of {who}"))
    return cards


def _asked(settings: dict[str, Any], data: str) -> list[tuple[str, str]]:
    """Returns the options in words."""
    method, blocks = settings["method"], settings["blocks"]
    temperatures = " to ".join(map(rounded, settings["temperature"]))
    depth = f"{settings['depth']} cells in each block, not searched"
    if "+d" in method:
        depth = (
            f"searched from 1 to {settings['max_depth']} cells for each block, at "
            f"first {settings['depth']}"
        )
    low = "not a part of the loss"
    if "+c" in method:
        cost = named(settings["cost"])
        low = f"{cost}, in the loss with the factor {rounded(settings['constant'])}"
    end = f"after {counted(settings['epochs'], 'epoch')}"
    if (patience := settings["stop_after"]) is not None:
        end += f", or when the architecture is unchanged for {patience}"
    return [
        ("method", f"{method}: one cell for all blocks"),
        ("depth", depth),
        ("cost", low),
        (
            "width",
            f"{counted(settings['channels'], 'filter')} in the first of {blocks} "
            "blocks, twice as many in each further one",
        ),
        ("end", end),
        (
            "steps",
            f"two batches of {settings['batch_size']}, one for the weights and one for "
            f"the choices; temperature of the draws {temperatures}; seed "
            f"{settings['seed']}",
        ),
        ("data", f"{data}, in two halves"),
    ]


def _depths(found: Architecture) -> str:
    parts = [
        f"{depth} with {found.channels * 2**i} filters"
        for i, depth in enumerate(found.depths)
    ]
    return ", then ".join(parts)


def _entropies(epochs: Sequence[dict[str, Any]]) -> Markup | None:
    """Draws how undecided the search is: the entropy of its choices."""
    lines = [
        (_points(epochs, "entropy"), _BLUE),
        (_points(epochs, "depth_entropy"), _ORANGE),
    ]
    known = [y for points, _ in lines for _, y in points]
    if not known:
        return None
    axes = charts.chart("epoch", "mean entropy [nats]")
    axis_scale.fit_epochs(axes, [epoch["epoch"] for epoch in epochs])
    axis_scale.fit(axes, "y", [0.0, *known], log=False)
    for points, colour in lines:
        _draw(axes, points, colour)
    return charts.svg(axes, "entropy of the choices over the epochs")


def _costs(
    epochs: Sequence[dict[str, Any]], cost: str, reached: float | None
) -> Markup | None:
    """Draws the expected cost, and that of the network as a dashed line."""
    points = _points(epochs, "expected_cost")
    if not points:
        return None
    axes = charts.chart("epoch", f"expected {named(cost)}")
    axis_scale.fit_epochs(axes, [epoch["epoch"] for epoch in epochs])
    ends = [] if reached is None else [reached]
    axis_scale.fit(axes, "y", [*(y for _, y in points), *ends], log=False)
    for end in ends:
        axes.axhline(end, color=_GREY, lw=1, ls=(0, (4, 3)))
    _draw(axes, points, _BLUE)
    return charts.svg(axes, f"expected {named(cost)} over the epochs")


def _points(epochs: Sequence[dict[str, Any]], name: str) -> list[tuple[int, float]]:
    known = [(epoch["epoch"], epoch.get(name, math.nan)) for epoch in epochs]
    return [(at, value) for at, value in known if math.isfinite(value)]


def _draw(axes: Any, points: list[tuple[int, float]], colour: str) -> None:
    if points:
        marker = "o" if len(points) == 1 else ""
        axes.plot(*zip(*points, strict=True), color=colour, lw=2.5, marker=marker)


def _changes(
    settings: dict[str, Any], epochs: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Returns the epochs whose most probable architecture is a new one."""
    rows: list[dict[str, Any]] = []
    before: Architecture | None = None
    for epoch in epochs:
        found = Architecture.of({**epoch, "channels": settings["channels"]})
        if found == before:
            continue
        value = epoch["expected_cost"]
        rows.append(
            {
                "epoch": epoch["epoch"],
                "nodes": _nodes(found.genotype, before.genotype if before else None),
                "depths": ", ".join(map(str, found.depths)),
                "new_depths": before is not None and found.depths != before.depths,
                "cost": value if math.isfinite(value) else None,
            }
        )
        before = found
    return rows


def _changed(changes: Sequence[dict[str, Any]], epochs: Sequence[Any]) -> str:
    """Returns a sentence on how often the architecture changed."""
    told = counted(len(epochs), "epoch")
    if len(changes) <= 1:
        return f"The most probable architecture did not change in {told}."
    times = counted(len(changes) - 1, "time")
    return (
        f"The most probable architecture changed {times} in {told}, last in epoch "
        f"{changes[-1]['epoch']}."
    )


def _nodes(
    genotype: Genotype, before: Genotype | None
) -> list[tuple[int, list[tuple[str, bool]]]]:
    """Returns for each node its pairs in words, and whether each is new."""
    old = [] if before is None else _pairs(before)
    nodes: dict[int, list[tuple[str, bool]]] = {}
    for i, kind, node in _pairs(genotype):
        is_new = before is not None and (i, kind, node) not in old
        nodes.setdefault(i, []).append((f"{WORDS[kind]} of {node}", is_new))
    return list(nodes.items())


def _pairs(genotype: Genotype) -> list[tuple[int, str, int]]:
    return [
        (i, kind, node)
        for i, pairs in enumerate(genotype.nodes, INPUTS)
        for kind, node in pairs
    ]
