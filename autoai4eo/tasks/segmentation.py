"""Segmenters: they predict the class of each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoai4eo import blocks
from autoai4eo.blocks.backbones.pyramid import (
    FEWEST_LEVELS,
    MOST_LEVELS,
    possible_levels,
)
from autoai4eo.blocks.pretrained_weights.catalogue import Weights
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError
from autoai4eo.search.space.graph import Graph
from autoai4eo.tasks.classification import ImageClassifier
from autoai4eo.tasks.training_data import names_of

#: Arguments of `ImageClassifier` that say nothing about masks, and what does.
_OF_PATCHES = {
    "max_latency_ms": 'limit latency by constraints={"latency_ms": …}',
    "multi_label": "leave it out",
    "map_step": "a segmenter maps every pixel; leave it out",
}


class ImageSegmenter(ImageClassifier):
    """Searches for a network that predicts the class of each pixel.

    The graph has a pyramid of features at several strides, a decoder and a head:
    `blocks.FeaturePyramid`, `blocks.DecoderBlock` (U-Net, FPN, LR-ASPP or NAS-FPN) and
    `blocks.SegmentationHead`. The pyramid has as many levels as the tiles allow.

    ``fit("images", "masks")`` takes two folders of GeoTIFFs, and cuts tiles of 128
    pixels; `ae.open_dataset` has further forms and options. Arrays (N, H, W, bands)
    take masks (N, H, W) of class numbers, -1 where unknown.

    Args:
        weights: pretrained weights of the trunk, which the search tries, too: see
            `blocks.FeaturePyramid`, whose family ``transfer`` has them.
        **kwargs: as `ImageClassifier`, except `max_latency_ms`, `multi_label` and
            ``map_step``. The objective is ``val_mean_iou`` by default.

    Raises:
        UserError: an argument is not valid.
    """

    def __init__(
        self,
        project_name: str = "image_segmenter",
        weights: str | Weights | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        for name, advice in _OF_PATCHES.items():
            value = kwargs.pop(name, None)
            if value is not None and value is not False:  # the defaults
                raise UserError(
                    f"{name}: expected arguments of ImageSegmenter, found {name}, "
                    f"which is one of ImageClassifier; {advice}"
                )
        self._levels, self.weights = MOST_LEVELS, weights
        # before data are read: are they known?
        trunk = blocks.FeaturePyramid(weights=weights)
        self._recorded = trunk.get_config()["weights"]
        super().__init__(project_name=project_name, **kwargs)

    @property
    def kind(self) -> str:
        """See `AutoModel.kind`."""
        return "mask"

    def _open(self, x: Any, y: Any, like: Dataset | None = None) -> Dataset:
        if not isinstance(y, str | Path):
            return super()._open(x, y, like)
        return open_dataset(x, masks=y, inputs=self.input_names, **names_of(like))

    def _made_of(self) -> dict[str, Any]:
        known = {} if self._recorded is None else {"weights": self._recorded}
        return {**super()._made_of(), **known}

    def _graph(self, train: Dataset) -> Graph:
        height, width = train.target.shape
        self._levels = number_of_levels(height, width, train.path)
        return super()._graph(train)

    def _features(self) -> Any:
        pyramid = blocks.FeaturePyramid(levels=self._levels, weights=self.weights)(
            self.inputs
        )
        return blocks.DecoderBlock()(pyramid)[0]

    def _head(self) -> Any:
        return blocks.SegmentationHead(**self._asked)


def number_of_levels(height: int, width: int, path: str) -> int:
    """Returns the number of levels of a pyramid of tiles of this size.

    Args:
        height, width: of a tile.
        path: of the data, for messages.

    Raises:
        UserError: the tiles are too small for a pyramid.
    """
    levels = possible_levels(height, width)
    if levels < FEWEST_LEVELS:
        raise UserError(
            f"{path}: expected tiles of 5 pixels or more along each edge, found "
            f"{height}×{width}; give larger ones, or another --tile"
        )
    return levels
