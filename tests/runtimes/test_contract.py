"""What every runtime promises: each of `RUNTIMES`, and one from outside."""

import subprocess
import sys
from typing import ClassVar

import keras
import numpy as np
import pytest

from autoai4eo.cost.instrument import Instrument
from autoai4eo.errors import UserError
from autoai4eo.runtimes import RUNTIMES, FileRuntime, default_runtime, runtime_of
from autoai4eo.runtimes.base import cores
from autoai4eo.runtimes.checking import NotConvertible, first_output

BANDS = 4


class Arrays(FileRuntime):
    """A runtime that this package does not know: NumPy, for one dense layer."""

    name = "arrays"
    distribution = "numpy"
    suffix = ".npz"
    tolerances: ClassVar = {"float32": 1e-4}

    def write(self, model, out, output="output", precision="float32", calibration=None):
        kernel, bias = model.get_layer("dense").get_weights()
        np.savez(out, kernel=kernel, bias=bias)

    def load(self, file, precision="float32", threads=None):
        with np.load(file) as arrays:
            kernel, bias = arrays["kernel"], arrays["bias"]

        def run(pixels):
            (found,) = pixels.values()
            found = np.where(np.isfinite(found), found, 0).reshape(len(found), -1)
            found = np.exp(found @ kernel + bias)
            return found / found.sum(axis=1, keepdims=True)

        return run


@pytest.fixture(scope="module", autouse=True)
def with_one_from_outside():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNTIMES, "arrays", Arrays())
        yield


def network():
    keras.utils.set_random_seed(0)
    pixels = keras.Input((6, 6, BANDS), name="sen2")
    x = keras.ops.where(keras.ops.isfinite(pixels), pixels, 0.0)
    x = keras.layers.Flatten()(x)
    return keras.Model(pixels, keras.layers.Dense(3, "softmax", name="dense")(x))


def patches(count=16, seed=0):
    return {"sen2": np.random.default_rng(seed).random((count, 6, 6, BANDS), "float32")}


def ways():
    """Every runtime with each precision that this machine has."""
    for runtime in [*RUNTIMES.values(), Arrays()]:
        if runtime.name != "jax":  # networks live in the backend of this process
            for precision in runtime.tolerances:
                yield pytest.param(
                    runtime.name, precision, id=f"{runtime.name}-{precision}"
                )


def instrument(name, precision, **more):
    if precision == "bfloat16":
        try:
            return Instrument(name, precision, **more)
        except UserError as error:
            pytest.skip(str(error))
    return Instrument(name, precision, **more)


@pytest.mark.parametrize(("name", "precision"), [*ways()])
def test_outputs_are_those_of_keras_for_any_number_of_samples(name, precision):
    model = network()
    some = instrument(name, precision, patches=patches())
    tolerance = RUNTIMES[name].tolerances[precision]
    with some.prepared(model) as ready:
        run = ready.network.run
        if run is None:
            return  # Keras itself
        for count in (1, 5):
            pixels = patches(count, seed=1)
            pixels["sen2"][0, 0, 0] = np.nan  # a missing pixel
            found = run(pixels)
            assert found.shape == (count, 3)
            np.testing.assert_allclose(
                found, first_output(model, pixels), atol=tolerance
            )


@pytest.mark.parametrize(
    "name", [name for name in RUNTIMES if name not in ("jax", "arrays")]
)
def test_constants_that_a_layer_holds_are_converted(name):
    """Keras's Normalization, as in AutoKeras's blocks, keeps its mean as a tensor."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((6, 6, BANDS), name="sen2")
    x = keras.layers.Normalization(mean=[1.0] * BANDS, variance=[2.0] * BANDS)(pixels)
    x = keras.layers.Conv2D(3, 3)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, keras.layers.Softmax()(x))
    with Instrument(name, patches=patches()).prepared(model) as ready:
        if (run := ready.network.run) is not None:
            found = run(patches(5, seed=1))
            expected = first_output(model, patches(5, seed=1))
            np.testing.assert_allclose(found, expected, atol=1e-5)
        assert ready.latency(1, 0.05).median_ms > 0


@pytest.mark.parametrize(("name", "precision"), [*ways()])
def test_a_measurement_says_with_what_it_was_made(name, precision):
    is_file = isinstance(RUNTIMES[name], FileRuntime)
    threads = {"threads": 1} if is_file else {}  # else those of the process
    some = instrument(name, precision, patches=patches(), **threads)
    with some.prepared(network()) as ready:
        found = ready.latency(2, 0.05)
        assert 0 < found.median_ms <= found.p95_ms < 1000
        assert found.spread_ms >= 0 and found.runs >= 3 and found.batch_size == 2
        assert found.runtime == name and found.precision == precision
        assert found.threads == (1 if is_file else cores())
        assert found.runtime_version == RUNTIMES[name].version
        assert found.device.startswith("CPU ")
        file = ready.network.file
        assert found.file_bytes == (None if file is None else file.stat().st_size)
        assert ready.samples_per_second(0.1) > 0
    assert file is None or not file.exists()
    assert Instrument(name, "float32").about()["threads"] == cores()


@pytest.mark.parametrize("name", ["onnx", "litert", "openvino"])
def test_a_file_runs_where_neither_keras_nor_tensorflow_is(name, tmp_path):
    """The device of deployment has Python, NumPy and one runtime."""
    runtime, model = RUNTIMES[name], network()
    file = tmp_path / f"network{runtime.suffix}"
    runtime.write(model, file)
    np.savez(tmp_path / "pixels.npz", **patches(3))
    script = f"""
import sys
import numpy as np
from pathlib import Path
from autoai4eo.runtimes import RUNTIMES
run = RUNTIMES[{name!r}].load(Path({str(file)!r}), threads=1)
with np.load({str(tmp_path / "pixels.npz")!r}) as pixels:
    np.save({str(tmp_path / "found.npy")!r}, run(dict(pixels)))
print(*sorted({{"tensorflow", "keras", "autokeras", "optuna"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == ([], "")
    expected = first_output(model, patches(3))
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-3)


def test_other_outputs_than_keras_are_refused(monkeypatch):
    def load(self, file, precision="float32", threads=None):
        return lambda pixels: np.full((len(pixels["sen2"]), 3), 0.9, "float32")

    monkeypatch.setattr(Arrays, "load", load)
    with (
        pytest.raises(NotConvertible, match=r"arrays.*within 0.0001.*difference of"),
        Instrument("arrays").prepared(network()),
    ):
        pass


@pytest.mark.parametrize("where", ["write", "load"])
def test_what_cannot_be_converted_is_one_line_with_the_cause(monkeypatch, where):
    def fails(*_, **__):
        raise RuntimeError("no such operation: Foo")

    monkeypatch.setattr(Arrays, where, fails)
    with (
        pytest.raises(NotConvertible, match=r"arrays.*no such operation: Foo.*use"),
        Instrument("arrays").prepared(network()),
    ):
        pass


def test_mistakes_are_told_before_anything_is_measured(monkeypatch):
    with pytest.raises(
        UserError, match=r"runtime: expected one of tensorflow, jax, onnx"
    ):
        Instrument("onxx")
    with pytest.raises(
        UserError, match=r"onnx: expected one of float32, int8, got 'f'"
    ):
        Instrument("onnx", "f")
    with pytest.raises(UserError, match="threads: expected 1 or more, got 0"):
        Instrument("onnx", threads=0)
    with pytest.raises(
        UserError, match="expected Keras on jax, found it on tensorflow"
    ):
        runtime_of("jax")
    monkeypatch.setattr(Arrays, "needs", ("not_here",))
    with pytest.raises(
        UserError, match="expected the package not_here, found none; pip"
    ):
        runtime_of("arrays")


def test_the_default_is_what_people_deploy_on(monkeypatch):
    assert default_runtime() == "onnx"
    monkeypatch.setattr("autoai4eo.networks.device.on_gpu", lambda: True)
    assert default_runtime() == "tensorflow"


def test_what_is_not_given_is_as_recorded():
    known = {"runtime": "litert", "precision": "int8", "threads": 1}
    found = Instrument.like(known)
    assert (found.runtime, found.precision, found.threads) == ("litert", "int8", 1)
    other = Instrument.like(known, "onnx")  # the rest was recorded of another runtime
    assert (other.runtime, other.precision, other.threads) == ("onnx", "float32", None)
    of_keras = Instrument.like({"runtime": "tensorflow", "threads": 64})
    assert (of_keras.runtime, of_keras.threads) == ("tensorflow", None)
