"""AutoKeras's graph with a training recipe for small labelled sets."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import keras
from autokeras.graph import Graph as AutoKerasGraph
from autokeras.utils.utils import to_snake_case

from autoai4eo.learning.optimizer import layerwise_adamw

_WARM_UP = 0.05


class Graph(AutoKerasGraph):
    """A graph of blocks that compiles its networks for training from scratch.

    AutoKeras draws the optimiser from three and the learning rate from six orders of
    magnitude, of which most end in nothing. Here it is AdamW (Loshchilov and Hutter,
    2019), searched: ``learning_rate`` (3e-3, 1e-3, 1e-2) and ``weight_decay`` (1e-4,
    1e-2), with a linear warm-up over the first twentieth of the steps and a cosine
    decay to zero (Loshchilov and Hutter, 2017); where the number of steps is not known
    the rate is constant. Pretrained layers get the factor that their block asks for.

    Attributes:
        steps: how many batches a network is trained on, or None.
        loss: Keras loss on one-hot labels.
        metrics: Keras metrics or their names.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, **kwargs: Any) -> None:
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.steps: int | None = None
        self.loss: Any = None
        self.metrics: list[Any] = []
        self._number_blocks()

    def _number_blocks(self) -> None:
        """Counts blocks without a name of their own from 1 in every graph.

        AutoKeras counts them since the process began; a search that is gone on with in
        the same notebook would have other hyperparameters than before.
        """
        counts: Counter[str] = Counter()
        for block in self.blocks:
            kind = to_snake_case(type(block).__name__)
            counts[kind] += 1
            if re.fullmatch(rf"{kind}_\d+", block.name):
                block.name = f"{kind}_{counts[kind]}"

    def _compile_keras_model(self, hp: Any, model: keras.Model) -> keras.Model:
        rate = hp.Choice("learning_rate", [3e-3, 1e-3, 1e-2], default=3e-3)
        decay = hp.Choice("weight_decay", [1e-4, 1e-2], default=1e-2)
        model.compile(
            optimizer=layerwise_adamw(
                model,
                self._learning_rate_factors(),
                learning_rate=rate
                if self.steps is None
                else _warm_cosine(rate, self.steps),
                weight_decay=decay,
            ),
            loss=self.loss,
            metrics=[_fresh(metric) for metric in self.metrics],
        )
        return model

    def _learning_rate_factors(self) -> dict[str, float]:
        return {
            layer: factor
            for block in self.blocks
            for layer, factor in getattr(block, "learning_rate_factors", {}).items()
        }


def _warm_cosine(
    rate: float, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    warm_up = max(1, round(_WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=rate / warm_up,
        decay_steps=max(1, steps - warm_up),
        warmup_target=rate,
        warmup_steps=warm_up,
    )


def _fresh(metric: Any) -> Any:
    """A metric without the state that another network left in it."""
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric
