"""The candidates of a search over a graph: what can be proposed, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras_tuner

from autoai4eo.cost import profile
from autoai4eo.cost.registry import has_rule
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.search.compat.keras_tuner import RecordedHyperParameters
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.space.graph_space import GraphCandidates


def candidates_of(
    graph: Graph,
    settings: SearchSettings,
    steps: int | None,
    comparable: Callable[[Mapping[str, Any]], bool],
    recorded: Mapping[str, Sequence[Any]] = {},
) -> tuple[keras_tuner.HyperParameters, GraphCandidates]:
    """Returns the hyperparameters of the default network, and the candidates.

    Args:
        graph: of blocks.
        settings: the options of the search.
        steps: number of batches that a candidate is trained on; None: unknown.
        comparable: whether a recorded cost was measured as it would be here.
        recorded: the choices of the search, see `recorded_choices`.
    """
    space = RecordedHyperParameters(recorded)
    graph.build(space, steps)
    costs = [o.name for o in settings.objectives if o.is_cost]
    names = dict.fromkeys([*costs, *settings.constraints, "macs", "params"])
    count = partial(_count, graph, settings.seed, steps, recorded)
    return space, GraphCandidates(count, space, list(names), comparable)


def _count(
    graph: Graph,
    seed: int,
    steps: int | None,
    recorded: Mapping[str, Sequence[Any]],
    values: Values,
) -> tuple[keras_tuner.HyperParameters, str, dict[str, Any]]:
    """Builds a network; returns its hyperparameters, fingerprint and costs."""
    hp = RecordedHyperParameters(recorded)
    hp.values = dict(values)
    model = build(graph, hp, seed, steps)
    found = fingerprint(model, has_rule)
    return hp, found, profile(model, latency=False).to_dict()
