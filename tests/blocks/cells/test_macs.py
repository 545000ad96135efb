"""The multiply-adds of a trunk that is not built: those of the built one."""

import keras
import pytest

from autoai4eo.blocks.cells import found
from autoai4eo.blocks.cells.macs import trunk_macs
from autoai4eo.blocks.cells.trunk import trunk
from autoai4eo.cost import count
from autoai4eo.networks.genotype import Architecture, Genotype

EVERY = Genotype.of(
    [
        [["dil_conv_5x5", 0], ["max_pool_3x3", 1]],
        [["avg_pool_3x3", 0], ["dil_conv_3x3", 2], ["sep_conv_5x5", 1]],
        [["none", 0], ["sep_conv_3x3", 2], ["skip_connect", 3]],
    ]
)


@pytest.mark.parametrize(
    ("genotype", "depths", "channels", "shape"),
    [
        (EVERY, (1, 2, 1), 4, (33, 15, 3)),
        (EVERY, (2,), 6, (1, 1, 1)),
        (found.genotype("darts-v2"), (1, 1, 1), 16, (32, 32, 10)),
    ],
)
def test_they_are_those_of_the_built_trunk(genotype, depths, channels, shape):
    """Users rely on: `max_macs` holds exactly, at any size."""
    architecture = Architecture(genotype, depths, channels)
    pixels = keras.Input(shape)
    built = keras.Model(pixels, trunk(pixels, architecture, "t")[-1])
    assert trunk_macs(architecture, *shape) == count(built).macs


def test_an_input_that_no_node_uses_is_counted():
    unused = Architecture(Genotype.of([[["skip_connect", 1]]]), (1, 3), 8)
    pixels = keras.Input((7, 8, 2))
    built = keras.Model(pixels, trunk(pixels, unused, "t")[-1])
    assert trunk_macs(unused, 7, 8, 2) > count(built).macs
