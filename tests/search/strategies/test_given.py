"""A given list of candidates: each is trained once, by any number of workers."""

import optuna
import pytest
import small
from optuna.trial import TrialState

from autoai4eo.errors import UserError
from autoai4eo.search.strategies import check
from autoai4eo.search.strategies.given import given

CANDIDATES = [{"tiny_block_1/width": width} for width in (16, 8, 24)]


def _trial(number, values=None, state=TrialState.RUNNING):
    trial = optuna.trial.create_trial(
        state=TrialState.RUNNING,
        user_attrs={} if values is None else {"proposed": {"values": values}},
    )
    trial.number, trial.state = number, state
    return trial


def test_it_proposes_the_first_candidate_that_no_trial_has():
    cls = check(given(CANDIDATES))
    sampler = cls.__new__(cls)
    others = [
        _trial(0, CANDIDATES[0], TrialState.FAIL),
        _trial(1, {**CANDIDATES[2]}),
        _trial(2),
    ]
    found = sampler.propose(None, _trial(3), others, None)
    assert found == {"values": CANDIDATES[1]}
    others.append(_trial(3, CANDIDATES[1]))
    assert sampler.propose(None, _trial(4), others, None) is None


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A search of a list, without a finalist."""
    model = small.model(
        tmp_path_factory.mktemp("given"),
        tuner=given(CANDIDATES),
        max_trials=5,
        finalists=0,
    )
    with small.in_this_process():
        model.fit(
            small.dataset(), validation_data=small.dataset(seed=1), epochs=1, verbose=0
        )
    return model


def test_a_search_of_a_list_ends_with_it(model):
    trials = model.trials(all=True)
    assert list(trials["tiny_block_1/width"]) == [16, 8, 24]
    assert (trials["status"] == "complete").all()
    assert (trials["learning_rate"] == 3e-3).all()  # the default, as none is given


def test_without_a_finalist_nothing_is_trained_further(model):
    assert not (model.run / "best").exists()
    with pytest.raises(UserError, match="finalist"):
        model.evaluate(small.dataset())


def test_no_finalist_cannot_be_selected_by_a_rule(tmp_path):
    with pytest.raises(UserError, match="finalists: expected 1 or more with folds"):
        small.model(tmp_path, finalists=0, rule="one-se")
    with pytest.raises(UserError, match="finalists: expected 0 or more, got -1"):
        small.model(tmp_path, finalists=-1)
