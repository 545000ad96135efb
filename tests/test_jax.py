"""The same on JAX: fit, profile, evaluate and map."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

SCRIPT = """
import contextlib, json, sys
import pathlib
import keras
import rasterio
import scenes
import small
import autoai4eo as ae

data = small.dataset()
model = small.model(sys.argv[1], max_trials=1)
validation = small.dataset(seed=1)
in_worker = sys.argv[2] == "worker"
with contextlib.nullcontext() if in_worker else small.in_this_process():
    model.fit(data, validation_data=validation, epochs=1, verbose=0, references=True)
scores = model.evaluate(data)
cost = ae.profile(model.export_model(), latency=True, budget_s=0.2)
folder = pathlib.Path(sys.argv[1])
bands = [f"band{i}" for i in range(1, 5)]
scene = scenes.write_scene(folder / "s.tif", scenes.digits(30, 40, 4), bands)
out = model.predict_scene(scene, folder / "m.tif", stride=5, verbose=0)
with rasterio.open(out) as file:
    cells = file.shape
print(json.dumps({
    "cells": cells,
    "backend": keras.backend.backend(),
    "status": list(model.trials()["status"]),
    "latency": model.trials()["latency_ms"].tolist(),
    "macs": [cost.macs, int(model.trials()["macs"].iloc[0])],
    "accuracy": scores["accuracy"],
    "trees": scores["references"]["trees"]["accuracy"],
}))
"""


@pytest.mark.skipif(find_spec("jax") is None, reason="needs the extra autoai4eo[jax]")
@pytest.mark.parametrize(
    "where", ["one process", pytest.param("worker", marks=pytest.mark.slow)]
)
def test_a_search_runs_on_jax(tmp_path, where):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path), where],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            # each function is called a few times: compiling it well takes longer
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "PYTHONPATH": os.pathsep.join(("tests", ".")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["backend"] == "jax"
    assert told["cells"] == [6, 8]
    assert told["status"] == ["complete"]
    assert told["trees"] > 0.9
    assert told["latency"][0] > 0
    assert told["macs"][0] == told["macs"][1] > 0
    assert 0 <= told["accuracy"] <= 1
