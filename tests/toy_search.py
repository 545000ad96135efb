"""A search of two numbers, in which no network is built, and strategies for it."""

from __future__ import annotations

import keras_tuner
import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs.pareto import minimised
from autoai4eo.search.space.graph_space import GraphCandidates
from autoai4eo.search.space.suggestions import SuggestedHyperParameters
from autoai4eo.search.strategies import CandidateSampler, SearchContext, strategy
from autoai4eo.search.strategies.proposing import untried, values_of

LOSS = parse_objectives("val_loss")
BOTH = parse_objectives(["val_loss", "macs"])


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


def sampler_of(name, seed, objectives=LOSS, limits=None, build=build, **other):
    def count(values):
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        _, cost = build(hp)
        return hp, f"{cost['macs']:.12g}", cost

    space = keras_tuner.HyperParameters()
    build(space)
    candidates = GraphCandidates(
        count, space, ["macs", "params"], lambda cost: "latency_ms" in cost
    )
    context = SearchContext(
        objectives, space, 9, seed, candidates, limits or {}, **other
    )
    return strategy(name, context)


def objective_of(sampler, objectives=LOSS, limit=None, build=build):
    """Records a trial as the tuner does; what is over the limit is not trained."""

    def objective(trial):
        hp = SuggestedHyperParameters(trial, sampler.proposed)
        loss, cost = build(hp)
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


def search(name, storage, trials, seed=0, limits=None, build=build):
    """Runs so many more trials as the tuner does, each in a new process's state."""
    for _ in range(trials):
        sampler = sampler_of(name, seed, limits=limits, build=build)
        study = optuna.create_study(
            study_name="s", storage=storage, sampler=sampler, load_if_exists=True
        )
        study.optimize(objective_of(sampler, build=build), n_trials=1)
    return [(t.params, t.value) for t in study.trials]


def at_once(name, trials, seed=0, limits=None, build=build):
    sampler = sampler_of(name, seed, limits=limits, build=build)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective_of(sampler, build=build), n_trials=trials)
    return [(t.params, t.value) for t in study.trials]


class MyOracle(keras_tuner.Oracle):
    """An oracle of the user's own, which counts upwards."""

    def populate_space(self, trial_id):
        values = {"x": len(self.trials) / 10, "more": False}
        return {"status": "RUNNING", "values": values}


class LocalSearch(CandidateSampler):
    """A strategy outside of the package: varies the best network so far."""

    def propose(self, study, trial: FrozenTrial, others, rng: np.random.Generator):
        candidates = self.context.candidates
        complete = [t for t in others if t.state == TrialState.COMPLETE]
        if complete:
            figures = minimised([t.values for t in complete], self.context.objectives)
            best = values_of(complete[figures[:, 0].argmin()])
            pool = candidates.vary([best], 100, rng)
        else:
            pool = candidates.draw(100, rng)
        found = self.limits.first(iter(untried(pool, others, candidates)), rng)
        return found and {"values": found, **self.limits.record(found)}
