"""How charts of trials draw each kind of network, and the key that says so.

Kinds differ in form and in colour, so that they are told apart without one of them, as
on a black and white print.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from autoai4eo.report import charts
from autoai4eo.runs.reading import ShownEnsemble, Trial
from autoai4eo.runs.trials import PROXY

BLUE, ORANGE, RED, GREY = "#1f6feb", "#d9480f", "#c92a2a", "#8a97a3"
#: Of the line that joins the Pareto-optimal trials of a chart.
PARETO: dict[str, Any] = {"color": "#9dc1ff", "lw": 2}
#: Of the line at the level of a reference.
REFERENCE: dict[str, Any] = {"color": GREY, "lw": 1, "ls": (0, (4, 3))}
#: Of the line as long as the spread of a latency.
SPREAD: dict[str, Any] = {"color": GREY, "lw": 1.5}
_SOFT_BLUE, _EDGE, _OCHRE = "#cfe0fb", "#5b8fd8", "#9a6700"


def _filled(marker: str, size: float, face: str, edge: str = "#fff") -> dict[str, Any]:
    return {"marker": marker, "ms": size, "mfc": face, "mec": edge, "mew": 1}


def _hollow(marker: str, size: float, edge: str) -> dict[str, Any]:
    return {"marker": marker, "ms": size, "mfc": "#fff", "mec": edge, "mew": 2}


#: The style of each kind, sizes are diameters, and what the key says of it.
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "finalist": (_filled("o", 17, ORANGE), "finalist"),
    "front": (_filled("o", 13, BLUE), "on the front"),
    "complete": (_filled("o", 11, _SOFT_BLUE, _EDGE), "other trained trials"),
    "proxy-front": (
        _hollow("s", 9, BLUE),
        "on the front, by a cheaper training (proxy)",
    ),
    "proxy": (_hollow("s", 9, _EDGE), "judged by a cheaper training (proxy)"),
    "running": (_hollow("o", 10, BLUE), "running"),
    "pruned": (_hollow("v", 10, GREY), "pruned"),
    "interrupted": (_hollow("p", 10, GREY), "interrupted"),
    "infeasible": (_hollow("^", 10, _OCHRE), "infeasible: beyond a constraint"),
    "failed": (
        {"marker": "x", "ms": 10, "mec": RED, "mew": 2.5},
        "failed",
    ),
    "ensemble-finalist": (_filled("D", 13, ORANGE), "ensemble, the finalist"),
    "ensemble-front": (_filled("D", 10, BLUE), "ensembles on the front"),
    "ensemble": (_filled("D", 10, _SOFT_BLUE, _EDGE), "other ensembles"),
}
#: Of the finalist once more, at its figure after its own training.
TRAINED = _filled("*", 21, ORANGE)
_TRAINED_TOLD = "finalist, after its own training"


def kind(network: Trial | ShownEnsemble) -> str:
    """Returns the kind of a trial or an ensemble, a key of `KINDS`."""
    better = "finalist" if network.is_finalist else "front" if network.on_front else ""
    if isinstance(network, ShownEnsemble):
        return f"ensemble-{better}" if better else "ensemble"
    if network.status != "complete":
        return network.status
    if network.training == PROXY and better != "finalist":
        return f"proxy-{better}" if better else "proxy"
    return better or network.status


def look(network: Trial | ShownEnsemble) -> dict[str, Any]:
    """Returns the style of the mark of a trial or an ensemble, for matplotlib."""
    return KINDS[kind(network)][0]


def key_of(
    networks: Iterable[Trial | ShownEnsemble], trained: bool = False
) -> list[tuple[Markup, str]]:
    """Returns the kinds among networks: the mark and what it is.

    Args:
        networks: those that are drawn.
        trained: whether `TRAINED` is drawn, too.
    """
    there = {kind(network) for network in networks}
    key = [
        (charts.sign(**style, ls=""), told)
        for name, (style, told) in KINDS.items()
        if name in there
    ]
    if trained:
        words = [told for _, told in key]
        at = 1 + words.index(KINDS["finalist"][1])
        key[at - 1] = (key[at - 1][0], "finalist, in the search")
        key.insert(at, (charts.sign(**TRAINED, ls=""), _TRAINED_TOLD))
    return key
