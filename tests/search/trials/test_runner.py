"""One trial, with only the context of the search."""

from dataclasses import FrozenInstanceError

import keras
import optuna
import pytest
import small
from toy_search import sampler_of

from autoai4eo.learning.training import Training
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.trials.context import TrialContext
from autoai4eo.search.trials.feasibility import Budget
from autoai4eo.search.trials.runner import TrialRunner
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.progress import Progress


class NoMemory(keras.callbacks.Callback):
    """A device with memory for batches of at most 12 samples."""

    def on_epoch_begin(self, epoch, logs=None):
        if self.params["steps"] < 4:
            raise MemoryError("RESOURCE_EXHAUSTED: no more")


def test_a_trial_needs_no_more_than_its_context(tmp_path):
    built = []

    def build(hp, seed, steps):
        built.append((seed, steps))
        keras.utils.set_random_seed(seed)
        pixels = keras.Input((8, 8, 4), name="sen2")
        features = keras.layers.GlobalAveragePooling2D()(pixels)
        width = 4 + int(4 * abs(hp.Float("x", -1, 1)))
        features = keras.layers.Dense(width)(features)
        model = keras.Model([pixels], keras.layers.Dense(3, "softmax")(features))
        model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
        return model

    settings = SearchSettings(objective="val_loss", seed=4)
    sampler = sampler_of("random", settings.seed)
    lock = MeasurementLock(tmp_path)
    told = []
    context = TrialContext(
        study=optuna.create_study(sampler=sampler),
        run=tmp_path,
        settings=settings,
        sampler=sampler,
        budget=Budget({}, 1, [], lock=lock),
        worker="here:1",
        lock=lock,
        progress=Progress(told.append, settings.monitor),
        build=build,
    )
    with pytest.raises(FrozenInstanceError):
        context.worker = "there:2"
    data = small.dataset()
    training = Training(data, data, epochs=2, batch_size=24, callbacks=(NoMemory(),))
    context.study.optimize(TrialRunner(context, training), n_trials=1)
    (trial,) = context.study.trials
    assert trial.state.name == "COMPLETE"
    assert trial.user_attrs["worker"] == "here:1"
    assert trial.user_attrs["batch_size"] == 12
    # built anew for the larger number of steps, from the same seed
    assert [steps for _, steps in built] == [4, 8] and len({s for s, _ in built}) == 1
    assert context.folder(0).network.is_file()
    assert any("out of memory" in message.get("done", "") for message in told)
    # the choice of the next candidate takes time: the trial is not told as going on
    doing = [message["doing"] for message in told if "doing" in message]
    assert "trial 0   epoch 2/2" in doing[-2]
    assert doing[-1] == "choosing the next candidate"
