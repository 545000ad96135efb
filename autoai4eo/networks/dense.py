"""Classifies overlapping windows of a scene, sharing the work of common pixels.

A network without padding gives the same features wherever a window lies, so its trunk
can run once over a tile; each window then pools its own part of the features, as in
*fully convolutional* and *fast scanning* networks (Sermanet et al. 2014,
arXiv:1312.6229; Giusti et al. 2013, arXiv:1302.1700).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from autoai4eo.networks import translation
from autoai4eo.networks.graph import has_graph, in_order, through
from autoai4eo.networks.translation import FeatureMap, NotTranslationEquivariant

Pools = dict[int, FeatureMap]
_POOLINGS: dict[type, Any] = {
    keras.layers.GlobalAveragePooling2D: ops.average_pool,
    keras.layers.GlobalMaxPooling2D: ops.max_pool,
}


@dataclass(frozen=True)
class DenseClassifier:
    """Runs a classifier of patches over tiles; overlapping windows share their work.

    Attributes:
        stride: total stride of the trunk, in pixels.
        exact: whether the result equals that of classifying each window alone, up to
            rounding, because nothing depends on padding.
        window: height and width of a window, in pixels.
        step: distance from one window to the next, in pixels.
        phases: runs of the trunk along each axis; 1 if `step` is a multiple of
            `stride`.
    """

    stride: int
    exact: bool
    window: tuple[int, int]
    step: int
    phases: int
    _network: _Dense = field(repr=False)

    def __call__(self, tile: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the class probabilities of all windows of a tile.

        Args:
            tile: input name -> raw pixels (N, h, w, bands), float32, with h and w at
                least those of `window`. Tiles of one size are compiled once.

        Returns:
            float32 (N, rows, cols, classes), rows = (h - window) // step + 1. Cell
            (i, j) is the window whose top left pixel is (i × step, j × step).

        Raises:
            ValueError: the tile is smaller than a window.
        """
        samples, height, width = next(iter(tile.values())).shape[:3]
        if height < self.window[0] or width < self.window[1]:
            raise ValueError(
                f"expected a tile of at least {self.window} pixels, found "
                f"{(height, width)}"
            )
        rows = (height - self.window[0]) // self.step + 1
        cols = (width - self.window[1]) // self.step + 1
        found: np.ndarray | None = None
        for row, col in itertools.product(
            range(min(self.phases, rows)), range(min(self.phases, cols))
        ):
            down, across = self._phase(row, rows, 0), self._phase(col, cols, 1)
            part = {name: pixels[:, down, across] for name, pixels in tile.items()}
            cells = self._network.predict_on_batch(part)
            if found is None:
                found = np.empty((samples, rows, cols, cells.shape[-1]), "float32")
            view = found[:, row :: self.phases, col :: self.phases]
            view[...] = cells.reshape(view.shape)
        assert found is not None, "a tile has at least one window"
        return found

    def of_tile(self, height: int, width: int) -> keras.Model:
        """Makes the network for tiles of one size, which a runtime can convert.

        Returns:
            A functional model of (N, height, width, bands) by input to (N × rows ×
            cols, classes).

        Raises:
            ValueError: the trunk runs several times for a tile, see `phases`.
        """
        if self.phases > 1:
            raise ValueError(f"expected a trunk that runs once, found {self.phases}")
        inputs = {
            name: keras.Input((height, width, bands), name=name)
            for name, bands in self._network.bands.items()
        }
        return keras.Model(inputs, self._network(inputs))

    def _phase(self, first: int, cells: int, axis: int) -> slice:
        """Returns the exact pixels of every `phases`-th window from `first` on.

        With fewer or more pixels, ``padding="same"`` would pad differently.
        """
        last = first + (cells - 1 - first) // self.phases * self.phases
        return slice(first * self.step, last * self.step + self.window[axis])


def dense_classifier(model: Any, step: int, *, exact: bool = True) -> DenseClassifier:
    """Makes a classifier of windows every `step` pixels that shares their work.

    The trunk must treat all pixels alike up to its global poolings. These become
    poolings over the features of each window; the layers after them run on each window
    separately. If `step` is not a multiple of the trunk's total stride, the trunk runs
    several times, each time from another first pixel. The model's own layers are used;
    the model is not changed.

    Args:
        model: a functional or Sequential Keras classifier of patches of fixed size,
            (N, H, W, bands) for each input, to (N, classes), in which samples do not
            affect each other.
        step: distance from one window to the next, in pixels, along both axes.
        exact: False also accepts networks that pad: windows inside the tile then see
            their real neighbours where the network saw zeros in training, and
            `DenseClassifier.exact` is False.

    Raises:
        NotTranslationEquivariant: the work cannot be shared; the message names the
            layer that prevents it.
    """
    if not has_graph(model):
        raise NotTranslationEquivariant(
            f"{type(model).__name__} has no graph of layers to look into"
        )
    if step < 1:
        raise ValueError(f"expected a step of at least 1 pixel, found {step}")
    window = _window(model)
    pools, padding = _trace(model)
    if exact and padding is not None:
        raise NotTranslationEquivariant(
            f"{padding} pads, so features depend on where a window ends"
        )
    stride = math.lcm(*(s for pool in pools.values() for s in pool.stride))
    phases = stride // math.gcd(stride, step)
    return DenseClassifier(
        stride=stride,
        exact=padding is None,
        window=window,
        step=step,
        phases=phases,
        _network=_Dense(model, pools, phases * step),
    )


class _Dense(keras.Model):
    """Pixels (N, h, w, bands) by input name to (N × rows × cols, classes)."""

    def __init__(self, model: keras.Model, pools: Pools, step: int) -> None:
        super().__init__(name=f"{model.name}_dense")
        self._model = model
        self._pools = pools
        self._step = step

    @property
    def bands(self) -> dict[str, int]:
        """Number of bands by input."""
        return {x.name: x.shape[-1] for x in self._model.inputs}

    def call(self, inputs: Any) -> Any:
        number = itertools.count()

        def apply(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if isinstance(layer, keras.Function | keras.Model):
                return through(layer, in_order(layer, args[0]), apply)
            pool = self._pools.get(next(number))
            if pool is None:
                return layer(*args, **kwargs)
            cells = _POOLINGS[type(layer)](
                args[0],
                pool.size,
                strides=tuple(self._step // s for s in pool.stride),
                data_format="channels_last",
            )
            inner = (1, 1) if layer.keepdims else ()
            return ops.reshape(cells, (-1, *inner, cells.shape[-1]))

        flow = [inputs[x.name] for x in self._model.inputs]
        (probabilities,) = keras.tree.flatten(through(self._model, flow, apply))
        return probabilities


def _window(model: Any) -> tuple[int, int]:
    sizes = {tuple(x.shape[1:3]) for x in model.inputs if len(x.shape) == 4}
    if len(sizes) != 1 or any(len(x.shape) != 4 for x in model.inputs):
        shapes = ", ".join(str(tuple(x.shape)) for x in model.inputs)
        raise NotTranslationEquivariant(
            f"its inputs are no patches of one size: {shapes}"
        )
    (size,) = sizes
    if None in size:
        raise NotTranslationEquivariant("its patches have no fixed height and width")
    return size


def _trace(model: Any) -> tuple[Pools, str | None]:
    """Returns the pooled maps by number of the call, and the first layer that pads.

    Raises:
        NotTranslationEquivariant: a layer may treat windows differently.
    """
    pools: Pools = {}
    padding: list[str] = []
    number = itertools.count()

    def apply(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(layer, keras.Function | keras.Model):
            if not has_graph(layer):
                raise NotTranslationEquivariant(
                    f"{translation.named(layer)} has no graph of layers"
                )
            return through(layer, in_order(layer, args[0]), apply)
        this = next(number)
        maps = [
            x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, FeatureMap)
        ]
        if not maps:
            return layer.compute_output_spec(*args, **kwargs)
        if type(layer) in _POOLINGS and layer.data_format == "channels_last":
            pools[this] = maps[0]
            return layer.compute_output_spec(maps[0].tensor)
        result = translation.apply(layer, args, kwargs)
        if result.padded:
            padding.append(translation.named(layer))
        return result.map

    result = through(
        model,
        [
            FeatureMap(keras.KerasTensor((None, *x.shape[1:]), x.dtype), (1, 1))
            for x in model.inputs
        ],
        apply,
    )
    outputs = keras.tree.flatten(result)
    if (
        len(outputs) != 1
        or not isinstance(outputs[0], keras.KerasTensor)
        or len(outputs[0].shape) != 2
    ):
        raise NotTranslationEquivariant(
            "it does not end in one vector of classes for a patch"
        )
    return pools, padding[0] if padding else None
