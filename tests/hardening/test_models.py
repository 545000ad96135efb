"""Attacks by model files: SavedModels that touch files, networks that are none.

What a user relies on: a `.keras` or `.onnx` file from elsewhere runs no code and reads
no other file; a SavedModel, which can, is run if the user says so; whatever else is
wrong with a model ends in one line.
"""

import io
import json
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest
import scenes
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoai4eo import deploy
from autoai4eo.errors import UserError

PIXELS = {"image": np.ones((2, 8, 8, 3), np.float32)}


def refused(match, path, **how):
    with pytest.raises(UserError, match=match) as error:
        deploy.load_predictor(path, **how).predict(PIXELS)
    assert "\n" not in str(error.value)


class Signature(tf.Module):
    """A network as TensorFlow keeps it."""

    def __init__(self, forward):
        super().__init__()
        self.forward = forward


def saved(folder, forward, *shape, name="serving_default"):
    spec = tf.TensorSpec(shape or None, tf.float32, name="image")
    module = Signature(tf.function(forward, input_signature=[spec]))
    signatures = {} if name is None else {name: module.forward}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    scenes.describe(folder)
    return folder


def thirds(image):
    return tf.ones((tf.shape(image)[0], 3)) / 3


def test_a_savedmodel_touches_no_file_until_it_is_trusted(tmp_path):
    victim = tmp_path / "victim"

    def writes(image):
        tf.io.write_file(str(victim), "gone")
        return thirds(image)

    path = saved(tmp_path / "m", writes, None, 8, 8, 3)
    refused("expected trust=True with a SavedModel.*a .keras or .onnx file", path)
    with pytest.raises(UserError, match=r"found a SavedModel, which evaluate"):
        deploy.load_network(path)
    assert not victim.exists()
    found = deploy.load_predictor(path, trust=True).predict(PIXELS)
    assert found.shape == (2, 3) and victim.exists()


def two(image):
    return {"a": thirds(image), "b": thirds(image)}


@pytest.mark.parametrize(
    ("forward", "shape", "name", "match"),
    [
        (thirds, (None, 8, 8, 3), None, "signature serving_default, found none"),
        (thirds, (None, 8, 8, 3), "other", "signature serving_default, found other"),
        (two, (None, 8, 8, 3), "serving_default", "with one output"),
        (lambda x: x[:, 0], (None, 8, 8, 3), "serving_default", "with one output"),
        (tf.reduce_sum, (None, 8, 8, 3), "serving_default", "with one output"),
        (thirds, (), "serving_default", "of one known size"),
        (thirds, (None, None, None, 3), "serving_default", "of one known size"),
        (thirds, (None, 8, 8), "serving_default", "of one known size"),
        (lambda x: 9 * thirds(x), (None, 8, 8, 3), "serving_default", "a softmax"),
        (
            lambda x: thirds(x) * tf.strings.to_number(tf.io.read_file("/nowhere")),
            (None, 8, 8, 3),
            "serving_default",
            "a network that runs here",
        ),
        (lambda x: thirds(x)[:1], (None, 8, 8, 3), "serving_default", "the shape .2"),
    ],
)
def test_a_savedmodel_of_something_else_is_told(tmp_path, forward, shape, name, match):
    refused(match, saved(tmp_path / "m", forward, *shape, name=name), trust=True)


def test_a_damaged_savedmodel_is_told(tmp_path):
    path = saved(tmp_path / "m", thirds, None, 8, 8, 3)
    whole = (path / "saved_model.pb").read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"garbage" * 99):
        (path / "saved_model.pb").write_bytes(damaged)
        refused("found one that TensorFlow cannot read|signature", path, trust=True)


@pytest.fixture(scope="module")
def network():
    return scenes.classifier()


@pytest.fixture
def changed(tmp_path, network):
    """A `.keras` file of which one member is another."""

    def make(name, change):
        plain = scenes.save(network, tmp_path)
        path = tmp_path / "changed.keras"
        with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w") as new:
            for member in old.namelist():
                content = old.read(member)
                if member == name:
                    content = change(content)
                if content is not None:
                    new.writestr(member, content)
        return path

    return make


def config(change):
    def changed(content):
        told = json.loads(content)
        return json.dumps(change(told) or told).encode()

    return changed


def unknown_layer(told):
    layer = told["config"]["layers"][1]
    layer |= {"class_name": "TheirLayer", "module": "theirs", "registered_name": "T"}


def vocabulary(told):
    layer = {"vocabulary": "/etc/passwd", "name": "lookup"}
    return {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": layer,
        "registered_name": None,
    }


def runs_code(told):
    return {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }


CONFIGS = {
    "a layer nobody knows": unknown_layer,
    "no layers": lambda told: told["config"].pop("layers"),
    "a list": lambda told: [1],
    "a text": lambda told: "x",
    "a number": lambda told: 1,
    "nothing": lambda told: {"a": 1},
    "no class": lambda told: told.pop("class_name") and told,
    "a layer": lambda told: told["config"]["layers"][1],
    "a private file": vocabulary,
    "a function": runs_code,
    "layers of text": lambda told: {**told, "config": {"layers": "abc"}},
    # TensorFlow waits ten seconds for memory
    "a size that no memory has": lambda told: told["config"]["layers"][1][
        "config"
    ].update(filters=2**50),
}


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(name, marks=[pytest.mark.slow] if "memory" in name else [])
        for name in CONFIGS
    ],
)
def test_a_keras_file_with_another_config_is_told(changed, what):
    path = changed("config.json", config(CONFIGS[what]))
    refused("expected a network saved by Keras", path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "metadata.json"])
@pytest.mark.parametrize("what", [None, b"", b"garbage" * 99])
@pytest.mark.filterwarnings("ignore:.*could not be loaded")
def test_a_keras_file_without_its_parts_is_told(changed, name, what):
    path = changed(name, lambda content: what)
    try:
        deploy.load_predictor(path)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert name == "metadata.json"  # it is of no use


def test_weights_do_not_read_other_files(changed, tmp_path):
    (tmp_path / "private").write_bytes(b"\x11" * 4000)

    def external(content):
        with h5py.File(io.BytesIO(content)) as old:
            copy = io.BytesIO()
            with h5py.File(copy, "w") as new:
                for name in old:
                    old.copy(name, new)
                path = next(p for p in _datasets(new) if new[p].ndim == 4)
                shape = new[path].shape
                del new[path]
                place = [(str(tmp_path / "private"), 0, h5py.h5f.UNLIMITED)]
                new.create_dataset(path, shape, "f4", external=place)
        return copy.getvalue()

    refused("expected a network saved by Keras", changed("model.weights.h5", external))


def _datasets(file):
    found = []
    file.visititems(
        lambda name, item: (
            found.append(name) if isinstance(item, h5py.Dataset) else None
        )
    )
    return found


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_no_damage_of_a_keras_file_is_a_traceback(tmp_path, network, data):
    path = scenes.save(network, tmp_path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        some = data.draw(st.binary(min_size=1, max_size=40))
        content[at : at + len(some)] = some
    path.write_bytes(content)
    try:
        deploy.load_predictor(path)
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda x: x[:, 0], "with one output"),
        (lambda x: [keras.layers.Flatten()(x), x], "with one output"),
        (lambda x: keras.layers.Flatten()(x)[:, :3] + 7, "a softmax"),
    ],
)
def test_a_network_of_something_else_is_told(tmp_path, build, match):
    pixels = keras.Input((8, 8, 3), name="image")
    scenes.save(keras.Model(pixels, build(pixels)), tmp_path)
    refused(match, tmp_path / "net.keras")


@pytest.mark.parametrize("shape", [(None, None, 3), (8, 8), (0, 0, 3)])
def test_a_network_of_no_patches_is_told(tmp_path, shape):
    pixels = keras.Input(shape, name="image")
    x = keras.layers.Dense(3, activation="softmax")(pixels)
    out = keras.ops.max(x, axis=tuple(range(1, len(shape))))
    scenes.save(keras.Model(pixels, out), tmp_path)
    refused("of one known size", tmp_path / "net.keras")


@pytest.mark.parametrize(
    ("shape", "node", "match"),
    [
        ((2, 3), "Identity", "of one known size"),
        ((2, 8, 8, 3), "NoSuchOperation", "onnxruntime cannot read"),
    ],
)
def test_an_onnx_file_of_something_else_is_told(tmp_path, shape, node, match):
    kind = onnx.TensorProto.FLOAT
    ends = [
        onnx.helper.make_tensor_value_info(name, kind, shape) for name in ("image", "y")
    ]
    made = onnx.helper.make_node(node, ["image"], ["y"])
    graph = onnx.helper.make_graph([made], "g", ends[:1], ends[1:])
    opset = [onnx.helper.make_opsetid("", 13)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    scenes.describe(tmp_path)
    refused(match, tmp_path / "net.onnx")


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.clear(),
        lambda p: p.update({"mlm:input": "image"}),
        lambda p: p.update({"mlm:input": [{"name": ["image"], "bands": ["B02"]}]}),
        lambda p: p["mlm:input"][0]["bands"].pop(),
        lambda p: p["mlm:input"][0].update({"autoai4eo:statistics": [1]}),
        lambda p: p["mlm:input"][0].update(
            {"autoai4eo:statistics": {"p2": [1], "p98": [2]}}
        ),
        lambda p: p.update({"autoai4eo:map_step": "ten"}),
        lambda p: p.update({"mlm:output": [{"classification:classes": 3}]}),
    ],
)
def test_a_model_json_of_something_else_is_told(tmp_path, network, change):
    path = scenes.save(network, tmp_path)
    told = json.loads((tmp_path / "model.json").read_text())
    change(told["properties"])
    (tmp_path / "model.json").write_text(json.dumps(told))
    refused("model.json: expected", path)
    (tmp_path / "model.json").unlink()
    (tmp_path / "model.json").mkdir()
    refused("model.json: expected", path)
