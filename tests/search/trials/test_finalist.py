"""The last training of the finalist."""

import json

import numpy as np
import pytest
import small

from autoai4eo import deploy
from autoai4eo.errors import UserError
from autoai4eo.learning import history
from autoai4eo.learning.training import Training
from autoai4eo.runs.folder import Run

pytestmark = pytest.mark.usefixtures("in_process")
DATA, JUDGED = small.dataset(), small.dataset(seed=1)


@pytest.fixture
def trainings(monkeypatch):
    """(epochs, weights at the beginning) of each training."""
    found = []
    run = Training.run

    def kept(self, model, seed, callbacks, *arguments, **named):
        found.append((self.max_epochs, [w.copy() for w in model.get_weights()]))
        return run(self, model, seed, callbacks, *arguments, **named)

    monkeypatch.setattr(Training, "run", kept)
    return found


def fit(model, **how):
    model.fit(DATA, validation_data=JUDGED, epochs=1, verbose=0, **how)
    return json.loads((model.run / "best" / "evaluation.json").read_text())


def check_phases(model, name):
    """All epochs of the weights are counted, and the own training has a curve."""
    known = json.loads((model.run / "best" / "evaluation.json").read_text())
    *before, own = known["phases"]
    assert own["training"] == name
    of_trial = {"training": "trial 0", "epochs": 1, "kept": 1}
    continued = name == "further training" or not own["kept"]
    assert [{**of_trial, "best": one["best"]} for one in before] == before
    assert len(before) == continued
    assert known["epochs"] == own["kept"] + continued
    curve = history.read(Run(model.run).history, 0)
    reached = [row["val_cohen_kappa"] for row in curve]
    assert len(reached) == own["epochs"] and max(reached) == own["best"]
    trial = model.trials()["val_cohen_kappa"].iloc[0]
    assert (own["best"] > trial) == bool(own["kept"])
    assert known["metrics"]["val_cohen_kappa"] == max(trial, own["best"])


def test_it_continues_or_is_trained_anew_for_final_epochs(tmp_path, trainings):
    model = small.model(tmp_path, max_trials=1)
    fit(model)
    (one, _), (more, continued) = trainings
    assert (one, more) == (1, 1)
    check_phases(model, "further training")
    trained = deploy.load_network(model.run, "trial-0").get_weights()
    for before, after in zip(trained, continued, strict=True):
        np.testing.assert_array_equal(before, after)
    kept = fit(model, final_epochs=3)
    last, anew = trainings[2]
    assert last == kept["final_epochs"] == 3
    check_phases(model, "training anew")
    assert not np.array_equal(anew[-2], trained[-2])
    # the better network by validation is kept, whichever it is
    trial = model.trials()["val_cohen_kappa"].iloc[0]
    assert kept["metrics"]["val_cohen_kappa"] >= trial
    # as asked for already, or nothing asked for: it is kept
    assert fit(model, final_epochs=3) == fit(model) == kept
    assert len(trainings) == 3
    fit(model, final_epochs=2)
    assert [epochs for epochs, _ in trainings[3:]] == [2]


def test_final_epochs_on_all_data(tmp_path, trainings):
    model = small.model(tmp_path, max_trials=1)
    kept = fit(model, final_epochs=2, refit=True)
    assert [epochs for epochs, _ in trainings] == [1, 2]
    assert kept["trained_on"] == "training and validation"
    assert kept["epochs"] == kept["final_epochs"] == 2


def test_no_final_epoch_is_refused(tmp_path):
    with pytest.raises(UserError, match="final_epochs: expected 1 or more, got 0"):
        fit(small.model(tmp_path, max_trials=1), final_epochs=0)
    assert not (tmp_path / "run").exists()
