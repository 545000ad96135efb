import json

import keras_tuner
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from toy_search import BOTH, MyOracle, at_once, objective_of, sampler_of

from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph_space import COUNTED, GraphCandidates
from autoai4eo.search.strategies import (
    DEFAULT,
    check,
)


def test_a_users_oracle_proposes_and_gets_results():
    assert [p["x"] for p, _ in at_once(MyOracle, 3)] == [0.0, 0.1, 0.2]


@pytest.mark.parametrize("name", ["greedy", "cost-aware"])
def test_the_defaults_come_first(name):
    assert at_once(name, 1)[0][0] == {"x": 0.5, "more": False}


def test_hyperband_sets_the_epochs():
    sampler = sampler_of("hyperband", 0)
    optuna.create_study(sampler=sampler).optimize(objective_of(sampler), n_trials=1)
    assert 0 < sampler.proposed["tuner/epochs"] < 9


def test_cost_aware_finds_the_front_and_repeats_nothing():
    sampler = sampler_of("cost-aware", 0, BOTH)
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * 2)
    study.optimize(objective_of(sampler, BOTH), n_trials=20)
    networks = [t.user_attrs["fingerprint"] for t in study.trials]
    assert len(set(networks)) == len(networks)
    # the front is x at all sizes without y; random finds y half of the time
    later = study.trials[10:]
    assert sum(t.params["more"] for t in later) <= len(later) / 5
    sizes = sorted(abs(t.params["x"]) for t in study.best_trials)
    assert sizes[0] < 0.2 and sizes[-1] > 0.8


def test_running_trials_count_with_their_forecasts():
    sampler = sampler_of("cost-aware", 0, BOTH)
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * 2)
    study.optimize(objective_of(sampler, BOTH), n_trials=10)
    asked = []
    for _ in range(3):
        study.ask()
        asked.append(str(sampler.proposed))
    assert len(set(asked)) == 3


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"greedy.*cost-aware.*genetic$"):
        check("genetic")


def test_an_oracle_takes_one_objective():
    with pytest.raises(UserError, match="takes one objective"):
        sampler_of("greedy", 0, BOTH)


@pytest.mark.parametrize("objective", ["val_loss", "macs", ["val_loss", "macs"]])
def test_the_default_takes_one_objective_and_several(objective):
    settings = SearchSettings(objective=objective)
    assert settings.tuner == DEFAULT == "cost-aware"
    assert sampler_of(settings.tuner, 0, settings.objectives)


def test_cost_aware_finds_the_best_by_one_objective():
    found = at_once("cost-aware", 20)
    assert found[0][0] == {"x": 0.5, "more": False}
    # x within 0.1 of 0 without y: one candidate in twenty
    assert min(loss for _, loss in found) < 0.01
    assert sum(params["more"] for params, _ in found[10:]) <= 2


def test_cost_aware_finds_the_cheapest_if_a_cost_is_the_only_objective():
    macs = parse_objectives("macs")
    sampler = sampler_of("cost-aware", 0, macs)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective_of(sampler, macs), n_trials=10)
    assert study.best_value < 2.05  # it is 1.99 where |x| is 1


def twelve_widths(hp):
    """One network in fifty thousand has at most 300 MACs."""
    widths = [hp.Int(f"width_{i}", 1, 8) for i in range(12)]
    costs = dict.fromkeys(COUNTED, float(np.prod(widths)))
    return 1 / sum(widths), costs


@pytest.mark.parametrize(
    "name", ["cost-aware", pytest.param("cost-sorted", marks=pytest.mark.slow)]
)
def test_networks_within_a_limit_are_found_where_they_are_rare(name):
    sampler = sampler_of(name, 0, limits={"macs": 300}, build=twelve_widths)
    study = optuna.create_study(sampler=sampler)
    objective = objective_of(sampler, limit=300, build=twelve_widths)
    study.optimize(objective, n_trials=12)
    kept = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert len(kept) >= 6
    networks = [t.user_attrs["fingerprint"] for t in study.trials]
    assert len(set(networks)) >= 11


def recipes_built(values):
    """Equal networks; only some of them use the factor."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    hp.Choice("learning_rate", [1e-3, 1e-2])
    if hp.Boolean("trunk/frozen"):
        mark = "frozen"
    else:
        hp.Choice("trunk/learning_rate_factor", [0.1, 1.0])
        mark = "free"
    return hp, mark, dict.fromkeys(COUNTED, 10.0)


def recipes():
    return GraphCandidates(
        recipes_built, recipes_built({})[0], ["macs"], lambda cost: False
    )


@pytest.mark.parametrize("name", ["learning_rate", "trunk/learning_rate_factor"])
def test_equal_networks_with_other_learning_rates_are_distinguished(name):
    candidates = recipes()
    one = {
        "learning_rate": 1e-3,
        "trunk/frozen": False,
        "trunk/learning_rate_factor": 0.1,
    }
    other = one | {name: {1e-3: 1e-2, 0.1: 1.0}[one[name]]}
    candidates.build_and_count([one, other])
    assert candidates.identity(one) != candidates.identity(other)
    network, training = (
        of([one, other])
        for of in (candidates.features, candidates.features_of_training)
    )
    assert (network[0] == network[1]).all() and (training[0] != training[1]).any()


def test_an_unused_learning_rate_makes_no_difference():
    candidates, again = recipes(), recipes()
    frozen = {"learning_rate": 1e-3, "trunk/frozen": True}
    several = [frozen | {"trunk/learning_rate_factor": f} for f in (0.1, 1.0)]
    built = json.loads(json.dumps(candidates.build_and_count(several)))
    assert candidates.identity(several[0]) == candidates.identity(several[1])
    study = optuna.create_study()
    study.enqueue_trial({}, user_attrs={"proposed": {"built": built}})
    study.ask()
    again.learn_from(study.trials)  # after a restart
    assert again.identity(several[0]) == again.identity(several[1])


def test_gp_names_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"extra gp .*autoai4eo\[gp\]"):
        sampler_of("gp", 0)
