"""The residual networks that compact networks are compared with."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from autoai4eo.blocks.backbones.units import ConvUnit, ResidualUnit, Unit, chain
from autoai4eo.compact.network import Shapes, check_sizes, classifier, standardised
from autoai4eo.data.statistics import BandStatistics
from autoai4eo.errors import UserError

#: Depths of the literature: two convolutions in each of three stages' blocks, and two.
RESNETS = {f"resnet-{depth}": depth for depth in (8, 20, 32, 110)}


def resnet(
    depth: int,
    inputs: Shapes,
    classes: int,
    statistics: Mapping[str, BandStatistics] | None = None,
) -> keras.Model:
    """Builds the CIFAR ResNet of a depth (He et al. 2016, arXiv:1512.03385).

    Three stages of basic blocks with 16, 32 and 64 filters. Its shortcuts at stride 2
    are average pooling and a 1×1 convolution.

    Args:
        depth: 6 n + 2.
        inputs, classes, statistics: see `autoai4eo.compact.build`.

    Raises:
        UserError: the depth has another form, or inputs have several sizes.
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        raise UserError(f"depth: expected 8, 14, 20, … (6 n + 2), got {depth}")
    check_sizes(inputs)
    units: list[Unit] = [ConvUnit("first", 16)]
    for stage, filters in enumerate((16, 32, 64)):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            units.append(
                ResidualUnit(
                    f"stage{stage + 1}_unit{block + 1}", filters, strides=strides
                )
            )
    nodes = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    features = chain(units, standardised(nodes, statistics))
    output = classifier(features, classes, "classes")
    return keras.Model([*nodes.values()], output, name=f"resnet{depth}")
