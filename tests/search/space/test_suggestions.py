import keras_tuner
import optuna
import pytest

from autoai4eo.search.compat.keras_tuner import RecordedHyperParameters
from autoai4eo.search.space.suggestions import (
    SuggestedHyperParameters,
    recorded_choices,
)


def space(hp):
    """Every kind of hyperparameter, and conditions."""
    kind = hp.Choice("kind", ["a", "b"])
    with hp.conditional_scope("kind", ["a"]):
        hp.Int("only_a", 1, 5)
    with hp.conditional_scope("kind", ["b"]):
        hp.Float("only_b", 0.0, 1.0)
    hp.Int("stepped", 0, 10, step=5)
    hp.Int("doubling", 1, 8, step=2, sampling="log")
    hp.Float("log", 1e-4, 1e-1, sampling="log")
    hp.Boolean("flag")
    hp.Fixed("fixed", 7)
    return kind


def run(trials=20, proposed=None):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    seen = []
    for _ in range(trials):
        hp = SuggestedHyperParameters(study.ask(), proposed)
        space(hp)
        seen.append(hp)
    return study, seen


def test_values_come_from_the_trial_and_lie_in_the_space():
    study, seen = run()
    for trial, hp in zip(study.trials, seen, strict=True):
        suggested = {k: v for k, v in hp.values.items() if k != "fixed"}
        assert trial.params == suggested
        assert hp.values["stepped"] in (0, 5, 10)
        assert hp.values["doubling"] in (1, 2, 4, 8)
        assert 1e-4 <= hp.values["log"] <= 1e-1
        assert hp.values["fixed"] == 7


def test_inactive_hyperparameters_are_not_suggested():
    study, _ = run()
    for trial in study.trials:
        assert ("only_a" in trial.params) == (trial.params["kind"] == "a")
        assert ("only_b" in trial.params) == (trial.params["kind"] == "b")
    assert {t.params["kind"] for t in study.trials} == {"a", "b"}


def test_the_space_is_registered_as_in_kerastuner():
    _, (hp,) = run(1)
    plain = keras_tuner.HyperParameters()
    plain.values = dict(hp.values)
    space(plain)
    assert [h.name for h in hp.space] == [h.name for h in plain.space]
    assert hp.values == plain.values


@pytest.mark.parametrize("seed", [0, 1])
def test_a_name_that_was_not_proposed_gets_its_default(seed):
    proposed = {"kind": "b"}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    SuggestedHyperParameters(trial, proposed).Choice("size", [3, 5, 7], default=5)
    assert proposed == {"kind": "b", "size": 5}


def test_a_search_keeps_the_choices_that_it_began_with():
    """Users rely on: a search is continued by a version whose blocks offer more."""
    study, _ = run()
    recorded = recorded_choices(study)
    assert recorded["kind"] == ("a", "b")
    for _ in range(5):
        hp = SuggestedHyperParameters(study.ask(), None, recorded)
        assert hp.Choice("kind", ["c", "b", "a"], default="c") in ("a", "b")
        assert hp.Choice("new", [1, 2]) in (1, 2)
    hp = SuggestedHyperParameters(study.ask())
    with pytest.raises(ValueError, match="dynamic value space"):
        hp.Choice("kind", ["c", "b", "a"])


def test_choices_are_known_by_their_scope_and_their_default_stays():
    hp = RecordedHyperParameters({"block/kind": ("a", "b"), "size": (1, 9)})
    with hp.name_scope("block"):
        assert hp.Choice("kind", ["c", "b", "a"], default="b") == "b"
    assert hp.Choice("kind", ["c", "b", "a"]) == "c"
    # a version that took a choice away: nothing is kept
    assert hp.Choice("size", [1, 2], default=2) == 2
    assert [list(one.values) for one in hp.space] == [
        *(["a", "b"], ["c", "b", "a"], [1, 2])
    ]
