"""Differences of two landscapes of the same networks."""

import numpy as np
import pytest
from scipy import stats

from autoai4eo.nasbench.landscape import landscape_differences, landscape_figures
from autoai4eo.nasbench.landscape.networks import Landscape
from autoai4eo.report.landscape import Shown, landscape_page


def of(values, walks=True, name="t"):
    rows = [{"a": i, "b": i} for i in range(len(values))]  # no neighbours
    steps = np.arange(len(values)).reshape(-1, 10) if walks else ()
    return Landscape(name, "f", rows, np.asarray(values, float), walks=list(steps))


def walked(seed, smooth):
    """20 walks of 10 networks: a random walk, or one plus a new value each step."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.normal(0, 1, 20), 10)
    return level, level + rng.normal(0, smooth, 200)


def test_equal_tables_do_not_differ():
    values = walked(0, 1)[1]
    found = landscape_differences(of(values), of(values))
    for row in found["figures"].values():
        assert row["difference"] == 0 and row["interval"] == [0, 0]
    assert found["kolmogorov_smirnov"] == {"statistic": 0, "p_value": 1}


def test_the_figures_are_those_of_each_landscape():
    one, other = of(walked(0, 1)[1]), of(walked(1, 1)[1])
    found = landscape_differences(one, other)["figures"]
    each = [landscape_figures(table) for table in (one, other)]
    names = ("mean", "std", "fitness_distance_correlation", "first_autocorrelation")
    for name in names:
        assert found[name]["values"] == pytest.approx([table[name] for table in each])
    pooled = [table["autocorrelation_pooled"][0] for table in each]
    assert found["first_autocorrelation_pooled"]["values"] == pytest.approx(pooled)


def test_what_differs_is_found_and_what_does_not_is_not():
    level, rough = walked(0, 1.5)
    rng = np.random.default_rng(1)
    noisy = level + rng.normal(0, 1.5, 200)
    found = landscape_differences(of(rough), of(noisy))
    for row in found["figures"].values():
        assert row["interval"][0] < 0 < row["interval"][1], found
    assert found["kolmogorov_smirnov"]["p_value"] > 0.1
    far = landscape_differences(of(rough), of(0.3 * rough + 1))
    assert far["figures"]["mean"]["interval"][0] > 0
    assert far["figures"]["std"]["interval"][1] < 0
    assert far["kolmogorov_smirnov"]["p_value"] < 0.01
    expected = stats.ks_2samp(rough, 0.3 * rough + 1).statistic
    assert far["kolmogorov_smirnov"]["statistic"] == pytest.approx(expected)


def test_intervals_are_as_wide_as_walks_differ():
    """A shift that differs from walk to walk: the error of a mean over 20 walks."""
    rng = np.random.default_rng(2)
    shift = rng.normal(0, 1, 20)
    values = walked(0, 1)[1]
    found = landscape_differences(of(values), of(values + np.repeat(shift, 10)))
    lower, upper = found["figures"]["mean"]["interval"]
    assert upper - lower == pytest.approx(2 * 1.96 * shift.std() / 20**0.5, rel=0.1)
    alone = landscape_differences(
        of(values, walks=False), of(values + np.repeat(shift, 10), walks=False)
    )
    assert found["resampled"] == "walks" and alone["resampled"] == "networks"
    lower, upper = alone["figures"]["mean"]["interval"]
    assert upper - lower == pytest.approx(2 * 1.96 * shift.std() / 200**0.5, rel=0.1)
    assert "first_autocorrelation" not in alone["figures"]


def test_ties_and_the_order_of_networks_do_not_matter():
    values = np.arange(40) // 7.0
    one, other = of(values, walks=False), of(values[::-1] + 1, walks=False)
    rows = list(other.architectures)[::-1]
    turned = Landscape("t", "f", rows, other.fitness[::-1])
    first, second = (landscape_differences(one, table) for table in (other, turned))
    assert first == second
    expected = stats.ks_2samp(values, values + 1).statistic
    assert first["kolmogorov_smirnov"]["statistic"] == pytest.approx(expected)


def test_other_networks_are_not_compared():
    assert landscape_differences(of(np.arange(20)), of(np.arange(30))) is None


def test_the_page_tells_the_differences():
    one, other = of(walked(0, 1)[1], name="true"), of(walked(0, 2)[1], name="predicted")
    shown = [
        Shown(landscape_figures(table), table.values, table.distances, {})
        for table in (one, other)
    ]
    page = landscape_page(shown, landscape_differences(one, other))
    assert "<h2>Differences</h2>" in page
    assert "autocorrelation around the mean of all walks" in page
    assert "<h2>Differences</h2>" not in landscape_page(shown)
