import numpy as np
import pytest

from autoai4eo.runs.pareto import hypervolume
from autoai4eo.search.strategies import acquisition
from autoai4eo.search.strategies.acquisition import expected_hypervolume_improvement
from autoai4eo.search.strategies.surrogate import Forecast, Surrogate, standardised


def by_drawing(front, reference, known, forecast, draws=2_000):
    """The expectation by its definition."""
    rng = np.random.default_rng(0)
    before, found = hypervolume(front, reference), []
    for row, costs in enumerate(known):
        points = [[*costs, forecast.value(row, z)] for z in rng.standard_normal(draws)]
        added = [
            hypervolume(np.vstack([front, point]), reference) - before
            for point in points
        ]
        found.append(np.mean(added))
    return np.array(found)


@pytest.mark.parametrize("costs", [0, 1, 2])
def test_the_closed_form_is_the_expectation(costs):
    rng = np.random.default_rng(costs)
    front = rng.random((6, costs + 1))
    reference = np.full(costs + 1, 1.1)
    known = rng.random((8, costs))
    forecast = Forecast(-0.2, rng.normal(-0.5, 0.3, 8), rng.uniform(0.05, 0.6, 8))
    exact = expected_hypervolume_improvement(front, reference, known, [forecast])
    drawn = by_drawing(front, reference, known, forecast)
    assert exact == pytest.approx(drawn, rel=0.1, abs=2e-3)


def test_a_certain_forecast_adds_exactly_the_dominated_volume():
    front, reference = np.array([[0.5, 0.5]]), np.array([1.0, 1.0])
    sure = Forecast(0.0, np.log([0.25, 0.75, 0.25]), np.full(3, 1e-6))
    known = np.array([[0.25], [0.75], [0.75]])
    found = expected_hypervolume_improvement(front, reference, known, [sure])
    assert found == pytest.approx([0.75 * 0.75 - 0.25, 0.0, 0.25 * 0.25], abs=1e-4)


def test_several_unknown_objectives_are_sampled():
    rng = np.random.default_rng(0)
    front, reference = rng.random((5, 3)), np.full(3, 1.1)
    known = rng.random((20, 1))
    forecasts = [Forecast(-0.1, rng.normal(-1, 0.3, 20), np.full(20, 0.2))] * 2
    found = expected_hypervolume_improvement(front, reference, known, forecasts)
    assert found.shape == (20,) and found.max() > 0 and found.min() >= 0


def test_sampling_agrees_with_the_closed_form(monkeypatch):
    rng = np.random.default_rng(3)
    front, reference = rng.random((6, 2)), np.full(2, 1.1)
    known = rng.random((30, 1))
    forecast = Forecast(-0.2, rng.normal(-0.5, 0.3, 30), np.full(30, 0.3))
    exact = expected_hypervolume_improvement(front, reference, known, [forecast])
    monkeypatch.setattr(acquisition, "_MOST_CELLS", 0)
    sampled = expected_hypervolume_improvement(front, reference, known, [forecast])
    assert sampled == pytest.approx(exact, rel=0.3, abs=0.01)


def test_the_surrogate_learns_an_order_and_is_sure_near_its_data():
    rng = np.random.default_rng(0)
    features = standardised(rng.random((60, 3)))
    figures = features[:, 0] ** 2 + 0.5 * features[:, 1]
    model = Surrogate(features[:40], figures[:40])
    forecast = model.forecast(features)
    expected = [forecast.value(row) for row in range(60)]
    assert np.corrcoef(expected[40:], figures[40:])[0, 1] > 0.9
    assert forecast.deviation[:40].mean() < forecast.deviation[40:].mean()


@pytest.mark.parametrize("seed", range(3))
def test_effects_of_network_and_learning_rate_are_separated(seed):
    # 20 trainings of networks of 15 choices; the rate decides twice as much as they
    rng = np.random.default_rng(seed)
    networks = rng.integers(4, size=(20, 15))
    effects = rng.normal(0, 1, (15, 4))
    worth = effects[np.arange(15), networks].sum(axis=1)
    worth /= worth.std()
    rate = rng.integers(3, size=20)
    figures = worth + np.array([-2.0, 0.0, 2.0])[rate] + rng.normal(0, 0.1, 20)
    # then each of them with every rate
    columns = np.hstack([networks[:, i, None] == np.arange(4) for i in range(15)])
    several = np.vstack([columns, np.repeat(columns, 3, axis=0)]).astype(float)
    rates = np.concatenate([rate, np.tile(np.arange(3), 20)])[:, None] == np.arange(3)
    of_network, of_training = standardised(several), standardised(rates.astype(float))
    features = np.hstack([of_network, of_training])
    model = Surrogate(features[:20], figures, of_training.shape[1])
    forecast = model.forecast(features[20:])
    expected = np.array([forecast.value(row) for row in range(60)]).reshape(20, 3)
    assert (np.diff(expected.mean(axis=0)) > 1).all()  # 2 in truth
    assert (np.diff(expected, axis=1) > 0).all()  # equal networks, unequal rates
    assert np.corrcoef(expected[:, 1], worth)[0, 1] > 0.8


def test_constant_columns_are_dropped():
    assert standardised(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist() == [[-1], [1]]
