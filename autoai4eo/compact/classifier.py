"""A classifier whose only network is the one that a compact search found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autoai4eo import blocks
from autoai4eo.networks.genotype import Architecture
from autoai4eo.tasks.auto_model import AutoModel


def classifier_of(
    architecture: Architecture, inputs: Iterable[str], **kwargs: Any
) -> AutoModel:
    """Returns the `AutoModel` that trains the network of an architecture.

    Args:
        architecture: the cells, depths and channels.
        inputs: names of the inputs, which have one size.
        **kwargs: of `AutoModel`, but one trial.
    """
    nodes = [blocks.ImageInput(name) for name in inputs]
    features = blocks.CompactCellBlock(
        genotype=architecture.genotype,
        depths=architecture.depths,
        channels=architecture.channels,
        max_macs=None,  # the network is the one that was found
    )(nodes)[0]
    head = blocks.PooledHead(pooling="average", hidden=0, dropout=0.25)
    return AutoModel(nodes, head(features), max_trials=1, **kwargs)
