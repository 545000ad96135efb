"""Draws random networks of a graph of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import keras_tuner
import numpy as np

from autoai4eo.cost.registry import has_rule
from autoai4eo.errors import UserError
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.space.graph_space import GraphCandidates

#: Draws in a row that give no new network, after which there are no more.
_IN_VAIN = 100


def draw(
    graph: Graph, number: int, seed: int = 0
) -> Iterator[tuple[Values, keras.Model]]:
    """Yields so many networks that differ at inference, with their hyperparameters.

    Args:
        graph: of blocks, with the shapes of the data.
        number: of networks.
        seed: of the draws and of the weights.

    Raises:
        UserError: the graph has fewer networks.
    """
    space = keras_tuner.HyperParameters()
    graph.build(space)
    candidates = GraphCandidates(_not_counted, space, ["macs"], lambda cost: True)
    rng = np.random.default_rng(seed)
    known: set[str] = set()
    in_vain = 0
    while len(known) < number:
        (values,) = candidates.draw(1, rng)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        model = build(graph, hp, seed, None)
        candidates.learn_space(hp)
        found = fingerprint(model, has_rule, inference=True)
        if found not in known:
            known.add(found)
            in_vain = 0
            yield dict(hp.values), model
            continue
        in_vain += 1
        if in_vain == _IN_VAIN:
            raise UserError(
                f"expected a search space of {number} networks or more, found "
                f"{len(known)}; lower --networks and --held-out"
            )


def network_of(graph: Graph, values: Values, seed: int = 0) -> keras.Model:
    """Builds the network of hyperparameters that `draw` gave, with the same seed."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return build(graph, hp, seed, None)


def _not_counted(values: Values) -> Any:
    raise NotImplementedError("random networks are drawn, not counted")
