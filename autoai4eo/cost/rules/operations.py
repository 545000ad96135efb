"""Raw `keras.ops` in a functional graph (`x - mean`, `ops.where(…)`, `ops.matmul`)."""

from __future__ import annotations

import math

from autoai4eo.cost.registry import Call, Work, elements
from autoai4eo.cost.rules.activations import SOFTMAX_FLOPS
from autoai4eo.cost.rules.dense import einsum_macs
from autoai4eo.cost.rules.elementwise import INTERPOLATION_FLOPS

# Keras does not export the classes of its operations, so they are matched by name.
# fmt: off
FREE = {
    "BroadcastTo", "Cast", "Concatenate", "ConvertToTensor", "Copy", "CropImages",
    "DepthToSpace", "ExpandDims", "ExtractPatches", "Flip", "Fliplr", "Flipud",
    "FullLike", "GetItem", "Hstack", "Moveaxis", "OnesLike", "Pad", "PadImages",
    "Ravel", "Repeat", "Reshape", "Roll", "Rot90", "Slice", "SpaceToDepth", "Split",
    "Squeeze", "Stack", "StopGradient", "Swapaxes", "Take", "TakeAlongAxis", "Tile",
    "Transpose", "Unstack", "Vstack", "ZerosLike",
}
REDUCTIONS = {
    "All", "Amax", "Amin", "Any", "Argmax", "Argmin", "CountNonzero", "Logsumexp",
    "Max", "Mean", "Median", "Min", "Moments", "Nanmax", "Nanmean", "Nanmin", "Nansum",
    "Norm", "Normalize", "Prod", "Std", "Sum", "Var",
}
PRODUCTS = {
    "Conv", "ConvTranspose", "DepthwiseConv", "Dot", "Einsum", "Matmul", "Tensordot",
}
# fmt: on


def operation(call: Call) -> Work:
    """Returns the work of a raw operation.

    Matrix products and convolutions count MACs as their layers do; reductions count
    one FLOP per input element, moving data counts none, and all other operations count
    one FLOP per output element, except softmax, pooling and resizing.
    """
    name = type(call.layer).__name__
    output = sum(elements(shape) for shape in call.outputs)
    if name in FREE:
        return Work()
    if name in REDUCTIONS:
        return Work(other=elements(call.input))
    if name in ("Softmax", "LogSoftmax"):
        return Work(other=SOFTMAX_FLOPS * output)
    if name == "Resize":
        return Work(other=INTERPOLATION_FLOPS[call.layer.interpolation] * output)
    if name in ("MaxPool", "AveragePool"):
        size = call.layer.pool_size
        rank = len(call.input) - 2
        window = size**rank if isinstance(size, int) else math.prod(size)
        return Work(other=window * output)
    return Work(_macs(name, call)) if name in PRODUCTS else Work(other=output)


def _macs(name: str, call: Call) -> int:
    first, *others = call.inputs
    output = elements(call.output)
    if name == "Einsum":
        return einsum_macs(call.layer.subscripts, call.inputs)
    if name == "Conv":  # kernel: *window, input channels of a group, filters
        return output * elements(others[0][:-1])
    if name == "DepthwiseConv":  # kernel: *window, channels, multiplier
        return output * elements(others[0][:-2])
    if name == "ConvTranspose":  # kernel: *window, filters, channels
        return elements(first) * elements(others[0][:-1])
    if name == "Tensordot":
        # Each contracted dimension is in both operands, but not in the output.
        return math.isqrt(elements(first) * elements(others[0]) * output)
    return output * first[-1]
