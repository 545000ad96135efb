"""A network trained on several devices: here two that JAX makes of one processor."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import pytest

from autoai4eo.errors import UserError
from autoai4eo.learning import data_parallel

SCRIPT = """
import json, pathlib, sys
import keras
import small

folder = pathlib.Path(sys.argv[1])
data, judged = small.dataset(50), small.dataset(35, seed=1)

class Watch(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        value = self.model.trainable_variables[0].value
        told.append([len(value.sharding.device_set), logs["loss"], logs["val_loss"]])

found = {}
for name, divided in (("one", False), ("all", True)):
    told = []
    with small.in_this_process():
        model = small.model(folder / name, max_trials=1)
        model.fit(
            data, validation_data=judged, epochs=2, batch_size=16, augmentation=None,
            callbacks=[Watch()], data_parallel=divided, verbose=0,
        )
    found[name] = told
    found[name + " status"] = list(model.trials()["status"])
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra autoai4eo[jax]")
def test_all_devices_train_as_one_does(tmp_path):
    """Users rely on: `data_parallel` changes the time of a training, not what it is."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": "--xla_backend_optimization_level=0 "
            "--xla_force_host_platform_device_count=2",
            "PYTHONPATH": os.pathsep.join(("tests", ".")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["one status"] == told["all status"] == ["complete"]
    assert {epoch[0] for epoch in told["one"]} == {1}
    assert {epoch[0] for epoch in told["all"]} == {2}
    assert len(told["all"]) == len(told["one"]) == 4  # the trial's and the finalist's
    for one, both in zip(told["one"][:2], told["all"][:2], strict=True):
        assert both[1] == pytest.approx(one[1], rel=1e-3)
        # one of 35 samples is left out of the validation
        assert both[2] == pytest.approx(one[2], rel=0.1)


def test_batches_that_cannot_be_divided_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    monkeypatch.setattr(data_parallel, "device_count", lambda: 3)
    data_parallel.check_data_parallel(33)
    with pytest.raises(UserError, match=r"multiple of the 3 devices.*found 32; use 33"):
        data_parallel.check_data_parallel(32)


def test_tensorflow_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(UserError, match="expected the Keras backend jax, found tensor"):
        data_parallel.check_data_parallel(32)
