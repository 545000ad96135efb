"""The order of axes in an ONNX graph."""

from __future__ import annotations

from typing import Any

#: The version of ONNX's operations.
OPSET = 15

_AXES = 4  # of pixels: samples, rows, columns, channels
_FIRST, _LAST = [0, 3, 1, 2], [0, 2, 3, 1]  # permutations: channels first, and last
_BY_VALUE = {
    *("Abs", "Add", "And", "Cast", "Clip", "Div", "Equal", "Erf", "Exp", "Greater"),
    *("Identity", "IsInf", "IsNaN", "Less", "Log", "Max", "Min", "Mul", "Neg", "Not"),
    *("Or", "Relu", "Sigmoid", "Sqrt", "Sub", "Tanh", "Where"),
}


def channels_first(model: Any) -> Any:
    """Returns a graph that computes the same with the channels before the pixels.

    Our networks take and return pixels with the channels last, and tf2onnx transposes
    them before each convolution. In front of that, an operation with a value for each
    channel, as standardisation is, and softmax are slow in ONNX Runtime: it treats the
    few channels of each pixel on their own. In a small network that took most of the
    time. Here pixels are transposed as early as possible, and results as late.

    Args:
        model: an ``onnx.ModelProto`` of `OPSET`; its inputs and outputs keep their
            order of axes.
    """
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model)
    moving = _Moving(inferred.graph)
    for node in inferred.graph.node:
        moving.add(node)
    for output in inferred.graph.output:
        moving.keep(output.name)
    found = onnx.ModelProto()
    found.CopyFrom(model)
    del found.graph.node[:]
    found.graph.node.extend(moving.nodes)
    used = {name for node in moving.nodes for name in _inputs(node)}
    used |= {output.name for output in model.graph.output}
    constants = [*model.graph.initializer, *moving.constants]
    del found.graph.initializer[:]
    found.graph.initializer.extend(c for c in constants if c.name in used)
    onnx.checker.check_model(found)
    return found


class _Moving:
    """Rewrites the nodes of a graph, one after the other.

    Attributes:
        nodes: the new ones.
        constants: the new ones.
    """

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
        values = [*graph.input, *graph.value_info, *graph.output]
        shapes = {v.name: v.type.tensor_type.shape.dim for v in values}
        self._images = {n for n, axes in shapes.items() if len(axes) == _AXES}
        # values of one pixel, (N, 1, 1, channels): number of channels
        self._one_pixel = {
            name: shapes[name][3].dim_value
            for name in self._images
            if all(shapes[name][axis].dim_value == 1 for axis in (1, 2))
        }
        # name of a value with the channels last -> of the same with them first
        self._moved: dict[str, str] = {}
        self._pending: set[str] = set()  # of these, those that no node computes yet
        self._alias: dict[str, str] = {}  # result of a node left out -> the same value
        for value in graph.input:
            if value.name in self._images:
                self._first(value.name)

    def add(self, node: Any) -> None:
        """Adds a node, with the channels first where that can be."""
        changed = type(node).FromString(node.SerializeToString())
        changed.input[:] = [self._alias.get(name, name) for name in node.input]
        result, first = node.output[0], _name_first(node.output[0])
        axes = _attribute(node, "perm")
        if axes == _FIRST and changed.input[0] in self._moved:
            self._alias[result] = self._moved[changed.input[0]]
        elif axes == _LAST:
            self.keep(changed.input[0])
            self._move(result, changed.input[0])
        elif self._softmax_axis(changed) == 1:
            self.keep(changed.input[0])
            self._softmax(changed.input[0], result)
        elif self._softmax_axis(changed) == 3:
            self._softmax(self._first(changed.input[0]), first)
            self._move(result, first)
        elif self._can_move(changed):
            pixels = 1 if node.op_type == "Gather" else len(node.input)
            changed.input[:pixels] = [self._first(n) for n in changed.input[:pixels]]
            changed.output[0] = first
            for attribute in changed.attribute:
                if attribute.name == "axis":
                    attribute.i = 1
                elif attribute.name == "axes":
                    attribute.ints[:] = [2, 3]
            self._move(result, first)
            self.nodes.append(changed)
        else:
            for name in _inputs(changed):
                self.keep(name)
            self.nodes.append(changed)

    def keep(self, name: str) -> None:
        """Computes a value under its own name, if no node does so yet."""
        from onnx import helper

        if name in self._alias:
            self.nodes.append(
                helper.make_node("Identity", [self._alias.pop(name)], [name])
            )
        elif name in self._pending:
            self._pending.remove(name)
            self._transpose(self._moved[name], name, _LAST)

    def _can_move(self, node: Any) -> bool:
        values = [name for name in node.input if name not in self._known]
        if not any(name in self._moved for name in values):
            return False
        if node.op_type in _BY_VALUE:
            constants = [self._known[n] for n in node.input if n in self._known]
            no_larger = all(one.ndim <= _AXES for one in constants)
            return no_larger and all(map(self._is_image, values))
        if node.op_type == "Gather":
            chosen = self._known.get(node.input[1])
            one_axis = chosen is not None and chosen.ndim == 1
            return one_axis and _attribute(node, "axis") in (-1, 3)
        if node.op_type == "Concat":
            along = _attribute(node, "axis") in (-1, 3)
            return along and all(self._is_image(name) for name in node.input)
        if node.op_type == "ReduceMean":
            kept = _attribute(node, "keepdims") in (1, None)
            return kept and _attribute(node, "axes") == [1, 2]
        return False

    def _is_image(self, name: str) -> bool:
        return name in self._images or name in self._moved

    def _softmax_axis(self, node: Any) -> int | None:
        """Returns the axis of the softmax of an image; None: it is something else."""
        if node.op_type != "Softmax" or not self._is_image(node.input[0]):
            return None
        axis = _attribute(node, "axis")
        return 3 if axis in (-1, None) else int(axis)

    def _first(self, name: str) -> str:
        """Returns the name of a value with the channels first, computed if need be."""
        if name not in self._moved:
            self._moved[name] = _name_first(name)
            constant = self._known.get(name)
            if constant is None:
                self._transpose(name, _name_first(name), _FIRST)
            else:
                if constant.ndim:
                    ones = (1,) * (_AXES - constant.ndim)
                    constant = constant.reshape(ones + constant.shape).transpose(_FIRST)
                self._constant(_name_first(name), constant)
        return self._moved[name]

    def _move(self, name: str, first: str) -> None:
        self._moved[name] = first
        self._pending.add(name)

    def _transpose(self, name: str, result: str, axes: list[int]) -> None:
        from onnx import helper

        channels = self._one_pixel.get(name if axes == _FIRST else result)
        if channels:  # ONNX Runtime would move a transposition of it to the pixels
            ordered = [0, channels, 1, 1] if axes == _FIRST else [0, 1, 1, channels]
            inputs = [name, self._constant(f"{result}_shape", ordered)]
            self.nodes.append(helper.make_node("Reshape", inputs, [result]))
        else:
            made = helper.make_node("Transpose", [name], [result], perm=axes)
            self.nodes.append(made)

    def _constant(self, name: str, value: Any) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _softmax(self, logits: str, shares: str) -> None:
        """Adds its parts, along axis 1: ONNX Runtime's own is slower."""
        from onnx import helper

        parts = ("largest", "less", "powers", "total")
        largest, less, powers, total = (f"{shares}_{part}" for part in parts)
        axis = self._constant(f"{shares}_axis", [1])
        self.nodes += [
            helper.make_node("ReduceMax", [logits], [largest], axes=[1], keepdims=1),
            helper.make_node("Sub", [logits, largest], [less]),
            helper.make_node("Exp", [less], [powers]),
            helper.make_node("ReduceSum", [powers, axis], [total], keepdims=1),
            helper.make_node("Div", [powers, total], [shares]),
        ]


def _inputs(node: Any) -> list[str]:
    """Returns the names of what a node reads, also in the graphs of its branches."""
    from onnx import GraphProto, helper

    names = list(node.input)
    for one in node.attribute:
        found = helper.get_attribute_value(one)
        for inner in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(inner, GraphProto):
                names += [output.name for output in inner.output]
                names += [name for each in inner.node for name in _inputs(each)]
    return names


def _name_first(name: str) -> str:
    return f"{name}_channels_first"


def _attribute(node: Any, name: str) -> Any:
    """Returns an attribute of a node; None if it has none of that name."""
    from onnx import helper

    for one in node.attribute:
        if one.name == name:
            found = helper.get_attribute_value(one)
            return list(found) if isinstance(found, (list, tuple)) else found
    return None
