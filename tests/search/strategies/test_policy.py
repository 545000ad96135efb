"""The policy-gradient strategy: it learns, goes on after a restart, obeys limits."""

import itertools

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from toy_search import BOTH, LOSS, objective_of, sampler_of

from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench import read_table, replay
from autoai4eo.search.strategies.policy import mnasnet_reward

SEEDS = 3


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Six choices among four; each wrong one multiplies the accuracy by 0.8."""
    path = tmp_path_factory.mktemp("planted") / "planted.csv"
    good = (2, 0, 3, 1, 1, 2)
    rows = [
        (*choice, 0.8 ** sum(a != b for a, b in zip(choice, good, strict=True)))
        for choice in itertools.product(range(4), repeat=6)
    ]
    names = [f"c{i}" for i in range(6)]
    pd.DataFrame(rows, columns=[*names, "acc"]).to_csv(path, index=False)
    return read_table(path, maximize=["acc"], minimize=[], choices=names)


def test_it_learns_good_choices_that_random_does_not(planted):
    found = {}
    for name in ("policy", "random"):
        accuracies = [
            planted.figures[replay(planted, name, seed, 72), 0] for seed in range(SEEDS)
        ]
        found[name] = np.array(accuracies)
    policy, random = found["policy"], found["random"]
    # the first eight are drawn before it learns anything
    assert abs(policy[:, :8].mean() - random[:, :8].mean()) < 0.06
    # then each search draws better networks than any of random
    late = policy[:, 56:].mean(axis=1)
    assert late.min() > random[:, 56:].mean(axis=1).max()
    assert late.mean() > random[:, 56:].mean() + 0.15
    # one network in 4,096 has all six good choices
    assert (policy.max(axis=1) == 1.0).sum() >= SEEDS - 1
    assert (random.max(axis=1) == 1.0).sum() <= 1


def test_a_choice_of_one_level_and_networks_that_are_missing(tmp_path):
    rows = [
        ("only", a, b, a + b, 1.0 + a * b)
        for a, b in itertools.product(range(6), range(6))
        if (a + b) % 3
    ]
    path = tmp_path / "gaps.csv"
    columns = ["one", "a", "b", "acc", "latency"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    table = read_table(
        path,
        maximize=["acc"],
        minimize=["latency"],
        choices=columns[:3],
        known=["latency"],
    )
    assert sorted(replay(table, "policy", 0, 100)) == list(range(len(table)))


def run(trials, objectives=LOSS, seed=0, restarts=False, limits=None, storage=None):
    """Runs a search of the toy; with `restarts` each trial in a new process's state."""
    storage = storage or optuna.storages.InMemoryStorage()
    for count in [1] * trials if restarts else [trials]:
        sampler = sampler_of("policy", seed, objectives, limits)
        study = optuna.create_study(
            study_name="s",
            storage=storage,
            sampler=sampler,
            directions=["minimize"] * len(objectives),
            load_if_exists=True,
        )
        limit = (limits or {}).get("macs")
        study.optimize(objective_of(sampler, objectives, limit), n_trials=count)
    return study


@pytest.mark.parametrize("objectives", [LOSS, BOTH], ids=["one", "two"])
def test_a_restart_changes_no_proposal(objectives):
    """Over several updates, in a conditional space that grows as networks are built."""
    whole = run(30, objectives)
    broken = run(30, objectives, restarts=True)
    assert [t.params for t in whole.trials] == [t.params for t in broken.trials]
    updates = [t.user_attrs["proposed"]["updates"] for t in whole.trials]
    assert updates == [n // 8 for n in range(30)]


def test_it_learns_in_a_conditional_space():
    study = run(64)
    first, last = study.trials[1:9], study.trials[-16:]
    assert np.mean([t.params["more"] for t in last]) < 0.2
    assert np.mean([t.value for t in last]) < np.mean([t.value for t in first]) / 2


def test_workers_propose_before_others_end():
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="s", storage=storage)
    workers = []
    for _ in range(3):
        sampler = sampler_of("policy", 0)
        workers.append(
            optuna.load_study(study_name="s", storage=storage, sampler=sampler)
        )
    for _ in range(8):
        asked = [study.ask() for study in workers]
        for study, trial in reversed(list(zip(workers, asked, strict=True))):
            study.tell(trial, objective_of(study.sampler)(trial))
    trials = workers[0].trials
    assert len({str(t.params) for t in trials}) == 24
    # another process after all of that goes on with what a fourth worker would
    following = []
    for _ in range(2):
        sampler = sampler_of("policy", 0)
        study = optuna.load_study(study_name="s", storage=storage, sampler=sampler)
        others = study.get_trials(deepcopy=False)
        sampler.context.candidates.learn_from(others)
        rng = np.random.default_rng(5)
        following.append(sampler.propose(study, trials[-1], others, rng))
    assert following[0] == following[1] and following[0]["updates"] == 3


def test_infeasible_trials_are_the_worst():
    """On a device that is too slow for an x above 0, which the loss does not show."""
    sampler = sampler_of("policy", 1)
    study = optuna.create_study(sampler=sampler)
    objective = objective_of(sampler)

    def infeasible(trial):
        found = objective(trial)
        if trial.user_attrs["hyperparameters"]["x"] > 0:
            trial.set_user_attr("status", "infeasible")
            raise optuna.TrialPruned
        return found

    study.optimize(infeasible, n_trials=64)
    over = [t.state == TrialState.PRUNED for t in study.trials]
    assert sum(over[:16]) >= 5 and sum(over[-16:]) <= 2


def test_failed_trials_and_those_without_a_proposal_teach_nothing():
    storage = optuna.storages.InMemoryStorage()
    study = run(16, storage=storage)
    for state in (TrialState.FAIL, TrialState.PRUNED):
        study.tell(study.ask(), state=state)
    optuna.load_study(
        study_name="s", storage=storage, sampler=optuna.samplers.RandomSampler()
    ).ask()
    study = run(7, storage=storage)
    assert study.trials[-1].user_attrs["proposed"]["updates"] == 2


KAPPA = Objective("val_cohen_kappa", "max")
LATENCY = Objective("latency_ms", "min")


def test_the_reward_is_that_of_mnasnet():
    """Tan et al. 2019: 5 % more accuracy is worth twice the latency."""
    both = (KAPPA, LATENCY)
    equal = mnasnet_reward((0.5, 10.0), both, ())
    # the paper solves accuracy (1 + 5 %) (2 l / T)^w = accuracy (l / T)^w, w = -0.07
    twice = mnasnet_reward((0.5 * 1.05, 20.0), both, ())
    assert twice == pytest.approx(equal, abs=3e-4)
    ratio = np.exp(mnasnet_reward((0.6, 30.0), both, ()) - equal)
    assert ratio == pytest.approx(0.6 / 0.5 * 3**-0.07)


def test_rewards_of_other_directions():
    throughput, loss = Objective("samples_per_second", "max"), Objective("own", "min")
    up = mnasnet_reward((0.5, 200.0), (KAPPA, throughput), ())
    down = mnasnet_reward((0.5, 100.0), (KAPPA, throughput), ())
    assert up - down == pytest.approx(0.07 * np.log(2))
    assert mnasnet_reward((2.0, 1.0), (loss, LATENCY), ()) == pytest.approx(-np.log(2))
    # known before training: a cost
    known = mnasnet_reward((2.0, 1.0), (loss, LATENCY), {"own"})
    assert known == pytest.approx(-0.07 * np.log(2))
    # kappa may be below 0: no error, and worse than any above
    below = mnasnet_reward((-0.1, 0.1), (KAPPA, LATENCY), ())
    assert below < mnasnet_reward((0.01, 100.0), (KAPPA, LATENCY), ())
