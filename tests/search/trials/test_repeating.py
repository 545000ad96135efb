"""Finalists are trained again on folds and seeds, and the finalist is selected."""

import json
import shutil

import numpy as np
import pytest
import small

from autoai4eo.errors import AutoAI4EOWarning, DamagedError, UserError
from autoai4eo.runs import chosen
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.repeats import check
from autoai4eo.runs.selection import read_selection


def with_groups(samples, seed, first, each=6):
    data = small.dataset(samples, seed)
    data.groups["parent"] = first + np.arange(samples) // each
    return data


def fit(folder, batch_size=32, **settings):
    model = small.model(folder, **{"finalists": 2, **settings})
    train, validation = with_groups(36, 0, 0), with_groups(24, 1, 6)
    with small.in_this_process():
        given = {"epochs": 2, "verbose": 0, "batch_size": batch_size}
        model.fit(train, validation_data=validation, **given)
    return model


@pytest.fixture(scope="module")
def cross_validated(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("folds"), folds=2, seeds=2, rule="one-se")


def test_the_finalists_are_trained_on_each_fold_with_each_seed(cross_validated):
    run = Run(cross_validated.run)
    names = {path.stem.rpartition("-")[0] for path in run.repeats.iterdir()}
    assert names == {f"{t}-{f}-{s}" for t in (0, 1) for f in (0, 1) for s in (0, 1)}
    known = [json.loads(path.read_text()) for path in run.repeats.iterdir()]
    assert len({k["recipe"] for k in known}) == 2
    assert all(0 <= k["metrics"]["val_accuracy"] <= 1 for k in known)
    found = read_selection(cross_validated.run)
    assert found is not None
    assert found.over == "2 folds by parent, each with 2 seeds"
    (first, *_) = found.candidates
    mine = [k for k in known if k["trial"] == first.trial]
    of_fold = [
        np.mean([k["metrics"]["val_cohen_kappa"] for k in mine if k["fold"] == f])
        for f in (0, 1)
    ]
    assert first.figures == pytest.approx(of_fold)
    assert not list(cross_validated.run.glob(".repeat*"))


def test_the_selected_trial_is_trained_on_everything(cross_validated):
    evaluation = Run(cross_validated.run).read_evaluation()
    found = read_selection(cross_validated.run)
    assert evaluation["trial"] == found.chosen
    assert evaluation["trained_on"] == "training and validation"
    assert evaluation["epochs"] == 2


def test_the_report_shows_the_selection(cross_validated):
    page = cross_validated.report().read_text()
    assert "Selection of the finalist" in page
    assert "2 folds by parent" in page


def test_only_what_is_missing_is_trained_again_and_gives_the_same(cross_validated):
    run = Run(cross_validated.run)
    (lost,) = run.repeats.glob("1-0-1-*.json")
    (kept,) = run.repeats.glob("0-0-0-*.json")
    before, at = lost.read_text(), kept.stat().st_mtime_ns
    lost.unlink()
    fit(cross_validated.directory, folds=2, seeds=2, rule="one-se")
    again = json.loads(lost.read_text())["metrics"]
    assert again == pytest.approx(json.loads(before)["metrics"], abs=1e-6)
    assert kept.stat().st_mtime_ns == at


@pytest.mark.slow
def test_seeds_alone_are_judged_on_the_validation_data(tmp_path):
    model = fit(tmp_path, seeds=2, max_trials=1)
    found = read_selection(model.run)
    assert found.over == "2 seeds" and len(found.candidates[0].figures) == 2
    assert Run(model.run).read_evaluation()["trained_on"] == "training"
    with small.in_this_process():
        assert model.select("one-se") == 0


def test_a_trial_that_the_user_chose_stays_the_finalist(cross_validated, tmp_path):
    shutil.copytree(cross_validated.run, tmp_path / "run")
    settings = {"folds": 2, "seeds": 2, "rule": "one-se"}
    model = fit(tmp_path, **settings)
    other = 1 - read_selection(model.run).chosen
    chosen.set_to(model.tuner.study, NetworkId(TRIAL, other))
    again = fit(tmp_path, **settings)
    assert Run(again.run).read_evaluation()["trial"] == other
    with small.in_this_process():
        assert again.select() == read_selection(model.run).chosen
    assert Run(again.run).read_evaluation()["trial"] != other


@pytest.mark.slow
def test_other_options_are_other_trainings(cross_validated, tmp_path):
    shutil.copytree(cross_validated.run, tmp_path / "run")
    before = set((tmp_path / "run" / "repeats").iterdir())
    fit(tmp_path, folds=2, finalists=1, batch_size=16)
    after = set((tmp_path / "run" / "repeats").iterdir())
    assert before < after and len(after) == len(before) + 2


def test_a_trial_that_diverges_when_trained_again_is_left_out(
    cross_validated, tmp_path
):
    shutil.copytree(cross_validated.run, tmp_path / "run")
    best = read_selection(tmp_path / "run").candidates[0].trial
    (lost, *_) = (tmp_path / "run" / "repeats").glob(f"{best}-0-0-*.json")
    known = json.loads(lost.read_text())
    for wrong in (float("nan"), "high"):
        lost.write_text(json.dumps({**known, "metrics": {"val_accuracy": wrong}}))
        with pytest.raises(DamagedError, match="remove it"):
            check(tmp_path / "run", lost)
    lost.write_text(json.dumps({**known, "metrics": {}}))
    fit(tmp_path, folds=2, seeds=2)
    found = read_selection(tmp_path / "run")
    assert [c.trial for c in found.candidates] == [1 - best]


def test_a_selection_of_another_run_is_damaged(cross_validated, tmp_path):
    model = fit(tmp_path, max_trials=1)
    shutil.copy(Run(cross_validated.run).selection, Run(model.run).selection)
    with pytest.raises(DamagedError, match="of another"):
        read_selection(model.run)


@pytest.mark.slow
def test_the_rule_alone_resamples_the_validation_data(tmp_path):
    model = fit(tmp_path, rule="one-se")
    found = read_selection(model.run)
    assert found.over == "4 parents of the validation data, resampled"
    assert Run(model.run).read_evaluation()["trial"] == found.chosen
    macs = model.trials(all=True).set_index("trial")["macs"]
    assert found.chosen == macs[found.tied].idxmin()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"folds": 1}, "folds: expected 2 or more, got 1"),
        ({"rule": "best"}, "rule: expected one-se or knee, got 'best'"),
        ({"rule": "knee", "seeds": 3}, "expected one-se or none with folds or seeds"),
        (
            {"folds": 2, "judge_quantized": True, "precision": "int8"},
            "expected a search without folds",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path, settings, expected):
    with pytest.raises(UserError, match=expected):
        small.model(tmp_path, **settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"folds": 11}, "11"),
        ({"folds": 2, "objective": "val_loss"}, "objective among val_accuracy"),
        ({"rule": "one-se", "objective": "val_loss"}, "one-se without folds and seeds"),
    ],
)
def test_a_cross_validation_that_cannot_be_is_refused_before_the_search(
    tmp_path, settings, expected
):
    with pytest.raises(UserError, match=expected):
        fit(tmp_path, **settings)
    assert not (tmp_path / "run").exists()


def test_evaluate_warns_of_data_that_the_finalist_learned_from(cross_validated):
    for seed, first, role in ((0, 0, "training"), (1, 6, "validation")):
        data = with_groups(36 if role == "training" else 24, seed, first)
        with pytest.warns(AutoAI4EOWarning, match=f"these are the {role} data"):
            cross_validated.evaluate(data)
    scores = cross_validated.evaluate(with_groups(24, 2, 10))  # without a warning
    assert 0 <= scores["accuracy"] <= 1


def test_refit_trains_the_finalist_on_the_validation_data_too(tmp_path):
    model = small.model(tmp_path, max_trials=1)
    train, validation = with_groups(36, 0, 0), with_groups(24, 1, 6)
    given = {"validation_data": validation, "epochs": 2, "verbose": 0}
    with small.in_this_process():
        model.fit(train, **given)
        assert Run(model.run).read_evaluation()["trained_on"] == "training"
        model.fit(train, refit=True, **given)  # the search is over
    evaluation = Run(model.run).read_evaluation()
    assert evaluation["trained_on"] == "training and validation"
    assert evaluation["evaluated_network"] == "trial"


@pytest.mark.slow
def test_the_worst_group_of_a_fold_can_decide(tmp_path):
    model = small.model(
        tmp_path,
        finalists=2,
        folds=2,
        objective="val_worst_group_kappa",
    )
    train, validation = with_groups(48, 0, 0, 12), with_groups(48, 1, 4, 12)
    with small.in_this_process():
        model.fit(train, validation_data=validation, epochs=1, verbose=0)
    found = read_selection(model.run)
    assert found.metric == "worst_group_kappa"
    assert np.isfinite([c.figures for c in found.candidates]).all()


def test_the_report_shows_a_trial_whose_cost_is_not_known(cross_validated, tmp_path):
    shutil.copytree(cross_validated.run, tmp_path / "run")
    path = Run(tmp_path / "run").selection
    known = json.loads(path.read_text())
    for one in known["candidates"]:
        one["cost"] = None
    path.write_text(json.dumps(known))
    page = small.model(tmp_path).report().read_text()
    assert "Selection of the finalist" in page
