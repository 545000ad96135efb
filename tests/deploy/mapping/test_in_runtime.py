"""Maps by another runtime: as the model's own, or refused."""

import re

import keras
import numpy as np
import pytest
import rasterio
import scenes

from autoai4eo.deploy import map_scene
from autoai4eo.deploy.mapping import mapping
from autoai4eo.errors import UserError
from autoai4eo.runtimes import RUNTIMES

WINDOW = (8, 8)


def read(path, layer=1):
    with rasterio.open(path) as file:
        return file.read(layer)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(1, 4000, (40, 56, 3)).astype("uint16")


@pytest.fixture(scope="module")
def scene(tmp_path_factory, pixels):
    return scenes.write_scene(tmp_path_factory.mktemp("scene") / "s.tif", pixels)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network that pads nothing, so that windows share its work exactly."""
    keras.utils.set_random_seed(1)
    image = keras.Input((*WINDOW, 3), name="image")
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, activation="softmax", kernel_initializer="orthogonal")(x)
    return scenes.save(keras.Model(image, x), tmp_path_factory.mktemp("m") / "model")


@pytest.mark.parametrize("dense", [None, False])
@pytest.mark.parametrize("runtime", ["onnx", "litert", "openvino", "tensorflow"])
def test_the_map_is_that_of_the_model(tmp_path, capsys, model, scene, runtime, dense):
    how = {"stride": 4, "scale": 1e-3, "probabilities": True, "dense": dense}
    exact = map_scene(model, scene, tmp_path / "e.tif", verbose=0, **how)
    out = map_scene(model, scene, tmp_path / "m.tif", runtime=runtime, threads=1, **how)
    assert f"{runtime} in float32 agrees on 100.0% of " in capsys.readouterr().out
    np.testing.assert_array_equal(read(out), read(exact))
    for layer in (1, 2, 3):
        np.testing.assert_allclose(
            read(mapping.beside(out, "probabilities"), layer),
            read(mapping.beside(exact, "probabilities"), layer),
            atol=1e-4,
        )


def test_the_runtime_computes_every_window(tmp_path, monkeypatch, model, scene):
    """Not Keras beside it: a runtime that answers otherwise makes another map."""

    def third(self, file, precision="float32", threads=None):
        def run(pixels):
            (values,) = pixels.values()
            found = np.zeros((len(values), 3), "float32")
            found[:, 2] = 1
            return found

        return run

    monkeypatch.setattr(type(RUNTIMES["onnx"]), "load", third)
    monkeypatch.setattr("autoai4eo.cost.instrument.check_outputs", lambda *_: None)
    how = {"stride": 4, "scale": 1e-3, "verbose": 0, "dense": False, "runtime": "onnx"}
    with pytest.raises(
        UserError, match=r"onnx in float32: expected agreement.* 99\.0%"
    ):
        map_scene(model, scene, tmp_path / "m.tif", **how)
    assert list(tmp_path.iterdir()) == []
    out = map_scene(model, scene, tmp_path / "m.tif", min_agreement=0.0, **how)
    assert set(np.unique(read(out))) <= {0, 3}


@pytest.mark.parametrize("dense", [None, False])
@pytest.mark.parametrize("runtime", ["onnx", "litert"])
def test_int8_is_calibrated_and_judged_on_the_scene(
    tmp_path, capsys, model, scene, runtime, dense
):
    """Users rely on: what is printed is the agreement of what makes the map."""
    how = {"stride": 4, "scale": 1e-3, "dense": dense}
    exact = map_scene(model, scene, tmp_path / "e.tif", verbose=0, **how)
    out = map_scene(
        *(model, scene, tmp_path / "m.tif"),
        **how,
        runtime=runtime,
        precision="int8",
        min_agreement=0.5,
    )
    share = (read(out) == read(exact)).mean()
    told = re.search(
        r"in int8 agrees on (.*)% of [0-9]+ windows", capsys.readouterr().out
    )
    assert float(told[1]) / 100 == pytest.approx(share, abs=0.03)
    assert share > 0.9


def test_a_network_that_makes_another_map_is_refused(
    tmp_path, monkeypatch, model, scene
):
    """Also where the network takes whole tiles, which is not how it was trained."""
    load = type(RUNTIMES["onnx"]).load

    def shifted(self, file, precision="float32", threads=None):
        run = load(self, file, precision, threads)
        return lambda pixels: np.roll(run(pixels), 1, axis=-1)

    monkeypatch.setattr(type(RUNTIMES["onnx"]), "load", shifted)
    monkeypatch.setattr("autoai4eo.cost.instrument.check_outputs", lambda *_: None)
    with pytest.raises(UserError, match=r"onnx in float32: expected agreement"):
        map_scene(
            model, scene, tmp_path / "m.tif", stride=4, scale=1e-3, runtime="onnx"
        )
    assert list(tmp_path.iterdir()) == []


def test_mistakes_end_before_anything_is_written(tmp_path, model, scene):
    out = tmp_path / "m.tif"
    with pytest.raises(UserError, match=r"runtime: expected one of .* got 'onxx'"):
        map_scene(model, scene, out, runtime="onxx")
    with pytest.raises(UserError, match="precision: expected a runtime for int8"):
        map_scene(model, scene, out, precision="int8")
    with pytest.raises(UserError, match="threads: expected a runtime"):
        map_scene(model, scene, out, threads=2)
    with pytest.raises(UserError, match="got 'float16'"):
        map_scene(model, scene, out, runtime="onnx", precision="float16")
    assert list(tmp_path.iterdir()) == []


def test_a_runtime_that_fails_on_the_way_is_one_line(
    tmp_path, monkeypatch, model, scene
):
    def breaks(self, file, precision="float32", threads=None):
        def run(pixels):
            raise RuntimeError("out of registers")

        return run

    monkeypatch.setattr(type(RUNTIMES["onnx"]), "load", breaks)
    monkeypatch.setattr("autoai4eo.cost.instrument.check_outputs", lambda *_: None)
    how = {"stride": 4, "scale": 1e-3, "verbose": 0, "runtime": "onnx"}
    with pytest.raises(UserError, match=r"cannot \(RuntimeError: out of registers\)"):
        map_scene(model, scene, tmp_path / "m.tif", **how)
    assert list(tmp_path.iterdir()) == []
