"""The contract of strategies: all of `STRATEGIES`, and two of a user.

A new strategy in `STRATEGIES` needs no test here. `LocalSearch` and `MyOracle` are
examples of a user's strategies.
"""

import contextlib
import json

import optuna
import pytest
from toy_search import (
    BOTH,
    LOSS,
    LocalSearch,
    MyOracle,
    at_once,
    objective_of,
    sampler_of,
    search,
)

from autoai4eo.learning.figures import COUNTED
from autoai4eo.search.strategies import STRATEGIES

OF_ONE = ("greedy", "bayesian", "hyperband", MyOracle)  # take one objective
EVERY = [*STRATEGIES, LocalSearch, MyOracle]


@pytest.fixture
def name(request):
    if request.param == "gp":
        pytest.importorskip("torch", reason="needs the extra gp (PyTorch)")
    return request.param


every_strategy = pytest.mark.parametrize("name", EVERY, ids=str, indirect=True)


@every_strategy
def test_every_strategy_searches_and_resumes_after_a_restart(name):
    storage = optuna.storages.InMemoryStorage()
    interrupted = search(name, storage, 12)
    assert len({str(params) for params, _ in interrupted}) > 6
    for (params, value), (same, also) in zip(
        interrupted, at_once(name, 12), strict=True
    ):
        # the Bayesian oracle's optimiser is not exact to the last digit
        assert params == pytest.approx(same, abs=1e-6)
        assert value == pytest.approx(also, abs=1e-6)


@every_strategy
def test_the_seed_decides(name):
    assert at_once(name, 5, seed=0) == at_once(name, 5, seed=0)
    if name is not MyOracle:  # which draws nothing
        assert at_once(name, 5, seed=0) != at_once(name, 5, seed=1)


ALL = [
    *((name, LOSS) for name in EVERY),
    *((name, BOTH) for name in EVERY if name not in OF_ONE),
]


@pytest.mark.parametrize(("name", "objectives"), ALL, ids=str, indirect=["name"])
def test_infeasible_candidates_are_not_proposed(name, objectives):
    limit = 3.0  # |x| above 1/2 without y: one candidate in four
    # these take a second for each
    number = 14 if name in ("bayesian", "cost-aware", "cost-sorted") else 20
    sampler = sampler_of(name, 0, objectives, {"macs": limit})
    directions = ["minimize"] * len(objectives)
    study = optuna.create_study(sampler=sampler, directions=directions)
    study.optimize(objective_of(sampler, objectives, limit), n_trials=number)
    over = [t.user_attrs["cost"]["macs"] > limit for t in study.trials[10:]]
    assert len(over) > 2  # Hyperband ends by itself
    assert sum(over) <= len(over) / 10


@every_strategy
def test_every_strategy_resumes_with_limits(name):
    limits = {"macs": 3.0}
    interrupted = search(name, optuna.storages.InMemoryStorage(), 8, limits=limits)
    for (params, _), (same, _) in zip(
        interrupted, at_once(name, 8, limits=limits), strict=True
    ):
        assert params == pytest.approx(same, abs=1e-6)


def mostly_too_large(hp):
    """Networks of forty widths, of which two are within a limit of 10."""
    width = hp.Int("width", 1, 40)
    rate = hp.Choice("learning_rate", [1e-3, 1e-2, 3e-3])
    macs = 1 + width / 1000 if width % 20 == 7 else 20 + width * 17 % 50
    return 1 / width + rate, dict.fromkeys(COUNTED, float(macs))


@pytest.mark.parametrize("name", [*STRATEGIES, LocalSearch], ids=str, indirect=True)
def test_every_strategy_resumes_where_few_candidates_fit(name):
    """Users rely on: an interrupted search proposes what it would have proposed."""
    of = {"limits": {"macs": 10.0}, "build": mostly_too_large}
    interrupted = search(name, optuna.storages.InMemoryStorage(), 6, **of)
    for (params, _), (same, _) in zip(interrupted, at_once(name, 6, **of), strict=True):
        assert params == pytest.approx(same, abs=1e-6)


@every_strategy
def test_a_repeated_trial_gets_what_was_proposed(name):
    limits = {"macs": 3.0}
    storage = optuna.storages.InMemoryStorage()
    search(name, storage, 3, limits=limits)
    sampler = sampler_of(name, 0, limits=limits)
    study = optuna.load_study(study_name="s", storage=storage, sampler=sampler)
    interrupted = study.ask().number
    proposed = study.trials[interrupted].user_attrs["proposed"]
    study.enqueue_trial({}, user_attrs={"proposed": proposed})
    study.ask()
    assert sampler.proposed == proposed["values"]


@every_strategy
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
    if name in OF_ONE and name is not MyOracle:
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


def test_a_trial_without_a_proposal_yet_is_no_obstacle():
    for name in EVERY:
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


def few(hp):
    """Three networks, of one of which there are two kinds."""
    width = hp.Choice("width", [1, 2, 3])
    macs = float(min(width, 2))
    return width, dict.fromkeys(
        ("params", "trainable_params", "macs", "flops", "size_bytes"), macs
    )


@pytest.mark.parametrize("name", [*STRATEGIES, LocalSearch], ids=str, indirect=True)
def test_it_proposes_or_reports_that_nothing_is_left(name):
    """Users rely on: a search of few networks ends, and does so without an error."""
    sampler = sampler_of(name, 0, limits={"macs": 9.0}, build=few)
    study = optuna.create_study(sampler=sampler)
    for _ in range(12):
        trial = study.ask()
        kept = study.trials[trial.number].user_attrs
        if sampler.exhausted:
            assert "proposed" not in kept
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            break
        assert kept["proposed"]["values"]["width"] in (1, 2, 3)
        study.tell(trial, objective_of(sampler, build=few)(trial))
    sampler.ask_again()  # as where trials of other workers ended
    assert not sampler.exhausted
    study.ask()
