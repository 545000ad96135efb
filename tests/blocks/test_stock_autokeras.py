"""The blocks in stock AutoKeras, its repair, and saved models."""

import json
import subprocess
import sys

import autokeras as ak
import keras
import numpy as np
import pytest
from autokeras.graph import Graph

from autoai4eo import blocks
from autoai4eo.blocks.backbones.resnets import build_trunk
from autoai4eo.blocks.pretrained_weights.catalogue import CATALOGUE
from autoai4eo.blocks.pretrained_weights.files import from_file
from autoai4eo.blocks.repair import needed, repair

# KerasTuner and Keras themselves call what Python and NumPy deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# Builds the smallest graph with a head, on shapes that AutoKeras reads from data.
PLAIN = """
import autokeras as ak, keras_tuner, numpy as np
from autokeras.graph import Graph
def build():
    node = ak.ImageInput()
    node.dtype = "float32"
    graph = Graph(node, ak.ClassificationHead(num_classes=3)(node))
    graph.set_io_shapes(([np.array((4, 8, 8, 3))], [np.array((4, 3))]))
    return graph.build(keras_tuner.HyperParameters())
try:
    build()
except ValueError as error:
    assert "units" in str(error), error
    print("plain AutoKeras fails")
import autoai4eo.blocks
build()
print("repaired AutoKeras builds")
"""

# A saved model must open without this package.
LOAD = """
import sys, keras, numpy as np
for path in sys.argv[1:]:
    model = keras.models.load_model(path)
    batch = [np.full((1, *t.shape[1:]), 0.5, "float32") for t in model.inputs]
    answer = keras.ops.convert_to_numpy(model(batch, training=False)[0])
    np.save(path + ".npy", answer)
assert not {"autoai4eo", "autokeras"} & sys.modules.keys()
"""


def run(code, *arguments):
    """What `code` prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_plain_autokeras_still_needs_the_repair():
    lines = run(PLAIN).splitlines()
    assert lines == ["plain AutoKeras fails", "repaired AutoKeras builds"], (
        "AutoKeras no longer needs blocks/repair.py with this Keras: narrow its guard"
    )


def test_the_repair_is_in_place_and_idempotent():
    assert needed()
    before = Graph.set_io_shapes
    repair()
    assert Graph.set_io_shapes is before


# Stock AutoKeras warns of the optimizer that it does not load, our head of its budget.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_stock_auto_model_fits_every_block_and_exports(tmp_path):
    rng = np.random.default_rng(0)
    x = {
        "sen2": rng.random((16, 16, 16, 4)),
        "sen1": rng.normal(-12, 4, (16, 16, 16, 2)),
    }
    y = rng.integers(0, 3, 16)
    sen2 = blocks.ImageInput("sen2", bands=["B2", "B3", "B4", "B8"])
    sen1 = blocks.ImageInput("sen1", bands=["VV", "VH"])
    features = blocks.SensorFusion()(
        [blocks.MultispectralStem()(sen2), blocks.MultispectralStem()(sen1)]
    )
    features = blocks.EOImageBlock(width=8)(features)
    auto = ak.AutoModel(
        [sen2, sen1],
        blocks.LatencyConstrainedHead(max_latency_ms=5.0)(features),
        max_trials=1,
        directory=tmp_path,
        tuner="greedy",
        seed=1,
    )
    auto.fit([x["sen2"], x["sen1"]], y, epochs=1, validation_split=0.25, verbose=0)
    model = auto.export_model()
    assert [t.name for t in model.inputs] == ["sen2", "sen1"]
    assert {keras.backend.standardize_dtype(t.dtype) for t in model.inputs} == {
        "float32"
    }
    normalisations = [
        layer for layer in model.layers if isinstance(layer, keras.layers.Normalization)
    ]
    np.testing.assert_allclose(
        np.ravel(normalisations[1].mean), x["sen1"][:12].mean((0, 1, 2)), rtol=0.1
    )
    answer = auto.predict([x["sen2"], x["sen1"]], verbose=0)
    assert len(answer) == 16


def pretrained(kit, folder):
    """A network over a trunk with weights, whose bands and size are adapted to it."""
    path = folder / "trunk.weights.h5"
    build_trunk("resnet20", (32, 32, 10), "trunk").save_weights(path)
    of = CATALOGUE["lcz42-resnet20-s2"]
    bands = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    block = blocks.PretrainedResNetBlock(
        weights=from_file(path, "resnet20", bands, of.scaling),
        adaptation="project",
        upscaling=2,
        freeze="all",
        learning_rate_factor=0.1,
    )
    return kit.build(kit.graph(block, [(32, 32, 4)], bands[:4]), {})[0]


def test_saved_models_open_without_this_package(kit, tmp_path):
    bands = ["B02", "B03", "B04", "B08"]
    wirings = {
        "residual": {
            "stem/spectral_mixing": "squeeze_excitation",
            "stem/kernel_size": "1+3+5",
            "stem/band_dropout": 0.2,
            "fusion/merge": "gated",
            "head/pooling": "average+max",
            "head/hidden": 64,
        },
        "inverted": {
            "stem/spectral_mixing": "1x1",
            "fusion/kind": "late",
            "fusion/merge": "sum",
            "trunk/family": "inverted",
        },
        "preactivated": {"fusion/kind": "mid", "trunk/preactivate": True},
    }
    models = {tmp_path / "pretrained.keras": pretrained(kit, tmp_path)}
    for name, values in wirings.items():
        graph = kit.graph(
            lambda a, b: blocks.EOImageBlock(name="trunk", max_macs=3_000_000)(
                blocks.SensorFusion(name="fusion")(
                    [blocks.MultispectralStem(name="stem")(a), b]
                )
            ),
            [(32, 32, 4), (24, 24, 4)],
            bands,
            blocks.PooledHead(name="head"),
        )
        models[tmp_path / f"{name}.keras"], _ = kit.build(graph, values)
    for path, model in models.items():
        model.save(path)
    run(LOAD, *models)
    for path, model in models.items():
        batch = [np.full((1, *t.shape[1:]), 0.5, "float32") for t in model.inputs]
        np.testing.assert_allclose(
            np.load(f"{path}.npy"), model(batch, training=False)[0], atol=1e-6
        )


def test_a_whole_graph_comes_back_from_json(kit):
    graph = kit.graph(
        lambda a, b: blocks.EOImageBlock(depth=2)(
            blocks.SensorFusion(kind="late")(
                [blocks.MultispectralStem(filters=24)(a), b]
            )
        ),
        [(32, 32, 4), (32, 32, 4)],
        ["B02", "B03", "B04", "B08"],
    )
    config = json.dumps(graph.get_config())
    again = Graph.from_config(json.loads(config))
    assert json.dumps(again.get_config()) == config
    again.set_io_shapes(([np.array((1, 32, 32, 4))] * 2, [np.array((1, kit.CLASSES))]))
    one, two = kit.build(graph, {})[0], kit.build(again, {})[0]
    assert [w.shape for w in one.weights] == [w.shape for w in two.weights]
