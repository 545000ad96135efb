"""ONNX graphs compute the same with the channels first, and nothing with them last."""

from __future__ import annotations

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers, ops
from onnx import TensorProto, helper, numpy_helper

from autoai4eo.blocks.stem import normalised_differences
from autoai4eo.runtimes.onnx_graph import write_graph
from autoai4eo.runtimes.onnx_layout import OPSET, channels_first

SIZE, CHANNELS = 6, 4


def computed(model: onnx.ModelProto, pixels: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"pixels": pixels})


def graph(nodes: list, outputs: dict[str, list], constants: dict) -> onnx.ModelProto:
    """A model of nodes that take ``pixels``, with the channels last."""
    shape = ["n", SIZE, SIZE, CHANNELS]
    return helper.make_model(
        helper.make_graph(
            [helper.make_node(kind, *args, **kwargs) for kind, args, kwargs in nodes],
            "test",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, axes)
                for name, axes in outputs.items()
            ],
            [numpy_helper.from_array(np.array(v), k) for k, v in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )


def branch(kind: str, *values: str) -> onnx.GraphProto:
    """A graph inside of a node, which reads values of the graph around it."""
    made = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    return helper.make_graph(
        [helper.make_node(kind, values, ["inner"])], kind, [], [made]
    )


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


IMAGE = ["n", SIZE, SIZE, CHANNELS]
GRAPHS = {
    "a value per channel": (
        [
            ("Mul", (["pixels", "scale"], ["scaled"]), {}),
            ("Add", (["scaled", "half"], ["out"]), {}),
        ],
        {"out": IMAGE},
        {"scale": np.arange(4, dtype="f"), "half": np.float32(0.5)},
    ),
    "a value per pixel": (
        [("Mul", (["pixels", "weights"], ["out"]), {})],
        {"out": IMAGE},
        {"weights": np.arange(36, dtype="f").reshape(1, SIZE, SIZE, 1)},
    ),
    "a value per column and channel": (
        [("Add", (["columns", "pixels"], ["out"]), {})],
        {"out": IMAGE},
        {"columns": np.arange(24, dtype="f").reshape(SIZE, CHANNELS)},
    ),
    "missing pixels": (
        [
            ("IsNaN", (["pixels"], ["missing"]), {}),
            ("Where", (["missing", "means", "pixels"], ["out"]), {}),
        ],
        {"out": IMAGE},
        {"means": np.arange(4, dtype="f")},
    ),
    "an index of two bands": (
        [
            ("Gather", (["pixels", "red"], ["a"]), {"axis": -1}),
            ("Gather", (["pixels", "green"], ["b"]), {"axis": 3}),
            ("Sub", (["a", "b"], ["index"]), {}),
            ("Concat", (["pixels", "index"], ["out"]), {"axis": -1}),
        ],
        {"out": ["n", SIZE, SIZE, CHANNELS + 1]},
        {"red": [2], "green": [0]},
    ),
    "a band as a plane": (
        [("Gather", (["pixels", "red"], ["out"]), {"axis": 3})],
        {"out": ["n", SIZE, SIZE]},
        {"red": 2},
    ),
    "rows": (
        [("Gather", (["pixels", "rows"], ["out"]), {"axis": 1})],
        {"out": ["n", 2, SIZE, CHANNELS]},
        {"rows": [3, 1]},
    ),
    "rows under each other": (
        [("Concat", (["pixels", "pixels"], ["out"]), {"axis": 1})],
        {"out": ["n", 2 * SIZE, SIZE, CHANNELS]},
        {},
    ),
    "excited by means": (
        [
            ("ReduceMean", (["pixels"], ["means"]), {"axes": [1, 2], "keepdims": 1}),
            ("Reshape", (["means", "flat"], ["vector"]), {}),
            ("MatMul", (["vector", "weights"], ["product"]), {}),
            ("Reshape", (["product", "again"], ["gates"]), {}),
            ("Sigmoid", (["gates"], ["shares"]), {}),
            ("Mul", (["pixels", "shares"], ["out"]), {}),
        ],
        {"out": IMAGE},
        {
            "flat": [-1, CHANNELS],
            "again": [-1, 1, 1, CHANNELS],
            "weights": np.arange(16, dtype="f").reshape(4, 4) / 9,
        },
    ),
    "means as a vector": (
        [("ReduceMean", (["pixels"], ["out"]), {"axes": [1, 2], "keepdims": 0})],
        {"out": ["n", CHANNELS]},
        {},
    ),
    "softmax": (
        [("Softmax", (["pixels"], ["out"]), {"axis": -1})],
        {"out": IMAGE},
        {},
    ),
    "softmax of rows": (
        [("Softmax", (["pixels"], ["out"]), {"axis": 2})],
        {"out": IMAGE},
        {},
    ),
    "softmax of columns": (
        [
            ("Relu", (["pixels"], ["positive"]), {}),
            ("Softmax", (["positive"], ["out"]), {"axis": 1}),
        ],
        {"out": IMAGE},
        {},
    ),
    "both orders": (
        [
            ("Relu", (["pixels"], ["positive"]), {}),
            ("Transpose", (["positive"], ["first"]), {"perm": [0, 3, 1, 2]}),
            ("Softmax", (["first"], ["shares"]), {"axis": 1}),
            ("Transpose", (["shares"], ["last"]), {"perm": [0, 2, 3, 1]}),
            ("Add", (["last", "positive"], ["out"]), {}),
            ("Reshape", (["positive", "flat"], ["other"]), {}),
        ],
        {"out": IMAGE, "other": ["n", SIZE * SIZE * CHANNELS]},
        {"flat": [-1, SIZE * SIZE * CHANNELS]},
    ),
    "channels first as the result": (
        [
            ("Relu", (["pixels"], ["positive"]), {}),
            ("Transpose", (["positive"], ["out"]), {"perm": [0, 3, 1, 2]}),
        ],
        {"out": ["n", CHANNELS, SIZE, SIZE]},
        {},
    ),
    "rows as the channels": (
        [
            ("Relu", (["pixels"], ["positive"]), {}),
            ("Transpose", (["positive"], ["turned"]), {"perm": [0, 2, 3, 1]}),
            ("Relu", (["turned"], ["out"]), {}),
        ],
        {"out": ["n", SIZE, CHANNELS, SIZE]},
        {},
    ),
    "a constant of a constant": (
        [
            ("Add", (["pixels", "scale"], ["more"]), {}),
            ("Neg", (["scale"], ["minus"]), {}),
            ("Reshape", (["minus", "shape"], ["column"]), {}),
            ("MatMul", (["more", "column"], ["out"]), {}),
        ],
        {"out": ["n", SIZE, SIZE, 1]},
        {"scale": np.arange(4, dtype="f"), "shape": [CHANNELS, 1]},
    ),
    "more axes by a constant": (
        [
            ("Add", (["pixels", "several"], ["five"]), {}),
            ("ReduceMean", (["five"], ["out"]), {"axes": [0], "keepdims": 0}),
        ],
        {"out": IMAGE},
        {"several": np.arange(2, dtype="f").reshape(2, 1, 1, 1, 1)},
    ),
    "an image inside of a branch": (
        [
            ("Relu", (["pixels"], ["positive"]), {}),
            (
                "If",
                (["true"], ["out"]),
                {
                    "then_branch": branch("Add", "positive", "half"),
                    "else_branch": branch("Sub", "positive", "half"),
                },
            ),
        ],
        {"out": IMAGE},
        {"true": True, "half": np.float32(0.5)},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_results_are_the_same(name):
    model = graph(*GRAPHS[name])
    pixels = np.random.default_rng(0).normal(size=(3, SIZE, SIZE, CHANNELS))
    pixels = pixels.astype("float32") * 5
    if name == "missing pixels":
        pixels[0, 1, 2, 3] = np.nan
    found = computed(channels_first(model), pixels)
    for one, expected in zip(found, computed(model, pixels), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6)


def test_a_softmax_of_large_numbers_stays_finite():
    found = channels_first(graph(*GRAPHS["softmax"]))
    pixels = np.full((1, SIZE, SIZE, CHANNELS), 1000, "float32")
    np.testing.assert_allclose(computed(found, pixels)[0], 1 / CHANNELS)


@pytest.mark.parametrize(
    "name", ["a value per channel", "missing pixels", "an index of two bands"]
)
def test_pixels_are_transposed_at_both_ends_only(name):
    found = kinds(channels_first(graph(*GRAPHS[name])))
    assert found[0] == found[-1] == "Transpose"
    assert found.count("Transpose") == 2


def test_constants_that_nothing_uses_are_left_out():
    found = channels_first(graph(*GRAPHS["a value per channel"])).graph
    used = {name for node in found.node for name in node.input}
    assert {constant.name for constant in found.initializer} <= used


def test_a_network_computes_nothing_with_the_channels_last(tmp_path):
    """Standardisation, indices, attention over the bands, and softmax."""
    pixels = layers.Input((8, 8, 4), name="pixels")
    node = layers.Rescaling([2.0, 3.0, 4.0, 5.0], [0.1, 0.2, 0.3, 0.4])(pixels)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(node)
    gate = layers.Dense(4, "sigmoid")(layers.Dense(2, "relu")(gate))
    indices = normalised_differences(pixels, [(2, 1), (0, 2)])
    node = layers.Concatenate()([layers.Multiply()([node, gate]), indices])
    node = layers.Conv2D(3, 3, padding="same")(node)
    model = keras.Model(pixels, layers.Softmax()(node))
    write_graph(model, tmp_path / "network.onnx", "shares")
    written = onnx.load(tmp_path / "network.onnx")
    assert [one.name for one in written.graph.output] == ["shares"]
    (taken,) = written.graph.input
    axes = [axis.dim_value for axis in taken.type.tensor_type.shape.dim]
    assert taken.name == "pixels" and axes[1:] == [8, 8, 4]
    assert kinds(written).count("Transpose") == 3  # pixels, gate (one pixel), shares
    assert "Softmax" not in kinds(written)
    given = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    np.testing.assert_allclose(
        computed(written, given)[0], model.predict(given, verbose=0), atol=1e-6
    )


NETWORKS = {
    "softmax of rows": lambda x: layers.Softmax(axis=2)(layers.Conv2D(6, 3)(x)),
    "softmax of a mean": lambda x: ops.softmax(
        ops.mean(layers.Conv2D(6, 3)(x), axis=1, keepdims=True), axis=2
    ),
    "other axes": lambda x: layers.Permute((3, 1, 2))(x),
    "gelu": lambda x: layers.Conv2D(6, 3, activation="gelu")(x),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_a_user_computes_as_in_keras(tmp_path, name):
    pixels = layers.Input((7, 9, 4), name="pixels")
    model = keras.Model(pixels, NETWORKS[name](pixels))
    write_graph(model, tmp_path / "network.onnx", "out")
    given = np.random.default_rng(0).normal(size=(2, 7, 9, 4)).astype("float32")
    found = computed(onnx.load(tmp_path / "network.onnx"), given)[0]
    np.testing.assert_allclose(found, model.predict(given, verbose=0), atol=1e-5)
