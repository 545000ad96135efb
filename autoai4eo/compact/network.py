"""The network of an architecture that a compact search found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from autoai4eo.blocks.cells.trunk import trunk
from autoai4eo.data.statistics import BandStatistics
from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import Architecture

#: Shapes (height, width, bands) of inputs by name.
Shapes = Mapping[str, tuple[int, int, int]]


def build(
    architecture: Architecture,
    inputs: Shapes,
    classes: int,
    statistics: Mapping[str, BandStatistics] | None = None,
    drop_path: float = 0.0,
    auxiliary: bool = False,
) -> keras.Model:
    """Builds a classifier: standardised inputs, trunk of cells, mean, linear layer.

    Args:
        architecture: genotype, depths and channels.
        inputs: shapes (height, width, bands) by name; they have the same size.
        classes: number of classes.
        statistics: of the bands by input; None: pixels are taken as they are.
        drop_path: probability of leaving an operation out for a sample, in training.
        auxiliary: whether a second output ``auxiliary`` predicts the classes after two
            thirds of the blocks (Szegedy et al. 2015, arXiv:1409.4842); to be trained
            with a smaller weight, and not used after.

    Returns:
        An untrained `keras.Model` from a dict of pixels to probabilities (N, classes).

    Raises:
        UserError: inputs have several sizes, there is one class, or a probability is
            not in [0, 1).
    """
    if classes < 2:
        raise UserError(f"classes: expected 2 or more, got {classes}")
    if not 0 <= drop_path < 1:
        raise UserError(f"drop_path: expected a number in [0, 1), got {drop_path}")
    check_sizes(inputs)
    nodes = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    scaled = standardised(nodes, statistics)
    ends = trunk(scaled, architecture, "compact", drop_path)
    last = classifier(ends[-1], classes, "classes")
    if not auxiliary:
        return keras.Model([*nodes.values()], last, name="compact")
    earlier = ends[max(0, round(len(ends) * 2 / 3) - 1)]
    outputs = {"classes": last, "auxiliary": classifier(earlier, classes, "auxiliary")}
    return keras.Model([*nodes.values()], outputs, name="compact")


def check_sizes(inputs: Shapes, blocks: int = 1) -> None:
    """Checks that inputs suit a network of cells.

    Args:
        inputs: shapes (height, width, bands) by name.
        blocks: number of blocks, each of which but the first halves the size.

    Raises:
        UserError: they have several sizes, or no pixels are left for a block.
    """
    sizes = {tuple(shape[:2]) for shape in inputs.values()}
    if len(sizes) != 1:
        found = ", ".join(f"{n} {s[0]}×{s[1]}" for n, s in inputs.items())
        raise UserError(
            f"inputs: expected one size for cells, found {found or 'none'}; resample "
            "the data, or choose inputs of one size"
        )
    ((height, width),) = sizes
    if 2 ** (blocks - 1) >= 2 * max(height, width):
        most = 1 + math.ceil(math.log2(max(height, width)))
        raise UserError(
            f"blocks: expected at most {most} for {height}×{width} pixels, got {blocks}"
        )


def standardised(
    nodes: Mapping[str, Any], statistics: Mapping[str, BandStatistics] | None
) -> Any:
    """Standardises the bands of inputs and concatenates them, (N, h, w, bands).

    Missing pixels (NaN, infinite) become the mean of their band, as in `ImageInput`.
    """
    scaled = []
    for name, node in nodes.items():
        if statistics is not None:
            mean = np.asarray(statistics[name].mean, "float64")
            node = ops.where(ops.isfinite(node), node, mean.astype("float32"))
            scale = 1 / np.asarray(statistics[name].std, "float64")
            offset = -scale * mean
            node = layers.Rescaling(
                scale.tolist(), offset.tolist(), name=f"{name}_standardise"
            )(node)
        scaled.append(node)
    return scaled[0] if len(scaled) == 1 else layers.Concatenate(name="bands")(scaled)


def classifier(features: Any, classes: int, name: str) -> Any:
    """Returns probabilities (N, classes): the mean of features, a linear layer."""
    pooled = layers.GlobalAveragePooling2D(name=f"{name}_pool")(features)
    return layers.Dense(classes, activation="softmax", name=name)(pooled)
