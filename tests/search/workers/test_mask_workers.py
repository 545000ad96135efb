"""Two workers search a segmenter, and one of them is killed on the way."""

import warnings

import pytest
import small_masks
from disturbing import KillWorker

from autoai4eo.errors import AutoAI4EOWarning

TRIALS = 3


def search(folder, *callbacks):
    train = small_masks.write(folder / "train.h5", 24)
    validation = small_masks.write(folder / "val.h5", 12, seed=5)
    model = small_masks.TinySegmenter(
        directory=folder,
        project_name="run",
        max_trials=TRIALS,
        seed=3,
        tuner="random",
        workers=2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AutoAI4EOWarning)  # of the unknown pixels
        model.fit(
            str(train),
            validation_data=str(validation),
            epochs=3,
            batch_size=4,
            callbacks=callbacks,
            verbose=0,
        )
    return model


def complete(model):
    """The complete trials, by what they are: hyperparameters and figures."""
    trials = model.trials(all=True)
    trials = trials[trials["status"] == "complete"]
    chosen = [n for n in trials if "/" in n or n in ("learning_rate", "weight_decay")]
    assert chosen
    return (
        trials.sort_values([*chosen, "val_mean_iou"])[
            [*chosen, "epochs", "params", "val_mean_iou", "val_loss"]
        ]
        .reset_index(drop=True)
        .astype({"epochs": int})
    )


@pytest.mark.slow
def test_a_killed_worker_changes_no_trial_of_a_segmenter(tmp_path):
    """Users rely on: a search on machines that are taken away ends the same."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = search(tmp_path / "whole")
    killed = search(
        tmp_path / "killed", KillWorker(tmp_path / "killed", "run/trials/1", 1)
    )
    trials = killed.trials()
    assert sorted(trials["status"]) == [*["complete"] * TRIALS, "interrupted"]
    (message,) = trials.loc[trials["status"] == "interrupted", "message"]
    assert message.startswith("interrupted: SIGKILL")
    one, other = complete(whole), complete(killed)
    assert len(one) == TRIALS
    figures = ["val_mean_iou", "val_loss"]
    assert other.drop(columns=figures).equals(one.drop(columns=figures))
    assert other[figures].to_numpy() == pytest.approx(one[figures].to_numpy(), rel=1e-4)
    assert not list(killed.run.glob("trials/*/*.npz"))  # states of trainings
