import keras_tuner
import optuna
import pytest

from autoai4eo.errors import UserError
from autoai4eo.search.objectives import parse_objectives
from autoai4eo.search.strategies import STRATEGIES, Setting, check, strategy
from autoai4eo.search.suggestions import SuggestedHyperParameters

LOSS = parse_objectives("val_loss")


def build(hp):
    """A loss of two numbers, one of which is there sometimes."""
    x = hp.Float("x", -1, 1, default=0.5)
    loss = x * x
    if hp.Boolean("more"):
        loss += hp.Choice("y", [1, 2, 3])
    return loss


def search(name, storage, trials, seed=0):
    """Runs so many more trials as the tuner does, each in a new process's state."""
    space = keras_tuner.HyperParameters()
    build(space)
    for _ in range(trials):
        sampler = strategy(name, Setting(LOSS, space, 9, seed))
        study = optuna.create_study(
            study_name="s", storage=storage, sampler=sampler, load_if_exists=True
        )

        def objective(trial, sampler=sampler):
            hp = SuggestedHyperParameters(trial, getattr(sampler, "proposed", None))
            trial.set_user_attr("best_epoch", 0)
            return build(hp)

        study.optimize(objective, n_trials=1)
    return [(t.params, t.value) for t in study.trials]


def at_once(name, trials, seed=0):
    space = keras_tuner.HyperParameters()
    build(space)
    sampler = strategy(name, Setting(LOSS, space, 9, seed))
    study = optuna.create_study(sampler=sampler)

    def objective(trial):
        hp = SuggestedHyperParameters(trial, getattr(sampler, "proposed", None))
        trial.set_user_attr("best_epoch", 0)
        return build(hp)

    study.optimize(objective, n_trials=trials)
    return [(t.params, t.value) for t in study.trials]


class MyOracle(keras_tuner.Oracle):
    """An oracle of the user's own, which counts upwards."""

    def populate_space(self, trial_id):
        values = {"x": len(self.trials) / 10, "more": False}
        return {"status": "RUNNING", "values": values}


@pytest.mark.parametrize("name", [*STRATEGIES, MyOracle], ids=str)
def test_every_strategy_searches_and_goes_on_after_a_restart(name):
    storage = optuna.storages.InMemoryStorage()
    broken_off = search(name, storage, 12)
    assert len({str(params) for params, _ in broken_off}) > 6
    for (params, value), (same, also) in zip(
        broken_off, at_once(name, 12), strict=True
    ):
        # the Bayesian oracle's optimiser is not exact to the last digit
        assert params == pytest.approx(same, abs=1e-6)
        assert value == pytest.approx(also, abs=1e-6)


@pytest.mark.parametrize("name", ["greedy", "random", "tpe", "hyperband", "bayesian"])
def test_the_seed_decides(name):
    assert at_once(name, 5, seed=0) == at_once(name, 5, seed=0)
    assert at_once(name, 5, seed=0) != at_once(name, 5, seed=1)


def test_an_oracle_of_ones_own_is_asked_and_told():
    tried = at_once(MyOracle, 4)
    assert [params["x"] for params, _ in tried] == [0.0, 0.1, 0.2, 0.3]


def test_greedy_starts_with_the_defaults():
    assert at_once("greedy", 1)[0][0] == {"x": 0.5, "more": False}


def test_hyperband_says_how_long_to_train():
    space = keras_tuner.HyperParameters()
    build(space)
    sampler = strategy("hyperband", Setting(LOSS, space, 9, 0))
    study = optuna.create_study(sampler=sampler)
    study.ask()
    assert sampler.proposed["tuner/epochs"] < 9


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"greedy.*tpe.*got 'genetic'"):
        check("genetic")


def test_an_oracle_takes_one_objective():
    several = parse_objectives(["val_loss", "macs"])
    setting = Setting(several, keras_tuner.HyperParameters(), 1, 0)
    with pytest.raises(UserError, match=r"one objective.*tpe"):
        strategy("greedy", setting)
