"""What a chart of a measured cost leaves out: networks measured in another way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from autoai4eo.learning.figures import MEASURED
from autoai4eo.runs.comparable import MeasuredWith, networks_named
from autoai4eo.runs.network_id import NetworkId
from autoai4eo.runs.reading import ShownEnsemble, Snapshot, Trial

Network = TypeVar("Network", Trial, ShownEnsemble)


def drawn_with(run: Snapshot, cost: str) -> MeasuredWith | None:
    """Returns what measured the costs that a chart shows: what did for most trials.

    None if the cost is not measured. Of two for as many trials, it is the first.
    """
    if cost not in MEASURED:
        return None
    known = [t.measured for t in run.trials if cost in t.figures]
    found = Counter(how for how in known if how is not None)
    return found.most_common(1)[0][0] if found else None


def comparable(
    networks: Sequence[Network], cost: str, how: MeasuredWith | None
) -> list[Network]:
    """Returns the networks that a chart of a cost shows.

    Args:
        networks: of a run.
        cost: name of the figure.
        how: what measured it, see `drawn_with`; None: all that have it are shown.
    """
    known = [n for n in networks if cost in n.figures]
    return [n for n in known if how is None or n.measured in (None, how)]


def left_out(run: Snapshot, cost: str) -> str:
    """Returns a sentence on the networks that a chart of a cost leaves out, or ""."""
    shown = drawn_with(run, cost)
    if shown is None:
        return ""
    others: dict[MeasuredWith, list[NetworkId]] = {}
    networks: list[Trial | ShownEnsemble] = [*run.trials, *run.ensembles]
    for one in networks:
        how = one.measured
        if cost in one.figures and how is not None and how != shown:
            others.setdefault(how, []).append(one.id)
    if not others:
        return ""
    parts = [
        f"{networks_named(ids)}, measured with {how}" for how, ids in others.items()
    ]
    return (
        f"Not in this chart, which shows what was measured with {shown}: "
        f"{'; '.join(parts)}."
    )
