"""AutoKeras's graph with a training recipe for small labelled sets."""

from __future__ import annotations

import gc
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from autoai4eo.blocks.heads.classification import BudgetNotEnforced
from autoai4eo.blocks.pretrained_weights.catalogue import Weights
from autoai4eo.learning.optimizer import layerwise_adamw, warm_cosine
from autoai4eo.search.compat.autokeras import UncompiledGraph, to_snake_case


class Graph(UncompiledGraph):
    """A graph of blocks that compiles its networks for training from scratch.

    AutoKeras searches three optimisers and learning rates over six orders of magnitude,
    most of which fail. This class uses AdamW (Loshchilov and Hutter, 2019), and
    searches ``learning_rate`` (3e-3, 1e-3, 1e-2), ``weight_decay`` (1e-4, 1e-2) and,
    for one class per sample or pixel, ``label_smoothing`` (0.1, 0; Szegedy et al.,
    2016); the defaults are 3e-3, 1e-2 and 0.1. The rate warms up linearly over the
    first 5 % of the steps and decays to zero as a cosine (Loshchilov and Hutter, 2017);
    if the number of steps is unknown it is constant. Pretrained layers get the learning
    rate factor of their block.

    Attributes:
        loss: Keras loss on one-hot labels.
        metrics: Keras metrics or their names.
        smooths_labels: whether labels may be smoothed in training.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, **kwargs: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.loss: Any = None
        self.metrics: list[Any] = []
        self.smooths_labels = False
        self._number_blocks()

    def _number_blocks(self) -> None:
        """Numbers blocks without a user's name from 1 in every graph.

        AutoKeras numbers them from the start of the process; a search resumed in the
        same notebook would have other hyperparameters than before.
        """
        counts: Counter[str] = Counter()
        for block in self.blocks:
            kind = to_snake_case(type(block).__name__)
            counts[kind] += 1
            if re.fullmatch(rf"{kind}_\d+", block.name):
                block.name = f"{kind}_{counts[kind]}"

    def build(self, hp: Any, steps: int | None = None) -> keras.Model:
        """Builds and compiles the network of these hyperparameters.

        Args:
            hp: KerasTuner's hyperparameters.
            steps: number of training batches; None: unknown, and the learning rate
                stays constant.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BudgetNotEnforced)  # the tuner enforces it
            model = super().build(hp)
        self._adapt(model)
        rate = hp.Choice("learning_rate", [3e-3, 1e-3, 1e-2], default=3e-3)
        decay = hp.Choice("weight_decay", [1e-4, 1e-2], default=1e-2)
        if self.smooths_labels:
            # the training does it, so that the validation loss is of true labels
            hp.Choice("label_smoothing", [0.1, 0.0], default=0.1)
        model.compile(
            optimizer=layerwise_adamw(
                model,
                self._learning_rate_factors(),
                learning_rate=rate if steps is None else warm_cosine(rate, steps),
                weight_decay=decay,
            ),
            loss=self.loss,
            metrics=[_fresh(metric) for metric in self.metrics],
        )
        return model

    def _adapt(self, model: keras.Model) -> None:
        """Gives layers that normalise pixels the statistics of the bands.

        `autokeras.Normalization` adds such layers, which AutoKeras's tuner adapts.
        """
        if any(node.mean is None for node in self.inputs):
            return
        for layer in model.layers:
            if not isinstance(layer, keras.layers.Normalization):
                continue
            if layer.input_mean is not None:
                continue
            before = keras.Model(model.inputs, layer.input)
            if not before.weights:
                layer.adapt(keras.ops.convert_to_numpy(before(self._typical())))

    def _typical(self) -> list[np.ndarray]:
        """Returns two pictures of each input with mean and deviation of its bands."""
        edges = (
            [np.subtract(node.mean, node.std), np.add(node.mean, node.std)]
            for node in self.inputs
        )
        return [
            np.broadcast_to(np.array(pair, np.float32)[:, None, None], (2, *node.shape))
            for pair, node in zip(edges, self.inputs, strict=True)
        ]

    @property
    def files(self) -> list[Path]:
        """The files of weights that its blocks read."""
        sources = [getattr(block, "weights", None) for block in self.blocks]
        return [Path(s.file) for s in sources if isinstance(s, Weights) and s.file]

    def _learning_rate_factors(self) -> dict[str, float]:
        return {
            layer: factor
            for block in self.blocks
            for layer, factor in getattr(block, "learning_rate_factors", {}).items()
        }


def build(
    graph: Graph, hp: keras_tuner.HyperParameters, seed: int, steps: int | None
) -> keras.Model:
    """Builds the network of these hyperparameters, with weights drawn by the seed.

    Args:
        graph: of blocks.
        hp: the hyperparameters.
        seed: of the weights.
        steps: number of training batches; None: unknown.
    """
    policy = keras.config.dtype_policy()
    keras.backend.clear_session()  # else Keras's memory grows with every network
    keras.config.set_dtype_policy(policy)  # the user's precision went with it
    gc.collect()
    keras.utils.set_random_seed(seed)
    return graph.build(hp, steps)


def _fresh(metric: Any) -> Any:
    """Returns a copy of a metric without its state."""
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
