"""The traps of AutoKeras 3.0.0: each fails there, and does not here.

Traps 1, 7 and 15 have more tests where the blocks are, 3 and 12 where AutoModel is,
5 where the tuner is.
"""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo import cost
from autoai4eo.data.synthetic import write_so2sat_like
from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.space.graph import Graph
from autoai4eo.search.strategies import STRATEGIES

# what is tried does not depend on the process
pytestmark = pytest.mark.usefixtures("in_process")

DATA = small.dataset()
VALIDATION = small.dataset(seed=1)


@pytest.fixture(scope="module")
def plain():
    """What plain AutoKeras does at each trap, tried in a process of its own."""
    script = Path(__file__).with_name("plain_autokeras.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=400,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    return {int(trap): answer for trap, answer in found.items()}


def search(folder, data=DATA, **arguments):
    model = small.model(folder, max_trials=1, **arguments)
    model.fit(data, validation_data=VALIDATION, epochs=1, verbose=0)
    return model


def test_trap_1_units_are_ints(plain, tmp_path):
    assert "invalid value for `units`" in plain[1]
    assert search(tmp_path).predict(DATA).shape == (48,)


WITHOUT_TENSORBOARD = """
import sys
sys.modules["tensorboard"] = None
import small
model = small.model(sys.argv[1], max_trials=1)
with small.in_this_process():  # a worker would have its own sys.modules
    model.fit(
        small.dataset(), validation_data=small.dataset(seed=1), epochs=1, verbose=0
    )
model.export_model()
"""


def test_trap_2_tensorboard_is_not_needed_and_failures_are_told(plain, tmp_path):
    told_by_fit, told_by_export = plain[2]
    assert told_by_fit is None and "checkpoint" in told_by_export
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_TENSORBOARD, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(("tests", "."))},
        check=True,
        capture_output=True,
    )


def test_trap_3_the_retrained_network_is_used(plain, tmp_path):
    assert plain[3] > 1e-3
    model = small.model(tmp_path, max_trials=1)
    model.fit(DATA, validation_split=0.25, epochs=1, verbose=0)
    retrained = keras.models.load_model(model.run / "best" / "model.keras")
    pixels = DATA.read(np.arange(8))
    np.testing.assert_allclose(
        model.export_model().predict(pixels, verbose=0),
        retrained.predict(pixels, verbose=0),
        atol=1e-6,
    )


@pytest.mark.filterwarnings("ignore:.*no validation samples of")
def test_trap_4_data_may_lie_on_disk(plain, tmp_path):
    assert "to be a numpy array" in plain[4]
    path = tmp_path / "patches.h5"
    write_so2sat_like(path, 68, seed=0)
    model = small.model(tmp_path, max_trials=1)
    model.fit(str(path), epochs=1, validation_split=0.5, verbose=0)
    assert model.predict(str(path)).shape == (68,)


def test_trap_5_too_big_is_infeasible_and_not_a_failure(plain, tmp_path):
    assert "Oversized model" in plain[5]
    model = search(tmp_path, max_model_size=2_000, tuner="random", seed=3)
    assert set(model.trials()["status"]) <= {"complete", "infeasible"}


def test_trap_6_callbacks_stay_callbacks_and_seed_0_is_a_seed(plain, tmp_path):
    assert plain[6] is False
    seen = [search(tmp_path / name, seed=0).trials(all=True) for name in ("a", "b")]
    columns = ["val_loss", "learning_rate", "weight_decay", "tiny_block_1/width"]
    assert seen[0][columns].equals(seen[1][columns])


def test_trap_7_pretrained_takes_any_number_of_bands(plain):
    assert "1 or 3 channels" in plain[7]
    node = ae.ImageInput("sen2")
    block = ae.blocks.PretrainedResNetBlock()
    block(node)
    features = block.build(keras_tuner.HyperParameters(), keras.Input((32, 32, 10)))
    assert len(keras.tree.flatten(features)[0].shape) == 4


def test_trap_12_inputs_keep_their_name_and_are_float32(plain, tmp_path):
    assert plain[12] == ["keras_tensor", "float64"]
    pixels = DATA.read(np.arange(48))["sen2"].astype("float64")
    model = small.model(tmp_path, max_trials=1)
    model.fit(pixels, DATA.labels, validation_data=small.dataset(seed=1), epochs=1)
    (node,) = model.export_model().inputs
    assert (node.name, node.dtype) == ("sen2", "float32")


def test_trap_13_our_metrics_are_objectives_by_name(plain, tmp_path):
    assert "Could not infer optimization direction" in plain[13]
    model = search(tmp_path, objective="val_average_accuracy")
    assert model.trials(all=True)["val_average_accuracy"].notna().all()


def test_trap_14_nothing_is_scaled_up_beyond_a_cap(plain):
    assert plain[14] == 224
    node = ae.ImageInput("sen2")
    node.shape = (64, 64, 4)
    for width in (8, 32):
        block = ae.blocks.EOImageBlock(width=width, depth=3, kernel_size=5)
        block(node)
        pixels = keras.Input((64, 64, 4))
        features = block.build(keras_tuner.HyperParameters(), pixels)
        network = keras.Model(pixels, keras.tree.flatten(features)[0])
        assert cost.count(network).macs <= block.max_macs


@pytest.mark.filterwarnings(
    "ignore::autoai4eo.blocks.heads.classification.BudgetNotEnforced"
)
def test_trap_15_a_build_never_measures(monkeypatch):
    def measured(*args, **kwargs):
        raise AssertionError("a build has measured")

    # what every measurement ends in, whoever asks for it
    monkeypatch.setattr("autoai4eo.runtimes.timing.timed", measured)
    node = ae.ImageInput("sen2")
    head = ae.blocks.LatencyConstrainedHead(1.0)
    output = head(ae.blocks.EOImageBlock()(node))[0]
    node.shape, head.shape = (8, 8, 4), (3,)
    graph = Graph(inputs=[node], outputs=[output])
    graph.loss = "categorical_crossentropy"
    spaces = []
    for _ in range(2):
        hp = keras_tuner.HyperParameters()
        graph.build(hp)
        spaces.append(hp.get_config())
    assert spaces[0] == spaces[1]


def test_the_strategies_are_autokeras_own_and_optunas():
    assert {"greedy", "bayesian", "hyperband", "random", "tpe"} <= set(STRATEGIES)
    assert "tuner" in inspect.signature(SearchSettings).parameters
