"""Writes a network as an ONNX graph."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoai4eo.runtimes.onnx_layout import OPSET, channels_first

if TYPE_CHECKING:
    import keras


def write_graph(
    model: keras.Model, out: Path, output: str, reorder: bool = True
) -> None:
    """Writes a Keras model as an ``.onnx`` file.

    Args:
        model: its inputs keep their names, shapes and order of axes.
        out: the file.
        output: name of the output.
        reorder: whether to compute with the channels first, see `channels_first`.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx

    from autoai4eo.networks.compiled import named_outputs

    forward = tf.function(lambda *flat: named_outputs(model, flat, output))
    pixels = [tf.TensorSpec(x.shape, x.dtype, name=x.name) for x in model.inputs]
    found, _ = tf2onnx.convert.from_function(
        forward,
        pixels,
        custom_op_handlers={"SelectV2": (_where, []), "Erfc": (_erfc, [])},
        opset=OPSET,
    )
    _keep_constants(found.graph, forward.get_concrete_function(*pixels).graph.captures)
    onnx.save(channels_first(found) if reorder else found, out)


def _keep_constants(graph: Any, captured: Iterable[tuple[Any, Any]]) -> None:
    """Makes constants that a layer holds, such as Normalization's mean, constants.

    tf2onnx takes tensors that are no variables for inputs.

    Args:
        graph: of the ONNX model; it is changed.
        captured: tensors that TensorFlow's graph holds, with their placeholders in it.
    """
    import tensorflow as tf
    from onnx import numpy_helper

    constants = {
        inside.name: value.numpy()
        for value, inside in captured
        if value.dtype != tf.resource  # else a variable, which tf2onnx knows
    }
    for one in [one for one in graph.input if one.name in constants]:
        graph.input.remove(one)
        graph.initializer.append(numpy_helper.from_array(constants[one.name], one.name))


def _where(ctx: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Writes a choice between two tensors as ONNX's Where.

    tf2onnx writes it as a sum of products; there NaN × 0 makes NaN of every missing
    pixel, which the model replaces.
    """
    node.type = "Where"


def _erfc(ctx: Any, node: Any, name: str, arguments: list[Any]) -> None:
    """Writes the complement of the error function, of GELU, which ONNX does not have.

    It is exact to a rounding of 1, as GELU multiplies it by a number of its input.
    """
    import numpy as np
    import tf2onnx

    kind = tf2onnx.utils.map_onnx_to_numpy_type(ctx.get_dtype(node.output[0]))
    one = ctx.make_const(tf2onnx.utils.make_name("one"), np.ones((), kind))
    error = ctx.make_node("Erf", node.input)
    node.type = "Sub"
    ctx.replace_inputs(node, [one.output[0], error.output[0]])
