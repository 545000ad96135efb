"""The network of an architecture: Keras alone opens it; drop path, second output."""

import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from autoai4eo.blocks.cells import found
from autoai4eo.compact.baselines import RESNETS, resnet
from autoai4eo.compact.network import build
from autoai4eo.cost import profile
from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import Architecture

ONE = Architecture(found.genotype("darts-v2"), (1, 1, 1), 4)
SHAPES = {"sen1": (8, 8, 2), "sen2": (8, 8, 4)}


def test_keras_alone_opens_it(tmp_path):
    model = build(ONE, SHAPES, 3, drop_path=0.2)
    rng = np.random.default_rng(0)
    pixels = {n: rng.normal(size=(2, *s)).astype("float32") for n, s in SHAPES.items()}
    np.savez(tmp_path / "x.npz", **pixels, output=model.predict(pixels, verbose=0))
    model.save(tmp_path / "m.keras")
    script = f"""
import sys, numpy as np, keras
known = np.load(r"{tmp_path / "x.npz"}")
model = keras.models.load_model(r"{tmp_path / "m.keras"}")
output = model.predict({{n: known[n] for n in ("sen1", "sen2")}}, verbose=0)
assert np.allclose(output, known["output"], atol=1e-5)
assert not any(name.startswith("autoai4eo") for name in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_pixels_are_standardised():
    one = {"x": (4, 4, 2)}
    known = {"x": SimpleNamespace(mean=[5.0, 7.0], std=[5.0, 7.0])}
    model = build(ONE, one, 2, known)
    layer = model.get_layer("x_standardise")
    pixels = np.tile(np.array([10.0, 0.0], "float32"), (1, 4, 4, 1))
    np.testing.assert_allclose(np.asarray(layer(pixels))[0, 0, 0], [1, -1], atol=1e-6)


def test_a_second_output_predicts_after_two_thirds_of_the_blocks():
    model = build(ONE, SHAPES, 3, auxiliary=True)
    assert set(model.output_names) == {"classes", "auxiliary"}
    assert model.get_layer("auxiliary_pool").input.shape[1:] == (4, 4, 4 * 4 * 2)
    model.compile("sgd", "categorical_crossentropy", loss_weights=[1.0, 0.4])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"classes": 1}, "classes: expected 2 or more, got 1"),
        ({"drop_path": 1.0}, r"drop_path: expected a number in \[0, 1\)"),
        ({"inputs": {"a": (8, 8, 1), "b": (4, 4, 1)}}, "found a 8×8, b 4×4"),
    ],
)
def test_arguments_out_of_range_are_refused(how, expected):
    with pytest.raises(UserError, match=expected):
        build(ONE, **{"inputs": SHAPES, "classes": 3, **how})


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("resnet-8", 13.53),
        ("resnet-20", 41.85),
        ("resnet-32", 70.16),
        pytest.param("resnet-110", 254.18, marks=pytest.mark.slow),
    ],
)
def test_baselines_have_the_multiply_adds_of_the_literature(name, millions):
    model = resnet(RESNETS[name], {"sen2": (32, 32, 10)}, 17)
    assert profile(model, latency=False).macs / 1e6 == pytest.approx(millions, abs=0.03)
    keras.backend.clear_session()


def test_other_depths_are_refused():
    with pytest.raises(UserError, match=r"6 n \+ 2"):
        resnet(9, SHAPES, 3)
