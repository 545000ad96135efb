"""An interrupted training goes on as if nothing had happened; no epoch is lost."""

import keras
import pytest
import small

from autoai4eo.learning import callbacks

pytestmark = pytest.mark.usefixtures("in_process")
DATA, OTHER = small.dataset(), small.dataset(seed=1)
PATIENCE = 2


class Interrupt(keras.callbacks.Callback):
    """Interrupts a search once; the validation loss is least after the first epoch.

    Args:
        seen: gets every epoch that is begun.
        when: the epoch that is interrupted as it ends, or "after" the last.
    """

    def __init__(self, seen, when):
        super().__init__()
        self.seen, self.when = seen, when

    def __deepcopy__(self, memo):
        return self  # in this process

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(epoch)

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = 1.0 if epoch else 0.5
        self.interrupt(epoch)

    def on_train_end(self, logs=None):
        self.interrupt("after")

    def interrupt(self, now):
        if now == self.when:
            self.when = None
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("epochs", "when", "expected"),
    [
        pytest.param(2, "after", [0, 1], marks=pytest.mark.slow),
        pytest.param(2, 1, [0, 1, 1], marks=pytest.mark.slow),
        (None, "after", [0, 1, 2]),
        (None, 1, [0, 1, 1, 2]),
    ],
)
def test_an_interrupted_training_goes_on(tmp_path, monkeypatch, epochs, when, expected):
    monkeypatch.setattr(callbacks, "_PATIENCE", PATIENCE)
    model, seen = small.model(tmp_path, max_trials=1), []
    how = {
        "validation_data": OTHER,
        "epochs": epochs,
        "callbacks": [Interrupt(seen, when)],
        "verbose": 0,
    }
    with pytest.raises(KeyboardInterrupt):
        model.fit(DATA, **how)
    model.fit(DATA, **how)
    first, again = model.trials(all=True).to_dict("records")
    assert [first["status"], again["status"]] == ["interrupted", "complete"]
    assert seen[: len(expected)] == expected
    assert again["epochs"] == expected[-1] + 1
    assert seen[len(expected)] == 0  # the finalist trains on
    assert not list(model.run.glob("trials/*/*.npz"))
