"""A network that rounds as in int8, for training (Jacob et al. 2018, arXiv:1712.05877).

Keras 3.15 quantises a trained `Dense` (``model.quantize("int8")``), but no convolution,
and trains only `Dense` in another precision, in float8. It has the operation, though:
`keras.quantizers.fake_quant_with_min_max_vars` rounds, and passes gradients through.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from autoai4eo.networks.compiled import structured
from autoai4eo.networks.graph import has_graph, in_order, through

_MOMENTUM = 0.9  # of the ranges: some ten batches
_TINY = 1e-6  # a range is at least so wide

#: Layers whose weights are int8.
KERNELS = (
    layers.Dense,
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
)
#: Layers that a runtime computes in int8, or whose inputs it gets from such layers.
JOINS = (
    layers.Add,
    layers.Multiply,
    layers.Concatenate,
    layers.AveragePooling2D,
    layers.MaxPooling2D,
    layers.GlobalAveragePooling2D,
    layers.GlobalMaxPooling2D,
)


def fake_quantized(network: keras.Model) -> keras.Model:
    """Makes the network that rounds weights and activations to 256 levels.

    It has the layers of `network` itself: training it trains `network`. The weights of
    `KERNELS` are rounded for each output channel, symmetrically, as the converters of
    LiteRT and ONNX Runtime do; folding a batch normalisation into them, which these do
    first, changes nothing of that. What goes into `KERNELS`, and behind the first of
    them into `JOINS`, is rounded within a running range. Nested models that are called
    with arguments of their own stay in float32.

    Args:
        network: a functional or built Sequential model.
    """
    rounded: dict[int, tuple[Any, Any]] = {}  # with its tensor, which keeps its id
    behind: dict[int, Any] = {}  # tensors behind the first kernel

    def round_(tensor: Any) -> Any:
        if id(tensor) not in rounded:
            rounded[id(tensor)] = (tensor, FakeQuantize(dtype=tensor.dtype)(tensor))
        return rounded[id(tensor)][1]

    def apply(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if has_graph(layer) and not kwargs:
            return through(layer, in_order(layer, args[0]), apply)
        given = keras.tree.flatten((args, kwargs))
        follows = any(id(x) in behind for x in given)
        if isinstance(layer, KERNELS):
            follows = True
            layer, args = _RoundedKernel(layer), (round_(args[0]), *args[1:])
        elif follows and isinstance(layer, JOINS):
            args = keras.tree.map_structure(round_, args)
        result = layer(*args, **kwargs)
        if follows:
            behind.update((id(x), x) for x in keras.tree.flatten(result))
        return result

    given = structured(network, network.inputs)
    return keras.Model(given, through(network, network.inputs, apply))


class FakeQuantize(layers.Layer):
    """Rounds a tensor to 256 levels between its running minimum and maximum.

    The range holds 0, as in the runtimes. It follows the batches of training; before
    the first one it is empty, and the layer gives zeros.
    """

    def build(self, input_shape: Any) -> None:
        """Makes the range."""

        def variable(name: str) -> Any:
            return self.add_weight(
                shape=(),
                name=name,
                initializer="zeros",
                trainable=False,
                dtype="float32",
                autocast=False,
            )

        self.low, self.high = variable("low"), variable("high")
        self.begun = variable("begun")

    def call(self, tensor: Any, training: bool = False) -> Any:
        """Returns a tensor of the same shape."""
        low, high = ops.convert_to_tensor(self.low), ops.convert_to_tensor(self.high)
        if training:
            kept = _MOMENTUM * self.begun
            seen = ops.cast(ops.stop_gradient(tensor), "float32")
            low = kept * low + (1 - kept) * ops.minimum(ops.min(seen), 0.0)
            high = kept * high + (1 - kept) * ops.maximum(ops.max(seen), 0.0)
            self.low.assign(low)
            self.high.assign(high)
            self.begun.assign(1.0)
        high = ops.maximum(high, low + _TINY)
        return keras.quantizers.fake_quant_with_min_max_vars(tensor, low, high)


class _RoundedKernel(layers.Layer):
    """Calls a layer with weights rounded to 255 levels in each output channel."""

    def __init__(self, layer: Any) -> None:
        super().__init__(dtype=layer.dtype_policy)
        self.layer = layer

    def call(self, *args: Any) -> Any:
        """Calls the layer."""
        given = [
            [self._rounded(variable) for variable in variables]
            for variables in (
                self.layer.trainable_variables,
                self.layer.non_trainable_variables,
            )
        ]
        return self.layer.stateless_call(*given, *args)[0]

    def _rounded(self, variable: Any) -> Any:
        value = ops.convert_to_tensor(variable)
        if variable.name not in ("kernel", "depthwise_kernel", "pointwise_kernel"):
            return value
        # (height, width, inputs, multiplier): an output channel for each of the last
        depthwise = variable.name == "depthwise_kernel" or isinstance(
            self.layer, layers.DepthwiseConv2D
        )
        channels = value.shape[-1] * (value.shape[-2] if depthwise else 1)
        flat = ops.reshape(value, (-1, channels))
        most = ops.maximum(ops.max(ops.abs(ops.stop_gradient(flat)), axis=0), _TINY)
        return ops.reshape(
            keras.quantizers.fake_quant_with_min_max_vars(
                flat, -most, most, narrow_range=True, axis=-1
            ),
            value.shape,
        )
