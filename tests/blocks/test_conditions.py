"""Blocks tell which of their hyperparameters mean something for a network."""

import pytest

from autoai4eo.blocks import EOImageBlock

CHOICES = {"EOImageBlock": 4, "segmenter": 8}


@pytest.mark.parametrize(
    "name", ["EOImageBlock", pytest.param("segmenter", marks=pytest.mark.slow)]
)
def test_every_network_has_the_hyperparameters_that_its_values_ask_for(kit, name):
    """Otherwise a strategy varies what a network does not have, and repeats it."""
    shape = (32, 32, 3)
    if name == "segmenter":
        graph = kit.segmenter([shape], levels=4)
    else:
        graph = kit.graph(EOImageBlock(), [shape])
    built = []
    for seed in range(CHOICES[name]):
        values, _ = kit.sampled(graph, seed)
        built.append(kit.build(graph, values)[1])
    known = {str(one.get_config()): one for hp in built for one in hp.space}
    assert len({one.name for one in known.values()}) == len(known)
    for hp in built:
        active = {
            one.name
            for one in known.values()
            if all(condition.is_active(hp.values) for condition in one.conditions)
        }
        asked = {one.name for one in hp.space if hp.is_active(one)}
        assert active == asked
