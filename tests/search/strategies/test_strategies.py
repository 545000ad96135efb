import contextlib
import json

import keras_tuner
import optuna
import pytest

import autoai4eo as ae
from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.space.graph_space import COUNTED, GraphCandidates
from autoai4eo.search.space.suggestions import SuggestedHyperParameters
from autoai4eo.search.strategies import (
    DEFAULT,
    STRATEGIES,
    SearchContext,
    check,
    strategy,
)
from autoai4eo.search.tuner import Tuner

LOSS = parse_objectives("val_loss")
BOTH = parse_objectives(["val_loss", "macs"])


OF_ONE = ("greedy", "bayesian", "hyperband")


def build(hp):
    """A loss of two numbers, one of which is there sometimes; and what it costs."""
    x = hp.Float("x", -1, 1, default=0.5)
    loss, macs = x * x, 1 + 1 / (0.01 + abs(x))
    if hp.Boolean("more"):
        y = hp.Choice("y", [1, 2, 3])
        loss, macs = loss + y, macs + y
    return loss, dict.fromkeys(
        ("params", "trainable_params", "macs", "flops", "size_bytes"), macs
    )


def count(values):
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    _, cost = build(hp)
    return hp, f"{cost['macs']:.12g}", cost


def sampler_of(name, seed, objectives=LOSS, limits=None, **other):
    space = keras_tuner.HyperParameters()
    build(space)
    candidates = GraphCandidates(count, space, ["macs", "params"], 1)
    setting = SearchContext(
        objectives, space, 9, seed, candidates, limits or {}, **other
    )
    return strategy(name, setting)


def objective_of(sampler, objectives=LOSS, limit=None):
    """Records a trial as the tuner does; what is over the limit is not trained."""

    def objective(trial):
        hp = SuggestedHyperParameters(trial, getattr(sampler, "proposed", None))
        loss, cost = build(hp)
        if hasattr(sampler, "learn"):
            trial.set_user_attr("space", sampler.learn(hp))
        trial.set_user_attr("best_epoch", 0)
        trial.set_user_attr("hyperparameters", hp.values)
        trial.set_user_attr("fingerprint", f"{cost['macs']:.12g}")
        trial.set_user_attr("cost", cost)
        if limit is not None and cost["macs"] > limit:
            raise optuna.TrialPruned
        figures = {"val_loss": loss, **cost}
        return tuple(figures[o.name] for o in objectives)

    return objective


def search(name, storage, trials, seed=0, limits=None):
    """Runs so many more trials as the tuner does, each in a new process's state."""
    for _ in range(trials):
        sampler = sampler_of(name, seed, limits=limits)
        study = optuna.create_study(
            study_name="s", storage=storage, sampler=sampler, load_if_exists=True
        )
        study.optimize(objective_of(sampler), n_trials=1)
    return [(t.params, t.value) for t in study.trials]


def at_once(name, trials, seed=0, limits=None):
    sampler = sampler_of(name, seed, limits=limits)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective_of(sampler), n_trials=trials)
    return [(t.params, t.value) for t in study.trials]


class MyOracle(keras_tuner.Oracle):
    """An oracle of the user's own, which counts upwards."""

    def populate_space(self, trial_id):
        values = {"x": len(self.trials) / 10, "more": False}
        return {"status": "RUNNING", "values": values}


@pytest.fixture
def name(request):
    if request.param == "gp":
        pytest.importorskip("torch", reason="needs the extra gp (PyTorch)")
    return request.param


@pytest.mark.parametrize("name", [*STRATEGIES, MyOracle], ids=str, indirect=True)
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


@pytest.mark.parametrize("name", STRATEGIES, indirect=True)
def test_the_seed_decides(name):
    assert at_once(name, 5, seed=0) == at_once(name, 5, seed=0)
    assert at_once(name, 5, seed=0) != at_once(name, 5, seed=1)


def test_an_oracle_of_ones_own_is_asked_and_told():
    assert [p["x"] for p, _ in at_once(MyOracle, 3)] == [0.0, 0.1, 0.2]


@pytest.mark.parametrize("name", ["greedy", "cost-aware"])
def test_the_defaults_come_first(name):
    assert at_once(name, 1)[0][0] == {"x": 0.5, "more": False}


def test_hyperband_says_how_long_to_train():
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


ALL = [
    *((name, LOSS) for name in [*STRATEGIES, MyOracle]),
    *((name, BOTH) for name in STRATEGIES if name not in OF_ONE),
]


@pytest.mark.parametrize(("name", "objectives"), ALL, ids=str, indirect=["name"])
def test_what_cannot_be_is_not_proposed(name, objectives):
    limit = 3.0  # |x| above 1/2 without y: one candidate in four
    number = 13 if name == "bayesian" else 20  # it takes seconds for each
    sampler = sampler_of(name, 0, objectives, {"macs": limit})
    directions = ["minimize"] * len(objectives)
    study = optuna.create_study(sampler=sampler, directions=directions)
    study.optimize(objective_of(sampler, objectives, limit), n_trials=number)
    over = [t.user_attrs["cost"]["macs"] > limit for t in study.trials[10:]]
    assert len(over) > 2  # Hyperband ends by itself
    assert sum(over) <= len(over) / 10


@pytest.mark.parametrize("name", [*STRATEGIES, MyOracle], ids=str, indirect=True)
def test_limits_change_nothing_of_going_on_after_a_restart(name):
    limits = {"macs": 3.0}
    broken_off = search(name, optuna.storages.InMemoryStorage(), 12, limits=limits)
    for (params, _), (same, _) in zip(
        broken_off, at_once(name, 12, limits=limits), strict=True
    ):
        assert params == pytest.approx(same, abs=1e-6)


@pytest.mark.parametrize("name", STRATEGIES, indirect=True)
def test_a_repeated_trial_gets_what_was_proposed(name):
    limits = {"macs": 3.0}
    storage = optuna.storages.InMemoryStorage()
    search(name, storage, 3, limits=limits)
    sampler = sampler_of(name, 0, limits=limits)
    study = optuna.load_study(study_name="s", storage=storage, sampler=sampler)
    broken_off = study.ask().number
    proposed = study.trials[broken_off].user_attrs["proposed"]
    study.enqueue_trial({}, user_attrs={"proposed": proposed})
    study.ask()
    assert sampler.proposed == proposed["values"]


@pytest.mark.parametrize("name", STRATEGIES, indirect=True)
def test_workers_take_turns(name):
    locked = []

    @contextlib.contextmanager
    def exclusive():
        assert not locked
        locked.append(True)
        yield
        locked.pop()

    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="s", storage=storage)
    workers = []
    for _ in range(2):
        sampler = sampler_of(name, 0, limits={"macs": 4.0}, exclusive=exclusive)
        workers.append(
            optuna.load_study(study_name="s", storage=storage, sampler=sampler)
        )
    for _ in range(8):
        trials = [study.ask() for study in workers]
        for study, trial in zip(workers, trials, strict=True):
            values = objective_of(study.sampler)(trial)
            study.tell(trial, values)
    trials = workers[0].trials
    assert all(t.state == optuna.trial.TrialState.COMPLETE for t in trials)
    if name != "hyperband":  # which goes on with the best
        assert len({str(t.params) for t in trials}) > 12
    if name in OF_ONE:
        kept = json.loads(workers[0].user_attrs["oracle"])
        told = {t["trial_id"]: t for t in kept["trials"] if t["status"] == "COMPLETED"}
        for trial in trials:
            one = told.pop(trial.user_attrs["proposed"]["id"])
            assert one["score"] == trial.value
        assert not told and not kept["state"]["ongoing_trials"]
        names = {
            hp["config"]["name"] for hp in kept["state"]["hyperparameters"]["space"]
        }
        assert names == {"x", "more", "y"}


def test_a_trial_of_which_nothing_is_known_yet_is_no_obstacle():
    for name in STRATEGIES:
        if name == "gp":
            continue
        storage = optuna.storages.InMemoryStorage()
        search(name, storage, 2)
        # another worker, between Optuna's new trial and its proposal
        study = optuna.load_study(
            study_name="s", storage=storage, sampler=optuna.samplers.RandomSampler()
        )
        study.ask()
        search(name, storage, 10)


def test_running_trials_are_taken_for_what_they_are_expected_to_be():
    sampler = sampler_of("cost-aware", 0, BOTH)
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * 2)
    study.optimize(objective_of(sampler, BOTH), n_trials=10)
    asked = []
    for _ in range(3):
        study.ask()
        asked.append(str(sampler.proposed))
    assert len(set(asked)) == 3


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"greedy.*cost-aware.*'genetic'"):
        check("genetic")


def test_an_oracle_takes_one_objective():
    with pytest.raises(UserError, match="takes one objective"):
        sampler_of("greedy", 0, BOTH)


@pytest.mark.parametrize("objective", ["val_loss", "macs", ["val_loss", "macs"]])
def test_the_default_takes_one_objective_and_several(objective, tmp_path):
    node = ae.ImageInput("patch")
    graph = Graph(node, ae.blocks.PooledHead()(node))
    tuner = Tuner(graph, objective=objective, directory=tmp_path)
    assert tuner.strategy == DEFAULT == "cost-aware"


def test_cost_aware_finds_the_best_by_one_objective():
    found = at_once("cost-aware", 20)
    assert found[0][0] == {"x": 0.5, "more": False}
    # x within 0.1 of 0 without y: one candidate in twenty
    assert min(loss for _, loss in found) < 0.01
    assert sum(params["more"] for params, _ in found[10:]) <= 2


def test_cost_aware_finds_the_cheapest_where_a_cost_is_the_one_objective():
    macs = parse_objectives("macs")
    sampler = sampler_of("cost-aware", 0, macs)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective_of(sampler, macs), n_trials=10)
    assert study.best_value < 2.05  # it is 1.99 where |x| is 1


def recipes_built(values):
    """Equal networks; a factor of which only some of them ask."""
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
    return GraphCandidates(recipes_built, recipes_built({})[0], ["macs"], 1)


@pytest.mark.parametrize("name", ["learning_rate", "trunk/learning_rate_factor"])
def test_equal_networks_of_unequal_learning_rates_are_told_apart(name):
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


def test_a_learning_rate_that_a_network_does_not_ask_for_is_no_difference():
    candidates, again = recipes(), recipes()
    frozen = {"learning_rate": 1e-3, "trunk/frozen": True}
    several = [frozen | {"trunk/learning_rate_factor": f} for f in (0.1, 1.0)]
    built = json.loads(json.dumps(candidates.build_and_count(several)))
    assert candidates.identity(several[0]) == candidates.identity(several[1])
    study = optuna.create_study()
    study.enqueue_trial({}, user_attrs={"proposed": {"screened": built}})
    study.ask()
    again.learn_from(study.trials)  # after a restart
    assert again.identity(several[0]) == again.identity(several[1])


def test_gp_names_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"extra gp .*autoai4eo\[gp\]"):
        sampler_of("gp", 0)
