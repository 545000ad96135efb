import optuna
import pytest
from optuna.trial import TrialState, create_trial

from autoai4eo.learning.objectives import Objective, parse_objectives
from autoai4eo.runs import front
from autoai4eo.runs.study import FULL_TRAINING_OF, best_trial, trials_of
from autoai4eo.runs.trials import was_trained
from autoai4eo.search import stopping
from autoai4eo.search.trials.pruning import (
    LEAST,
    CurvePruner,
    PrunedByCurve,
    reachable,
)

KAPPA = Objective("val_cohen_kappa", "max")


def study_of(points, objectives=("val_cohen_kappa", "params"), **attributes):
    """A study of complete trials with these values."""
    found = parse_objectives(list(objectives))
    directions = ["maximize" if o.direction == "max" else "minimize" for o in found]
    study = optuna.create_study(directions=directions)
    study.set_user_attr("objectives", list(objectives))
    for values in points:
        add(study, values, **attributes)
    return study


def add(study, values, **attributes):
    study.add_trial(create_trial(values=list(values), user_attrs=attributes))


def stagnated(study, patience):
    return stopping.stagnated(study, trials_of(study), patience)


def test_a_search_stops_if_the_front_does_not_grow():
    study = study_of([(0.4, 900), (0.5, 1000), (0.6, 1200)])
    assert not stagnated(study, 2)
    add(study, (0.3, 1100))
    assert not stagnated(study, 2)
    add(study, (0.1, 950))
    assert stagnated(study, 2)
    assert not stagnated(study, 3)
    assert not stagnated(study, None)
    add(study, (0.5, 950))  # better than the second
    assert not stagnated(study, 2)


def test_a_search_with_one_objective_stops_if_the_best_does_not_improve():
    study = study_of([(0.2,), (0.5,), (0.4,)], ["val_cohen_kappa"])
    assert stagnated(study, 1) and not stagnated(study, 2)


def test_the_budget_counts_running_trials():
    study = study_of([(0.5,)], ["val_cohen_kappa"])
    assert stopping.has_budget(trials_of(study), 2)
    running = study.ask()
    assert not stopping.has_budget(trials_of(study), 2)
    running.set_user_attr("status", "infeasible")
    study.tell(running, state=TrialState.PRUNED)
    assert stopping.has_budget(trials_of(study), 2)
    broken = study.ask()
    study.tell(broken, state=TrialState.FAIL)  # its worker died: without a message
    assert stopping.has_budget(trials_of(study), 2)
    failed = study.ask()
    failed.set_user_attr("message", "OSError: …")
    study.tell(failed, state=TrialState.FAIL)
    assert not stopping.has_budget(trials_of(study), 2)


def test_the_finalists_of_one_objective_are_the_best():
    study = study_of([(0.2,), (0.5,), (0.4,)], ["val_cohen_kappa"])
    assert [t.number for t in front.finalists(study, 2)] == [1, 2]


def test_the_finalists_of_several_objectives_are_spread_over_the_front():
    points = [(0.5, 1000), (0.9, 2000), (0.89, 1990), (0.4, 1500), (0.1, 100)]
    study = study_of(points)
    chosen = [t.number for t in front.finalists(study, 3)]
    assert 3 not in chosen  # it is dominated
    assert {0, 4} < set(chosen) and len({1, 2} & set(chosen)) == 1
    assert len(front.finalists(study, 10)) == 4


def test_finalists_are_told_apart_by_more_than_the_spread_of_their_latency():
    study = study_of([], ["val_cohen_kappa", "latency_ms"])
    for kappa, latency in [(0.9, 2.0), (0.8, 1.96), (0.5, 1.0)]:
        add(
            study,
            (kappa, latency),
            cost={"latency_ms": latency, "latency_spread_ms": 0.05},
        )
    assert {t.number for t in front.finalists(study, 3)} == {0, 2}


def test_only_full_trainings_are_compared_if_there_are_any():
    study = study_of([(0.7,), (0.8,)], ["val_cohen_kappa"])
    add(study, (0.6,), **{FULL_TRAINING_OF: 0})
    assert best_trial(study).number == 2
    assert [t.number for t in front.front(study)] == [2]
    assert not was_trained(study.trials[2])


CURVES = [[0.1, 0.3, 0.5, 0.6, 0.6, 0.62], [0.0, 0.2, 0.25, 0.2, 0.3, 0.35]] * 3


def test_the_reachable_figure_is_the_best_so_far_plus_the_largest_gain():
    assert reachable([0.1, 0.2], CURVES, KAPPA) == pytest.approx(0.2 + 0.32)
    assert reachable([0.1, 0.4, 0.3], CURVES, KAPPA) == pytest.approx(0.4 + 0.12)
    falling = [[1 - v for v in curve] for curve in CURVES]
    loss = Objective("val_loss", "min")
    assert reachable([0.9, 0.8], falling, loss) == pytest.approx(0.8 - 0.32)


def test_nothing_is_stopped_early_or_without_whole_curves():
    assert reachable([0.0], CURVES, KAPPA) is None  # a sixth of the epochs
    assert reachable([0.0, 0.0], CURVES[: LEAST - 1], KAPPA) is None
    short = [curve[:2] for curve in CURVES]  # Hyperband's first round
    assert reachable([0.0, 0.0], short, KAPPA) is None


def test_a_hopeless_training_is_stopped_when_it_becomes_so():
    callback = CurvePruner(KAPPA, [], CURVES, lambda figure: figure < 0.5)
    callback.on_epoch_end(0, {"val_cohen_kappa": 0.1})
    callback.on_epoch_end(1, {"val_cohen_kappa": 0.2})
    with pytest.raises(PrunedByCurve, match=r"after epoch 3: .* reach 0\.32"):
        callback.on_epoch_end(2, {"val_cohen_kappa": 0.15})
