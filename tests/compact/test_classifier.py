"""The classifier of a found architecture is the network that was found."""

import keras_tuner
import small

from autoai4eo.blocks.cells import found
from autoai4eo.compact.classifier import classifier_of
from autoai4eo.compact.network import build
from autoai4eo.cost import profile
from autoai4eo.data.statistics import statistics
from autoai4eo.networks.genotype import Architecture
from autoai4eo.tasks.configuration import configure


def test_it_is_never_made_cheaper():
    one = Architecture(found.genotype("darts-v2"), (3, 3, 3), 32)
    data = small.dataset(6, size=48)
    graph = classifier_of(one, ["sen2"])._graph(data)
    configure(graph, data, statistics(data), None)
    model = graph.build(keras_tuner.HyperParameters(), 1)
    wanted = profile(build(one, {"sen2": (48, 48, 4)}, 3), latency=False).macs
    assert wanted > 50_000_000
    assert profile(model, latency=False).macs == wanted
