import os
import subprocess
import sys
import textwrap
import threading
import time

import keras
import pandas as pd
import pytest
import small
from disturbing import Crash, KillWorker, Seen

import autoai4eo as ae
from autoai4eo.errors import UserError
from autoai4eo.runs.study import open_study

DATA, OTHER = small.dataset(), small.dataset(seed=1)
FIGURES = ["loss", "val_loss", "val_cohen_kappa"]


def search(folder, *callbacks, epochs=3, **arguments):
    model = small.model(folder, **arguments)
    model.fit(
        DATA, validation_data=OTHER, epochs=epochs, callbacks=callbacks, verbose=0
    )
    return model


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A search of two trials."""
    return search(tmp_path_factory.mktemp("undisturbed"))


def curve(model, trial):
    return pd.read_csv(model.run / "trials" / str(trial) / "history.csv")


def check_nothing_is_lost(model, undisturbed, seen):
    """Checks that the second trial was interrupted in its third epoch and resumed."""
    trials = model.trials(all=True)
    assert list(trials["status"]) == ["complete", "interrupted", "complete"]
    expected = undisturbed.trials(all=True)["val_loss"].tolist()
    assert trials["val_loss"].iloc[[0, 2]].tolist() == pytest.approx(expected)
    # its third epoch again, then the finalist's three
    assert seen.read_text().split() == list("012" + "012" + "2" + "012")
    found, whole = curve(model, 2), curve(undisturbed, 1)
    assert found["epoch"].tolist() == [1, 2, 3]
    assert found[FIGURES].to_numpy() == pytest.approx(
        whole[FIGURES].to_numpy(), rel=1e-5
    )
    assert not list(model.run.glob("trials/*/*.npz"))


@pytest.mark.slow
def test_a_killed_worker_loses_no_trial(tmp_path, undisturbed):
    seen = tmp_path / "seen"
    model = search(tmp_path, Seen(seen), KillWorker(tmp_path, "run/trials/1", 2))
    check_nothing_is_lost(model, undisturbed, seen)
    assert model.trials()["message"][1].startswith("interrupted: SIGKILL")


COMMAND = """
    import sys
    from pathlib import Path
    import small
    from disturbing import KillCommand, Seen

    folder = Path(sys.argv[1])
    small.model(folder).fit(
        small.dataset(), validation_data=small.dataset(seed=1), epochs=3, verbose=0,
        callbacks=[Seen(folder / "seen"), KillCommand(folder, "run/trials/1", 2)],
    )
"""


@pytest.mark.slow  # benchmarks/kills.py kills many more
def test_a_killed_command_can_be_resumed_and_its_workers_end_with_it(
    tmp_path, undisturbed
):
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(COMMAND), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": "tests:."},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -9
    worker = int((tmp_path / "KillCommand").read_text())
    until = time.monotonic() + 20
    while os.path.exists(f"/proc/{worker}") and time.monotonic() < until:
        time.sleep(0.1)
    assert not os.path.exists(f"/proc/{worker}")
    model = small.model(tmp_path)
    assert list(model.trials()["status"]) == ["complete", "interrupted"]
    seen = tmp_path / "seen"
    model.fit(DATA, validation_data=OTHER, epochs=3, callbacks=[Seen(seen)], verbose=0)
    check_nothing_is_lost(model, undisturbed, seen)
    assert model.trials()["status"][1] == "interrupted"
    assert model.trials()["message"][1] == "interrupted; goes on as trial 2"


@pytest.mark.slow
def test_a_crash_fails_one_trial_and_its_cause_is_recorded(tmp_path):
    model = search(tmp_path, Crash(tmp_path), epochs=1)
    trials = model.trials(all=True)
    assert list(trials["status"]) == ["failed", "complete"]
    assert trials["message"][0] == "crashed: SIGSEGV (Segmentation fault)"


def test_two_workers_share_a_search(tmp_path):
    model = search(
        tmp_path,
        epochs=1,
        workers=2,
        max_trials=5,
        tuner=None,
        objective=["val_cohen_kappa", "params"],
        constraints={"params": 1500},
    )
    trials = model.trials(all=True)
    complete = trials[trials["status"] == "complete"]
    assert len(complete) == 5
    assert not complete[["params", "learning_rate", "weight_decay"]].duplicated().any()
    names = {t.user_attrs["worker"] for t in open_study(model.run).trials}
    assert len(names) == 2
    assert model.export_model().count_params() <= 1500


@pytest.mark.slow
def test_a_worker_is_replaced_and_the_trials_are_the_same(
    tmp_path, undisturbed, monkeypatch
):
    monkeypatch.setattr("autoai4eo.search.workers.pool.CANDIDATES", 1)
    model = search(tmp_path)
    names = {t.user_attrs["worker"] for t in open_study(model.run).trials}
    assert len(names) == 2
    expected = undisturbed.trials(all=True)["val_loss"].tolist()
    assert model.trials(all=True)["val_loss"].tolist() == pytest.approx(expected)


def test_objects_that_cannot_be_pickled_are_refused(tmp_path):
    class Holds(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    with pytest.raises(UserError, match=r"pickled.*lock"):
        search(tmp_path, Holds())


class Unwelcome(keras.callbacks.Callback):
    """An object that cannot be unpickled in another process."""

    def __reduce__(self):
        return (int, ("no number",))


def test_a_worker_that_cannot_begin_reports_the_cause(tmp_path):
    told = r"^a worker ended with exit status 1: ValueError: invalid literal.*1\.log\)$"
    with pytest.raises(RuntimeError, match=told):
        search(tmp_path, Unwelcome())


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"patience": 0},
        {"finalists": -1},
        {"proxy": {"fraction": 2}},
        {"proxy": {"steps": 2}},
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path, wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"{name}: expected"):
        ae.ImageClassifier(directory=tmp_path, **wrong)
