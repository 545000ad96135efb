"""A network as a reference: as large as another one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.learning.network_reference import width_for


def parameters(width):
    """Convolutions grow as the square of the width, normalisation linearly."""
    return 90 * width * width + 40 * width + 7


@given(st.integers(140, 10_000_000))
def test_no_other_width_is_nearer(wanted):
    width = width_for(wanted, parameters)
    apart = {
        w: abs(math.log(parameters(w) / wanted))
        for w in (width - 1, width, width + 1)
        if w
    }
    assert apart[width] <= min(apart.values()) + 0.05


@pytest.mark.parametrize("width", [1, 2, 7, 16, 48, 100])
def test_a_network_of_that_size_is_found(width):
    counted = []

    def count(tried):
        counted.append(tried)
        return parameters(tried)

    assert width_for(parameters(width), count) == width
    assert len(counted) <= 6  # each builds a network
