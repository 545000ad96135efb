"""A plan is of the search that `fit` would make."""

import numpy as np
import pytest
import runs
import small

import autoai4eo as ae
from autoai4eo.tasks import planning
from autoai4eo.tasks.planning import plan

DATA = small.dataset()
pytestmark = pytest.mark.filterwarnings("ignore:validation data")
HOW = {
    "epochs": 1,
    "batch_size": 16,
    "final_epochs": None,
    "allow_overlap": True,  # one data set for both
    "tell": lambda text: None,
}


def test_a_loss_may_have_the_name_that_keras_gives_it(tmp_path):
    model = small.model(tmp_path, max_trials=2)
    found = plan(model, DATA, DATA, loss="categorical_crossentropy", **HOW)
    assert found.rehearsal.epoch_s > 0
    assert not model.run.exists()


@pytest.mark.parametrize(("overwrite", "trained"), [(False, 1), (True, 0)])
def test_trials_that_are_trained_are_not_planned(
    tmp_path, monkeypatch, overwrite, trained
):
    monkeypatch.setattr(planning, "rehearse", lambda *given: given[-1])
    runs.run_folder(tmp_path / "run")  # of one trial
    model = small.model(tmp_path, max_trials=2, overwrite=overwrite)
    assert plan(model, DATA, DATA, loss=None, **HOW).rehearsal == trained


def test_a_loss_with_a_spread_gets_a_head_that_predicts_one(tmp_path, tiny_networks):
    rng = np.random.default_rng(0)
    pixels = rng.random((24, 8, 8, 2)).astype("float32")
    values = ae.open_dataset(pixels, labels=rng.random((24, 1)), kind="value")
    model = ae.ImageRegressor(directory=tmp_path)
    found = plan(model, values, values, loss="gaussian", **HOW)
    without = plan(model, values, values, loss=None, **HOW)
    assert found.rehearsal.cost["params"] > without.rehearsal.cost["params"]
