"""Finds networks that give a pixel the same output from every window around it."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from autoai4eo.networks import translation
from autoai4eo.networks.graph import has_graph, in_order, through
from autoai4eo.networks.translation import FeatureMap, NotTranslationEquivariant


def unpadded_period(network: Any) -> int | None:
    """Returns by how many pixels a window may move without changing a pixel's output.

    It is the least common multiple of the strides of all features: 1 without
    downsampling. See `dense_classifier` for the same of classifiers of patches.

    Args:
        network: (N, H, W, bands) by input to one output (N, h, w, classes), one for
            each pixel.

    Returns:
        The period in pixels, along both axes; None if an output may depend on where the
        window ends: a layer pads, pools the whole window, or is not known.
    """
    if not has_graph(network):
        return None
    strides: set[int] = set()

    def apply(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(layer, keras.Function | keras.Model):
            if not has_graph(layer):
                raise NotTranslationEquivariant(f"{layer.name} has no graph of layers")
            return through(layer, in_order(layer, args[0]), apply)
        if type(layer) is layers.UpSampling2D:
            return _upsampled(layer, args[0])
        found = translation.apply(layer, args, kwargs)
        if found.padded:
            raise NotTranslationEquivariant(f"{translation.named(layer)} pads")
        strides.update(found.map.stride)
        return found.map

    inputs = [
        FeatureMap(keras.KerasTensor((None, *x.shape[1:]), x.dtype), (1, 1))
        for x in network.inputs
    ]
    try:
        outputs = keras.tree.flatten(through(network, inputs, apply))
    except NotTranslationEquivariant:
        return None
    of_pixels = all(isinstance(x, FeatureMap) and x.stride == (1, 1) for x in outputs)
    return math.lcm(*strides) if of_pixels else None


def _upsampled(layer: Any, before: Any) -> FeatureMap:
    """Returns features repeated along both axes, whose stride is smaller by that."""
    pairs = zip(before.stride, layer.size, strict=True)
    if (
        layer.interpolation != "nearest"  # others pad at the window's edge
        or layer.data_format != "channels_last"
        or any(stride % size for stride, size in pairs)
    ):
        raise NotTranslationEquivariant(f"{layer.name} is not known")
    down, across = (s // n for s, n in zip(before.stride, layer.size, strict=True))
    return FeatureMap(layer.compute_output_spec(before.tensor), (down, across))
