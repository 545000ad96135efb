"""Area-weighted estimates: the paper's example, and what chance really does."""

import numpy as np
import pytest

from autoai4eo.learning.area_estimates import area_estimates, told_estimates

# Olofsson et al. 2014, table 8: rows are the map's classes deforestation, forest gain,
# stable forest and stable non-forest; columns the reference's; Landsat pixels.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])
HECTARES = PIXELS * 0.09


def test_the_example_of_the_paper():
    """Table 9, and the estimates and intervals that the paper draws from it."""
    found = area_estimates(COUNTS.T, HECTARES)
    table = [
        [0.0176, 0, 0.0013, 0.0011],
        [0, 0.0110, 0.0016, 0.0024],
        [0.0019, 0, 0.2967, 0.0213],
        [0.0040, 0.0020, 0.0179, 0.6212],
    ]
    np.testing.assert_allclose(found.shares, table, atol=5.1e-5)
    half = 1.96
    accuracy, error = found.accuracy
    assert (round(accuracy, 2), round(half * error, 2)) == (0.95, 0.02)
    np.testing.assert_array_equal(found.users[0].round(2), [0.88, 0.73, 0.93, 0.96])
    np.testing.assert_array_equal(
        (half * found.users[1]).round(2), [0.07, 0.10, 0.04, 0.02]
    )
    np.testing.assert_array_equal(found.producers[0].round(2), [0.75, 0.85, 0.93, 0.96])
    # their errors are held against chance below
    assert found.areas[0, 0] == pytest.approx(21_158, abs=1)
    assert half * found.areas[1, 0] == pytest.approx(6_158, abs=1)
    np.testing.assert_allclose(found.areas[0, 1:], [11_686, 285_770, 581_386], atol=1)
    np.testing.assert_allclose(
        half * found.areas[1, 1:], [3_756, 15_510, 16_282], atol=2
    )
    assert found.covered == 1


def test_standard_errors_are_the_spread_of_many_samples():
    rng = np.random.default_rng(0)
    truth = np.array([[0.16, 0.04], [0.08, 0.72]])  # rows: map; shares of the area
    strata = truth.sum(axis=1)
    number = (150, 400)
    drawn = []
    for _ in range(4000):
        counts = np.array(
            [
                rng.multinomial(n, row / row.sum())
                for n, row in zip(number, truth, strict=True)
            ]
        )
        drawn.append(area_estimates(counts.T, strata))
    for real, of in (
        (truth.trace(), [d.accuracy for d in drawn]),
        (truth[0, 0] / truth[:, 0].sum(), [d.producers[:, 0] for d in drawn]),
        (truth[1, 1] / truth[1].sum(), [d.users[:, 1] for d in drawn]),
        (truth[:, 0].sum(), [d.areas[:, 0] for d in drawn]),
    ):
        values, errors = np.array(of).T
        assert values.mean() == pytest.approx(real, rel=0.005)
        assert np.sqrt((errors**2).mean()) == pytest.approx(values.std(), rel=0.05)


def test_classes_without_samples_are_left_out_and_told():
    counts = np.array([[40, 2, 0], [10, 48, 0], [0, 0, 1]])  # rows: reference
    mapped = np.array([5.0, 3.0, 2.0])
    found = area_estimates(counts, mapped)
    assert found.covered == pytest.approx(0.8)
    assert found.areas[0].sum() == pytest.approx(8.0)
    told = told_estimates(found, mapped, ["a", "b", "c"])
    assert told["per_class"]["c"]["users_accuracy"] is None
    low, high = told["per_class"]["a"]["area_km2"]["interval_95"]
    assert low < told["per_class"]["a"]["area_km2"]["value"] < high


def test_nothing_is_estimated_without_samples():
    found = area_estimates(np.zeros((2, 2)), np.array([1.0, 2.0]))
    assert found.covered == 0 and np.isnan(found.users).all()


def test_nothing_is_estimated_where_map_and_reference_never_agree():
    """Such as of a water mask of 0 and 1, read as numbers of other classes."""
    mapped = np.array([0.0, 20.0])
    found = area_estimates(np.array([[0, 90], [0, 0]]), mapped)  # rows: reference
    told = told_estimates(found, mapped, ["built", "water"])
    assert told["overall_accuracy"] is None
    assert [one["area_km2"] for one in told["per_class"].values()] == [None, None]


def test_nothing_is_estimated_from_one_class():
    """It would be everywhere, with no error."""
    confusion = np.array([[30, 10], [0, 0]])
    told = told_estimates(area_estimates(confusion, np.ones(2)), np.ones(2), "ab")
    assert told["overall_accuracy"] is None
    for one in told["per_class"].values():
        assert one["users_accuracy"] is one["producers_accuracy"] is None
        assert one["area_km2"] is None


def test_a_map_whose_classes_all_have_samples_is_covered_whole():
    """Whatever the order of a sum does to the last digit."""
    for seed in range(50):
        mapped = np.random.default_rng(seed).random(17)
        mapped[5:] = 0
        confusion = np.diag((mapped > 0) * 7)
        assert area_estimates(confusion, mapped).covered == 1
