"""Residual networks for published weight files: trunks and whole classifiers.

| name | from | shape of the features of an h × w input |
|---|---|---|
| resnet20 | ResNet-20 v2 of the So2Sat project | h/4, w/4, 256 |
| resnet18, resnet34 | He et al. 2016, basic blocks | h/32, w/32, 512 |
| resnet50, resnet101 | `keras.applications`, bottlenecks | h/32, w/32, 2048 |

He et al. 2016, *Deep residual learning for image recognition*, arXiv:1512.03385, and
*Identity mappings in deep residual networks*, arXiv:1603.05027 (v2). ResNet-20 v2 is
`resnet_v2(depth=20)` of github.com/zhu-xlab/So2Sat-LCZ-Classification-Demo. ResNet-18
and 34 pad as torchvision does, so that converted weights give the same results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from autoai4eo.errors import UserError

TOP = "predictions"
Shape = tuple[int | None, int | None, int]


@dataclass(frozen=True)
class Architecture:
    """A kind of trunk.

    Attributes:
        build: ``build(shape, name)`` returns a `keras.Model` from pixels of ``shape``
            (height, width, bands) to features.
        first: the name of the first convolution.
        last_stage: prefix of the names of the layers of the last stage.
        ends: the names of the last layers with features at strides 2, 4, 8, …
    """

    build: Callable[[Shape, str], keras.Model]
    first: str
    last_stage: str
    ends: tuple[str, ...]


def _resnet20_v2(shape: Shape, name: str) -> keras.Model:
    """Builds bottlenecks with pre-activation, 3 stages × 2 blocks, 16 filters first."""

    def convolve(x: Any, filters: int, size: int, stride: int, conv: str) -> Any:
        return layers.Conv2D(
            filters,
            size,
            strides=stride,
            padding="same",
            kernel_initializer="he_normal",
            name=conv,
        )(x)

    def activate(x: Any, prefix: str) -> Any:
        x = layers.BatchNormalization(name=f"{prefix}_bn")(x)
        return layers.Activation("relu", name=f"{prefix}_relu")(x)

    inputs = keras.Input(shape)
    x = activate(convolve(inputs, 16, 3, 1, "conv1_conv"), "conv1")
    filters = 16
    for stage in (1, 2, 3):
        wide = 4 * filters if stage == 1 else 2 * filters
        for block in (1, 2):
            prefix = f"stage{stage}_block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            # the stem is activated already
            y = x if prefix == "stage1_block1" else activate(x, f"{prefix}_1")
            y = convolve(y, filters, 1, stride, f"{prefix}_1_conv")
            y = convolve(activate(y, f"{prefix}_2"), filters, 3, 1, f"{prefix}_2_conv")
            y = convolve(activate(y, f"{prefix}_3"), wide, 1, 1, f"{prefix}_3_conv")
            if block == 1:
                x = convolve(x, wide, 1, stride, f"{prefix}_0_conv")
            x = layers.Add(name=f"{prefix}_add")([x, y])
        filters = wide
    return keras.Model(inputs, activate(x, "stage3_post"), name=name)


def _basic_resnet(blocks: tuple[int, ...]) -> Callable[[Shape, str], keras.Model]:
    """Returns a builder of basic blocks, in stages of 64, 128, 256, 512 filters."""

    def convolve(x: Any, filters: int, size: int, stride: int, prefix: str) -> Any:
        # "same" would pad strided convolutions on one side only
        if size > 1:
            x = layers.ZeroPadding2D(size // 2, name=f"{prefix}_pad")(x)
        x = layers.Conv2D(
            filters,
            size,
            strides=stride,
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{prefix}_conv",
        )(x)
        return layers.BatchNormalization(epsilon=1e-5, name=f"{prefix}_bn")(x)

    def build(shape: Shape, name: str) -> keras.Model:
        inputs = keras.Input(shape)
        x = convolve(inputs, 64, 7, 2, "conv1")
        x = layers.Activation("relu", name="conv1_relu")(x)
        # zero padding does not change the maximum after a ReLU
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        filters = 64
        for stage, count in enumerate(blocks, 1):
            for block in range(1, count + 1):
                prefix = f"stage{stage}_block{block}"
                stride = 2 if stage > 1 and block == 1 else 1
                y = convolve(x, filters, 3, stride, f"{prefix}_1")
                y = layers.Activation("relu", name=f"{prefix}_1_relu")(y)
                y = convolve(y, filters, 3, 1, f"{prefix}_2")
                if stride > 1:
                    x = convolve(x, filters, 1, stride, f"{prefix}_0")
                x = layers.Add(name=f"{prefix}_add")([x, y])
                x = layers.Activation("relu", name=f"{prefix}_out")(x)
            filters *= 2
        return keras.Model(inputs, x, name=name)

    return build


def _keras_application(
    constructor: Callable[..., keras.Model],
) -> Callable[[Shape, str], keras.Model]:
    def build(shape: Shape, name: str) -> keras.Model:
        # with a tensor it accepts any number of bands, and patches below 32 pixels
        return constructor(
            include_top=False, weights=None, input_tensor=keras.Input(shape), name=name
        )

    return build


def _of_basic_blocks(*blocks: int) -> Architecture:
    ends = (f"stage{stage}_block{n}_out" for stage, n in enumerate(blocks, 1))
    return Architecture(
        _basic_resnet(blocks), "conv1_conv", "stage4_", ("conv1_relu", *ends)
    )


def _of_bottlenecks(
    constructor: Callable[..., keras.Model], *blocks: int
) -> Architecture:
    ends = (f"conv{stage}_block{n}_out" for stage, n in enumerate(blocks, 2))
    return Architecture(
        _keras_application(constructor), "conv1_conv", "conv5_", ("conv1_relu", *ends)
    )


ARCHITECTURES = {
    "resnet20": Architecture(
        _resnet20_v2, "conv1_conv", "stage3_", ("stage2_block2_add", "stage3_post_relu")
    ),
    "resnet18": _of_basic_blocks(2, 2, 2, 2),
    "resnet34": _of_basic_blocks(3, 4, 6, 3),
    "resnet50": _of_bottlenecks(keras.applications.ResNet50, 3, 4, 6, 3),
    "resnet101": _of_bottlenecks(keras.applications.ResNet101, 3, 4, 23, 3),
}


def find_architecture(name: str) -> Architecture:
    """Returns the architecture of a name.

    Raises:
        UserError: the name is unknown; the message lists the known ones.
    """
    if name not in ARCHITECTURES:
        raise UserError(
            f"expected one of the architectures {', '.join(ARCHITECTURES)}, "
            f"got {name!r}; give one of these names"
        )
    return ARCHITECTURES[name]


def build_trunk(architecture: str, shape: Shape, name: str) -> keras.Model:
    """Builds an untrained network from (N, height, width, bands) to features."""
    return find_architecture(architecture).build(shape, name)


def build_classifier(
    architecture: str, shape: Shape, classes: int, name: str
) -> keras.Model:
    """Builds the trunk with a global average and a softmax over `classes`.

    ResNet-20 v2 of the So2Sat project averages 8×8 features, which is the same for its
    32×32 patches; here patches may have other sizes.
    """
    trunk = build_trunk(architecture, shape, name)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(trunk.output)
    x = layers.Dense(classes, activation="softmax", name=TOP)(x)
    return keras.Model(trunk.input, x, name=name)
