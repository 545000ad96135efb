"""Networks as bytes: a whole one, and some that do harm."""

import functools

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from autoai4eo.devices.protocol import Job

JOB = Job({"x": ((1, 4), "float32")}, 0.05, "float32")
_HUGE = 2**62


def _bytes(nodes, initializers=(), output=("y", [1, 4])):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        initializers,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    return model.SerializeToString()


@functools.cache
def whole():
    """Adds a weight to its input."""
    weight = numpy_helper.from_array(np.ones((1, 4), "float32"), "w")
    return _bytes([helper.make_node("Add", ["x", "w"], ["y"])], [weight])


def _outside(location):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def external(location="weights.bin"):
    """Its weight lies in another file."""
    return _bytes([helper.make_node("Add", ["x", "w"], ["y"])], [_outside(location)])


def external_in_constant():
    """The same, in a node's attribute instead of the graph's list."""
    node = helper.make_node("Constant", [], ["w"], value=_outside("weights.bin"))
    return _bytes([node, helper.make_node("Add", ["x", "w"], ["y"])])


def external_in_branch():
    """The same, in the graph of a branch."""
    inner = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["z"])],
        "inner",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4])],
        [_outside("weights.bin")],
    )
    true = numpy_helper.from_array(np.array(True), "true")
    branch = helper.make_node(
        "If", ["true"], ["y"], then_branch=inner, else_branch=inner
    )
    return _bytes([branch], [true])


def external_in_function():
    """The same, in a function of the model's own."""
    model = onnx.load_from_string(whole())
    node = helper.make_node("Constant", [], ["z"], value=_outside("weights.bin"))
    ids = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("own", "F", [], ["z"], [node], ids))
    return model.SerializeToString()


@functools.cache
def looping():
    """Counts to 2**62."""
    value = functools.partial(helper.make_tensor_value_info, elem_type=1)
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Add", ["old", "x"], ["new"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            value("old", shape=[1, 4]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            value("new", shape=[1, 4]),
        ],
    )
    trips = numpy_helper.from_array(np.array(_HUGE, "int64"), "trips")
    true = numpy_helper.from_array(np.array(True), "true")
    loop = helper.make_node("Loop", ["trips", "true", "x"], ["y"], body=body)
    return _bytes([loop], [trips, true])


@functools.cache
def allocating(size=2**36):
    """Asks for an array of so many numbers; it depends on the input, so is computed."""
    shape = numpy_helper.from_array(np.array([size], "int64"), "shape")
    zero = numpy_helper.from_array(np.array([0], "int64"), "axes")
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Unsqueeze", ["m", "axes"], ["u"]),
        helper.make_node("Expand", ["u", "shape"], ["big"]),
        helper.make_node("ReduceSum", ["big"], ["s"], keepdims=0),
        helper.make_node("Add", ["x", "s"], ["y"]),
    ]
    return _bytes(nodes, [shape, zero])
