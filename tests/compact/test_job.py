"""One training of a table."""

from dataclasses import replace

import numpy as np
import pytest
import small

from autoai4eo.compact.job import TableSettings, asked_of, do_job, outputs_of, result_of
from autoai4eo.compact.settings import CompactSettings
from autoai4eo.learning.checkpoint import Checkpoint

SETTINGS = TableSettings(
    ("resnet-8",), 1, 3, batch_size=8, search=CompactSettings(epochs=1)
)


def killed_after(monkeypatch, number):
    """Ends the work after an epoch is written, as a kill does."""
    written = Checkpoint.on_epoch_end

    def stop(self, epoch, logs=None):
        written(self, epoch, logs)
        if epoch + 1 == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "on_epoch_end", stop)


def test_a_killed_training_ends_as_an_unbroken_one(tmp_path, monkeypatch):
    data, test = small.dataset(32), small.dataset(12)
    job = ("resnet-8", 0)
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    do_job(data, test, tmp_path / "whole", SETTINGS, *job)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        killed_after(patch, 2)
        do_job(data, test, tmp_path / "broken", SETTINGS, *job)
    told = []
    do_job(data, test, tmp_path / "broken", SETTINGS, *job, told.append)
    assert told == ["trains 3 epochs after epoch 2"]
    whole, broken = (outputs_of(tmp_path / name, *job) for name in ("whole", "broken"))
    np.testing.assert_allclose(broken, whole, rtol=1e-3, atol=1e-5)
    asked = asked_of(data, test, SETTINGS)
    found = result_of(tmp_path / "broken", *job, asked)
    rows = (tmp_path / "broken" / "resnet-8-0" / "epochs.csv").read_text().split()
    seconds = [float(row.split(",")[1]) for row in rows[1:]]
    assert len(seconds) == 3 and sorted(seconds) == seconds
    assert found["train_seconds"] == seconds[-1]
    assert not list((tmp_path / "broken").rglob("*.npz.*"))


def test_the_state_of_other_options_is_not_used(tmp_path, monkeypatch):
    data, test = small.dataset(32), small.dataset(12)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        killed_after(patch, 1)
        do_job(data, test, tmp_path, SETTINGS, "resnet-8", 0)
    told = []
    other = replace(SETTINGS, batch_size=16)
    do_job(data, test, tmp_path, other, "resnet-8", 0, told.append)
    assert "it is that of batch_size 8); the training begins anew" in told[0]
    assert told[1] == "trains 3 epochs"
