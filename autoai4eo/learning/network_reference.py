"""A network of a known kind as a reference, of about as many parameters as another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from autoai4eo.learning.callbacks import BestEpoch
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.training import Training

_FIRST = 16  # the width that is tried first


def width_for(params: int, count: Callable[[int], int]) -> int:
    """Returns the width whose network comes nearest to a number of parameters.

    Args:
        params: the number.
        count: returns the parameters of the network of a width; they grow about as the
            square of it.
    """
    width, known = _FIRST, dict[int, int]()
    while width not in known:
        known[width] = count(width)
        width = max(1, round(width * math.sqrt(params / known[width])))
    return min(known, key=lambda tried: abs(math.log(known[tried] / params)))


def train_network(
    network: keras.Model,
    recipe: Mapping[str, Any],
    training: Training,
    epochs: int,
    seed: int,
    monitor: Objective,
    path: Path,
) -> None:
    """Trains a reference on the data of a search; writes its best epoch.

    Args:
        network: compiled, with a learning rate for so many epochs.
        recipe: its hyperparameters, see `Training.by_recipe`.
        training: data and options of the search.
        epochs: of the training.
        seed: of the order of the data.
        monitor: the metric that determines the best epoch.
        path: the ``.keras`` file.

    Raises:
        NonFiniteLossError: the loss is NaN or infinite.
    """
    # the time limit of the search does not apply, as it does not to the finalist;
    # the user's callbacks, which may write files, are for candidates
    whole = training.by_recipe(recipe)
    whole = replace(whole, epochs=epochs, end=math.inf, callbacks=())
    whole.run(network, seed, [BestEpoch(path, monitor)])
