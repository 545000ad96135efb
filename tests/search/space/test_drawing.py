"""Random networks of a search space."""

import pytest
import small

from autoai4eo.cost.registry import has_rule
from autoai4eo.data.statistics import statistics
from autoai4eo.errors import UserError
from autoai4eo.networks.fingerprint import fingerprint
from autoai4eo.search.space.drawing import draw
from autoai4eo.tasks.configuration import configure


@pytest.fixture
def graph(tmp_path):
    data = small.dataset()
    found = small.model(tmp_path)._graph(data)
    configure(found, data, statistics(data), None)
    return found


def fingerprints(graph, number, seed=0):
    return [
        fingerprint(model, has_rule, inference=True)
        for _, model in draw(graph, number, seed)
    ]


def test_networks_differ_and_are_drawn_again(graph):
    found = fingerprints(graph, 4)
    assert len(set(found)) == 4
    assert fingerprints(graph, 3) == found[:3]


def test_a_space_that_is_too_small_is_refused(graph, monkeypatch):
    monkeypatch.setattr("autoai4eo.search.space.drawing._IN_VAIN", 10)
    with pytest.raises(UserError, match=r"99 networks or more, found \d+; lower"):
        fingerprints(graph, 99)
