"""A compact search on JAX."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

SCRIPT = """
import pathlib
import sys

import keras
import small
from autoai4eo.compact.search import search
from autoai4eo.compact.settings import CompactSettings

settings = CompactSettings(
    method="s+c+d", max_depth=2, channels=4, blocks=1, depth=1, batch_size=8, epochs=2
)
out, data = pathlib.Path(sys.argv[1]), small.dataset(48)


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


try:
    search(data, out / "broken", settings, callbacks=[Stop()])
except KeyboardInterrupt:
    for name in ("broken", "whole"):
        search(data, out / name, settings)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra autoai4eo[jax]")
def test_a_search_runs_and_resumes_on_jax(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "PYTHONPATH": os.pathsep.join(("tests", ".")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    whole, broken = (
        json.loads((tmp_path / name / "compact.json").read_text())
        for name in ("whole", "broken")
    )
    first, last = whole["epochs"]
    assert last["loss"] < first["loss"] * 1.2
    assert last["entropy"] < first["entropy"]
    assert len(whole["architecture"]["genotype"]) == 4
    assert broken["architecture"] == whole["architecture"]
    assert broken["epochs"][1]["loss"] == pytest.approx(last["loss"], rel=1e-3)
