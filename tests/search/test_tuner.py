import errno
import json

import keras
import keras_tuner
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.runs import front
from autoai4eo.runs.folder import alone
from autoai4eo.runs.study import open_study, trials_table
from autoai4eo.search import stopping
from autoai4eo.search.ensembles import library
from autoai4eo.search.strategies import limits
from autoai4eo.tasks.priors import read_priors

pytestmark = pytest.mark.usefixtures("in_process")
DATA = small.dataset()


def table(run):
    return trials_table(open_study(run))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A search of three trials that is over."""
    model = small.model(tmp_path_factory.mktemp("search"), max_trials=3)
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=2, verbose=0)
    return model


def test_every_trial_is_recorded_with_metrics_and_cost(finished):
    trials = finished.trials(all=True)
    assert list(trials.columns[:3]) == ["trial", "status", "val_cohen_kappa"]
    assert list(trials["status"]) == ["complete"] * 3
    for column in ("params", "macs", "flops", "size_bytes", "latency_ms"):
        assert (trials[column] > 0).all()
    assert (trials["latency_p95_ms"] >= trials["latency_ms"]).all()
    assert trials["device"].str.startswith("CPU").all()
    assert (trials["epochs"] == 2).all()
    assert (trials["train_seconds"] > 0).all()
    assert trials["learning_rate"].notna().all()


def test_a_trial_writes_network_cost_and_learning_curve(finished):
    for number in range(3):
        folder = finished.run / "trials" / str(number)
        network = keras.models.load_model(folder / "model.keras")
        cost = json.loads((folder / "cost.json").read_text())
        assert network.count_params() == cost["params"]
        lines = (folder / "history.csv").read_text().splitlines()
        assert lines[0].startswith("epoch,seconds,")
        assert [line.split(",")[0] for line in lines[1:]] == ["1", "2"]


def test_the_finalist_predicts(finished):
    known = keras.models.load_model(finished.run / "best" / "model.keras")
    pixels = DATA.read(np.arange(6))
    expected = known.predict(pixels, verbose=0)
    np.testing.assert_allclose(finished.predict_proba(pixels), expected, atol=1e-6)
    kept = json.loads((finished.run / "best" / "evaluation.json").read_text())
    best = finished.trials()["val_cohen_kappa"].max()
    assert kept["metrics"]["val_cohen_kappa"] >= best


def test_resuming_trains_only_missing_trials(finished):
    before = finished.trials(all=True)
    again = small.model(finished.directory, max_trials=4)
    again.fit(DATA, validation_data=small.dataset(seed=1), epochs=2, verbose=0)
    after = again.trials(all=True)
    assert len(after) == 4
    assert after[:3].equals(before[after.columns])


def test_the_seed_makes_a_search_repeatable(finished, tmp_path):
    again = small.model(tmp_path)
    again.fit(DATA, validation_data=small.dataset(seed=1), epochs=2, verbose=0)
    columns = ["val_loss", "tiny_block_1/width", "learning_rate"]
    found, before = (model.trials(all=True)[columns] for model in (again, finished))
    assert found.equals(before[:2])


def test_a_candidate_over_a_limit_is_infeasible_and_not_trained(tmp_path, monkeypatch):
    def unchecked(self, drawn, rng):
        return next(iter(drawn))

    monkeypatch.setattr(limits.Limits, "first", unchecked)
    model = small.model(tmp_path, constraints={"params": 500}, max_trials=2)
    with small.in_this_process():
        model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    trials = model.trials(all=True)
    over = trials[trials["status"] == "infeasible"]
    assert len(over) and (over["params"] > 500).all()
    assert over["train_seconds"].isna().all()
    assert over["message"].str.startswith("params ").all()
    assert (trials["status"] == "complete").sum() == 2
    assert not list(model.run.glob(f"trials/{over['trial'].iloc[0]}/model.keras"))


def test_a_search_without_a_feasible_candidate_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(stopping, "MAX_INFEASIBLE", 3)
    model = small.model(tmp_path, constraints={"params": 10})
    with pytest.raises(UserError, match=r"\d in a row.*params.*cheapest seen: params"):
        model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    assert (model.trials()["status"] == "infeasible").all()


def test_an_infeasible_latency_names_the_trunk_and_the_heads_that_fit(tmp_path):
    head = ae.blocks.LatencyConstrainedHead(1e-6)
    model = small.model(tmp_path, head=head, max_trials=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stopping, "MAX_INFEASIBLE", 1)
        with pytest.raises(UserError, match=r"the trunk alone takes .* ms; heads that"):
            model.fit(DATA, validation_data=small.dataset(seed=1), verbose=0)


@pytest.mark.slow
def test_cost_can_be_the_objective(tmp_path):
    model = small.model(tmp_path, objective="macs", max_trials=3)
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    best = json.loads((model.run / "best" / "evaluation.json").read_text())["trial"]
    trials = model.trials(all=True).set_index("trial")
    assert trials.loc[best, "macs"] == trials["macs"].min()


@pytest.mark.slow
def test_two_objectives_are_both_recorded(tmp_path):
    model = small.model(tmp_path, objective=["val_cohen_kappa", "macs"], tuner="tpe")
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    for trial in open_study(model.run).trials:
        # once by name, for optuna-dashboard
        cost = trial.user_attrs["cost"]
        assert trial.values[1] == cost["macs"] == trial.user_attrs["macs"]


class Raises(keras.callbacks.Callback):
    """A callback that fails, in trials of the width given."""

    def on_epoch_end(self, epoch, logs=None):
        raise OSError("the disk is on fire")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search for kappa and few parameters; the strategy is the default one."""
    folder = tmp_path_factory.mktemp("pareto")
    model = small.model(
        folder,
        objective=["val_cohen_kappa", "params"],
        constraints={"params": 700},
        max_trials=3,
        tuner=None,
    )
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    return model


def test_several_objectives_are_searched_with_costs_known(searched):
    asked = json.loads((searched.run / "run.json").read_text())["arguments"]
    assert asked["tuner"] == "cost-aware"
    trials = searched.trials(all=True)
    complete = trials[trials["status"] == "complete"]
    assert len(complete) == 3 and (complete["params"] <= 700).all()
    recipes = complete[["params", "learning_rate", "weight_decay", "label_smoothing"]]
    assert not recipes.duplicated().any()
    kept = searched.tuner.study.trials[1].user_attrs["proposed"]
    assert kept["estimated"]["params"] == trials["params"][1]  # it was built before


def test_no_trial_dominates_a_trial_on_the_front(searched):
    trials, found = searched.trials(all=True), searched.pareto_front(all=True)
    points = trials.loc[trials["status"] == "complete", ["val_cohen_kappa", "params"]]
    for _, row in found.iterrows():
        as_good = (points["val_cohen_kappa"] >= row["val_cohen_kappa"]) & (
            points["params"] <= row["params"]
        )
        better = (points["val_cohen_kappa"] > row["val_cohen_kappa"]) | (
            points["params"] < row["params"]
        )
        assert not (as_good & better).any()
    assert found["val_cohen_kappa"].is_monotonic_decreasing
    point = front.reference(searched.tuner.study, {"params": 700})
    assert point == {"val_cohen_kappa": 0.0, "params": 700}
    assert front.dominated(searched.tuner.study, point) >= 0


def test_another_trial_of_the_front_becomes_the_finalist(searched):
    least = int(searched.pareto_front()["params"].min())
    number = searched.select(max_params=least)
    assert searched.export_model().count_params() == least
    kept = json.loads((searched.run / "best" / "evaluation.json").read_text())
    assert kept["trial"] == number and kept["trained_on"] == "training"
    assert searched.select("knee", refit=True) in list(searched.pareto_front()["trial"])
    kept = json.loads((searched.run / "best" / "evaluation.json").read_text())
    assert kept["trained_on"] == "training and validation"
    # a resumed search keeps the choice
    searched.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    again = json.loads((searched.run / "best" / "evaluation.json").read_text())
    assert again == kept


def test_an_impossible_choice_is_refused(searched, tmp_path):
    with pytest.raises(UserError, match=r"within params 1, found none .* params \d"):
        searched.select(max_params=1)
    with pytest.raises(UserError, match="expected a limit of params"):
        searched.select(max_beauty=1)
    with pytest.raises(UserError, match="expected max_COST=LIMIT, got params"):
        searched.select(params=1)
    with pytest.raises(UserError, match="expected 'knee'"):
        searched.select("elbow")
    with pytest.raises(UserError, match=r"expected a run folder with run\.json"):
        small.model(tmp_path).select("knee")


class SameAgain(keras_tuner.Oracle):
    """Proposes one network for ever."""

    def populate_space(self, trial_id):
        values = {"tiny_block_1/width": 8, "pooled_head_1/hidden": 64}
        values |= {"learning_rate": 1e-3, "weight_decay": 1e-2, "label_smoothing": 0.1}
        return {"status": "RUNNING", "values": values}


def test_the_same_network_is_not_trained_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(stopping, "MAX_PRUNED", 3)
    model = small.model(tmp_path, tuner=SameAgain, max_trials=3)
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    trials = model.trials(all=True)
    assert list(trials["status"]) == ["complete", *["pruned"] * 3]
    assert set(trials["message"][1:]) == {"the same network as trial 0"}


def test_if_every_trial_fails_the_first_cause_is_reported(tmp_path):
    model = small.model(tmp_path)
    with pytest.raises(RuntimeError, match=r"every trial failed.*the disk is on fire"):
        model.fit(
            DATA,
            validation_data=small.dataset(seed=1),
            epochs=1,
            callbacks=[Raises()],
            verbose=0,
        )
    trials = model.trials(all=True)
    assert list(trials["status"]) == ["failed"] * 2
    assert trials["message"].iloc[0] == "OSError: the disk is on fire"
    assert "on fire" in (model.run / "trials" / "0" / "error.txt").read_text()


def test_a_loss_of_nan_fails_the_trial(tmp_path):
    data = [small.dataset(seed=seed) for seed in (0, 1)]
    (pixels, labels), others = (
        ({"sen2": one.read(np.arange(48))["sen2"] * np.float32(1e30)}, one.labels)
        for one in data
    )
    model = small.model(tmp_path)

    class NaN(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["loss"] = float("nan")

    with pytest.raises(RuntimeError, match="the loss is nan after epoch 1"):
        model.fit(
            pixels,
            labels,
            validation_data=others,
            epochs=1,
            callbacks=[NaN()],
            verbose=0,
        )


def test_other_data_are_refused(finished):
    with pytest.raises(UserError, match="expected the training data that this run"):
        finished.fit(small.dataset(seed=9), validation_data=DATA, epochs=1)


def test_another_objective_is_refused(finished):
    other = small.model(finished.directory, objective="val_loss")
    asked = (finished.run / "run.json").read_text()
    expected = "objective val_cohen_kappa of this search, found val_loss"
    with pytest.raises(UserError, match=expected):
        other.fit(DATA, validation_data=small.dataset(seed=1), epochs=2, verbose=0)
    assert (finished.run / "run.json").read_text() == asked


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_searches_in_one_folder_are_refused(tmp_path, overwrite):
    model = small.model(tmp_path, overwrite=overwrite)
    model.run.mkdir(parents=True)
    (model.run / "trials").mkdir()
    with alone(model.run):
        if overwrite:
            (model.run / "run.json").write_text("{}")
        with pytest.raises(UserError, match="another command at work"):
            model.fit(DATA, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    assert (model.run / "trials").is_dir()
    assert (model.run / "run.json").exists() == overwrite


class OutOfMemory(keras.callbacks.Callback):
    """A device with memory for batches of at most so many samples."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1 and self.params["steps"] < 48 / self.most:
            raise MemoryError("RESOURCE_EXHAUSTED: no more")


def test_out_of_memory_halves_the_batch_once(tmp_path):
    model = small.model(tmp_path, max_trials=1)
    given = {"validation_data": small.dataset(seed=1), "epochs": 2, "verbose": 0}
    model.fit(DATA, batch_size=16, callbacks=[OutOfMemory(8)], **given)
    history = (model.run / "trials" / "0" / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in history] == ["epoch", "1", "2"]
    assert open_study(model.run).trials[0].user_attrs["batch_size"] == 8
    assert list(model.trials()["status"]) == ["complete"]


def test_out_of_memory_twice_fails_the_trial(tmp_path):
    model = small.model(tmp_path, max_trials=1)
    given = {"validation_data": small.dataset(seed=1), "epochs": 2, "verbose": 0}
    with pytest.raises(RuntimeError, match=r"every trial failed.*RESOURCE"):
        model.fit(DATA, batch_size=16, callbacks=[OutOfMemory(4)], **given)


class FullDisk(keras.callbacks.Callback):
    """What writing to a full disk raises, in the second training."""

    def on_epoch_end(self, epoch, logs=None):
        if self.folder.is_dir():
            raise OSError(errno.ENOSPC, "No space left on device")

    def __init__(self, folder):
        super().__init__()
        self.folder = folder


def test_a_full_disk_ends_the_search_and_keeps_finished_trials(tmp_path):
    model = small.model(tmp_path)
    given = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
    full = FullDisk(model.run / "trials" / "1")
    with pytest.raises(UserError, match=r"full disk .*No space left.*; free some"):
        model.fit(DATA, callbacks=[full], **given)
    model.fit(DATA, **given)
    trials = model.trials(all=True)
    assert list(trials["status"]) == ["complete", "interrupted", "complete"]
    assert trials["message"][1] == "interrupted; goes on as trial 2"


@pytest.mark.slow
def test_a_proxy_judges_candidates_and_the_best_are_trained_in_full(tmp_path):
    model = small.model(
        tmp_path, max_trials=4, proxy={"epochs": 1, "fraction": 0.5}, finalists=2
    )
    given = {"validation_data": small.dataset(seed=1), "epochs": 3, "verbose": 0}
    model.fit(DATA, **given)
    trials = model.trials(all=True)
    assert list(trials["epochs"]) == [1, 1, 1, 1, 3, 3]
    study = open_study(model.run)
    kappas = trials["val_cohen_kappa"][:4]
    chosen = [t.user_attrs["full_of"] for t in study.trials[4:]]
    assert set(kappas[chosen]) == set(sorted(kappas)[-2:])
    widths = trials["tiny_block_1/width"]
    assert list(widths[4:]) == list(widths[chosen])
    kept = json.loads((model.run / "best" / "evaluation.json").read_text())
    assert kept["trial"] in (4, 5)
    full = trials["val_cohen_kappa"]
    assert full[kept["trial"]] == full[4:].max()
    (own,) = kept["phases"]
    assert own["epochs"] == 3 and kept["epochs"] == own["kept"]
    assert list(trials["training"]) == [
        *(4 * ["proxy"]),
        *(f"full, of trial {number}" for number in chosen),
    ]
    model.fit(DATA, **given)  # is over
    assert len(model.trials()) == 6
    # a later search learns from the more of them, an ensemble has those trained in full
    (prior,) = read_priors([model.run], parse_objectives("val_loss"), ["learning_rate"])
    assert len(prior.values) == 4
    with pytest.warns(AutoAI4EOWarning, match="4 networks that proxy trained left out"):
        candidates = library.candidates(model.run, study, {})
    assert {one.trial.number for one in candidates} == {4, 5}


@pytest.mark.slow
def test_a_search_ends_without_improvement(tmp_path):
    model = small.model(tmp_path, max_trials=30, patience=2)
    model.fit(DATA, validation_data=small.dataset(seed=1), epochs=2, verbose=0)
    kappas = model.trials()["val_cohen_kappa"]
    assert len(kappas) < 30
    assert kappas[-2:].max() <= 1.001 * kappas[:-2].max()


class Worse(keras.callbacks.Callback):
    """Prevents trials from the sixth on from learning."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        late = len(list(self.folder.glob("*/model.keras"))) >= 5
        logs["val_cohen_kappa"] = 0.0 if late else 0.1 * epoch


@pytest.mark.slow
def test_a_training_that_cannot_reach_the_best_is_stopped(tmp_path):
    model = small.model(tmp_path, max_trials=6, prune=True)
    model.fit(
        DATA,
        validation_data=small.dataset(seed=1),
        epochs=6,
        callbacks=[Worse(model.run / "trials")],
        verbose=0,
    )
    trials = model.trials(all=True)
    assert (trials["status"] == "complete").sum() == 5
    last = trials.iloc[-1]
    assert last["status"] == "pruned"
    assert last["message"].startswith("stopped after epoch 2") and last["epochs"] == 2
