"""Random networks of the search space of So2Sat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

import autoai4eo as ae
from autoai4eo.cost.registry import has_rule
from autoai4eo.data.statistics import statistics
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.search.space.base import Values
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.space.graph_space import GraphCandidates
from autoai4eo.tasks.configuration import configure

SEED = 0


def search_space(data: Path) -> Graph:
    """The graph that `ae.So2SatClassifier` searches on these data."""
    training = ae.open_dataset(data / "training.h5")
    graph = ae.So2SatClassifier()._graph(training)
    configure(graph, training, statistics(training), None)
    return graph


def draw(graph: Graph, number: int) -> Iterator[tuple[Values, keras.Model]]:
    """So many different networks at random: their values, and the network."""
    space = keras_tuner.HyperParameters()
    graph.build(space)
    candidates = GraphCandidates(_not_counted, space, ["macs"], lambda cost: True)
    rng = np.random.default_rng(SEED)
    known: set[str] = set()
    while len(known) < number:
        (values,) = candidates.draw(1, rng)
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        model = build(graph, hp, SEED, None)
        candidates.learn_space(hp)
        found = fingerprint(model, has_rule)
        if found not in known:
            known.add(found)
            yield dict(hp.values), model


def again(graph: Graph, values: Values) -> keras.Model:
    """The network of these values, with the same weights."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return build(graph, hp, SEED, None)


def _not_counted(values: Values) -> Any:
    raise NotImplementedError("random networks are drawn, not counted")
