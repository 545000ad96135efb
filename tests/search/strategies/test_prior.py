"""Earlier searches: a good one saves trainings, a misleading one costs few."""

import numpy as np
import optuna
import pytest
from scipy.stats import spearmanr
from toy_search import BOTH, LOSS, objective_of, sampler_of

from autoai4eo.search.strategies.prior import Prior, PriorModels
from autoai4eo.search.strategies.surrogate import Surrogate


def _values(rng, number):
    some = [{"x": float(x), "more": False} for x in rng.uniform(-1, 1, number)]
    return [
        {**v, "more": True, "y": 1} if i % 4 == 0 else v for i, v in enumerate(some)
    ]


def _prior(good=True):
    """The same losses in another unit, or those of other networks."""
    rng = np.random.default_rng(0)
    values = _values(rng, 60)
    losses = np.array([10 + 5 * abs(v["x"]) + 5 * v["more"] for v in values])
    return Prior("p", values, {"val_loss": losses if good else rng.permutation(losses)})


def _of_x(several):
    rows = [[v["x"], v.get("more", False)] for v in several]
    return np.array(rows, float), np.zeros((len(several), 0))


def _search(priors, trials, seed, objectives=LOSS):
    sampler = sampler_of("cost-aware", seed, objectives, priors=priors)
    study = optuna.create_study(
        sampler=sampler, directions=["minimize"] * len(objectives)
    )
    study.optimize(objective_of(sampler, objectives), n_trials=trials)
    return [t.values for t in study.trials]


def test_the_second_network_is_the_best_of_a_good_prior():
    for seed in range(3):
        first, second = _search((_prior(),), 2, seed)
        assert first == [0.25]  # the default
        assert second[0] < 0.01


def test_a_misleading_prior_costs_little():
    def reached(priors):
        return np.mean(
            [min(v[0] for v in _search(priors, 12, seed)) for seed in range(3)]
        )

    assert reached((_prior(good=False),)) < reached(()) + 0.02


def test_priors_join_a_search_of_several_objectives():
    found = _search((_prior(), _prior(good=False)), 10, 0, BOTH)
    assert found != _search((), 10, 0, BOTH)


def test_forecasts_have_one_scale_and_the_order_of_the_prior():
    models = PriorModels([_prior()], _of_x)
    some = _values(np.random.default_rng(1), 40)
    found = models.forecast("val_loss", some)
    assert found.shape == (40, 1)
    assert found.mean() == pytest.approx(0) and found.std() == pytest.approx(1)
    losses = [abs(v["x"]) + v["more"] for v in some]
    assert spearmanr(found[:, 0], losses).statistic > 0.9


def test_the_weight_of_a_contradicted_prior_falls():
    """Its linear effect, fitted to figures that follow the features alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 1))
    right, wrong = x[:, 0] ** 2, rng.normal(size=40)
    for column, weighs in ((right, True), (wrong, False)):
        features = np.column_stack([x, (column - column.mean()) / column.std()])
        model = Surrogate(features, right, of_prior=1)
        # what the column adds to the forecast of a network
        here = model.forecast(np.array([[0.5, 0.0], [0.5, 1.0]])).mean
        assert (abs(here[1] - here[0]) > 0.05) == weighs


def test_a_prior_that_tells_nothing_changes_nothing():
    one = Prior("one", [{"x": 0.1, "more": False}], {"val_loss": np.array([1.0])})
    for objectives in (LOSS, BOTH):
        assert _search((one,), 6, 0, objectives) == _search((), 6, 0, objectives)
    models = PriorModels([one], _of_x)
    some = _values(np.random.default_rng(1), 5)
    assert not models.forecast("val_loss", some).any()


def test_a_long_prior_is_represented_by_its_best_networks():
    values = [{"x": float(x)} for x in np.linspace(-1, 1, 1000)]
    losses = np.array([-v["x"] for v in values])  # the best come last
    prior = Prior("long", values, {"val_loss": losses})
    models = PriorModels([prior], _of_x)
    found = models.forecast("val_loss", [{"x": 0.99}, {"x": 0.0}, {"x": -0.99}])[:, 0]
    assert found[0] < found[1] < found[2]


def test_a_kernel_is_reused_only_for_as_many_features_of_each_kind():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 3))
    first = Surrogate(x, x[:, 0] ** 2, of_prior=1)
    fewer = Surrogate(x[:, 1:], x[:, 0] ** 2, like=first, of_prior=1)
    assert fewer.process.kernel_ != first.process.kernel_
    again = Surrogate(x, x[:, 0] ** 2, like=first, of_prior=1)
    assert again.process.kernel_ == first.process.kernel_


@pytest.mark.parametrize("priors", [(), (_prior(),)])
def test_the_second_worker_proposes_before_the_first_one_has_proposed(priors):
    sampler = sampler_of("cost-aware", 0, BOTH, priors=priors)
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * 2)
    running = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    study.add_trial(running)  # nothing is known of it yet
    study.optimize(objective_of(sampler, BOTH), n_trials=2)
    assert len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE])) == 2
