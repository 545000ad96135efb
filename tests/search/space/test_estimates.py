"""Costs of networks by their MACs, after few measurements."""

import numpy as np
import pytest

from autoai4eo.learning.figures import COUNTED, THROUGHPUT
from autoai4eo.search.space.estimates import CostEstimates


def estimates(name, macs, costs):
    """Of networks that have nothing in common but their MACs."""
    found = CostEstimates([name], lambda several: np.zeros((len(several), 1)))
    for i, (one, cost) in enumerate(zip(macs, costs, strict=True)):
        found.learn(f"measured {i}", {}, {**counted(one), name: cost})
    return found


def counted(macs):
    # as many further operations as differ between networks of equal MACs
    further = 1 + np.random.default_rng(int(macs)).uniform(0.01, 0.06)
    return {**dict.fromkeys(COUNTED, 1), "macs": macs, "flops": 2 * macs * further}


def of(found, macs):
    for one in macs:
        found.learn(f"built {one}", {}, counted(one))
    return found.estimate([{}] * len(macs), [f"built {one}" for one in macs])[:, 0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["latency_ms", THROUGHPUT])
def test_networks_of_more_macs_are_not_estimated_to_be_faster(seed, name):
    """Users rely on: under a latency, smaller networks are looked for, not larger."""
    rng = np.random.default_rng(seed)
    macs = 10 ** rng.uniform(6.5, 8.3, 8)
    times = (0.4 + macs / 2e7) * np.exp(rng.normal(0, 0.15, 8))
    sign = -1 if name == THROUGHPUT else 1
    others = np.sort(10 ** rng.uniform(5, 9, 50))
    found = of(estimates(name, macs, times**sign), others) ** sign
    assert (np.diff(found) >= 0).all()
    assert np.median(np.abs(np.log(found / (0.4 + others / 2e7)))) < 0.25


@pytest.mark.parametrize("number", [2, 3, 8])
def test_a_constant_and_a_time_per_mac_are_found(number):
    macs = np.geomspace(1e6, 1e8, number)
    others = [1e5, 2e7, 1e9]
    found = of(estimates("latency_ms", macs, 0.4 + macs / 2e7), others)
    assert found == pytest.approx([0.405, 1.4, 50.4], rel=0.05)
