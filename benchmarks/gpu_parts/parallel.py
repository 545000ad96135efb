"""One candidate trained on all cards of the machine, against one card."""

from __future__ import annotations

import time

import keras
import keras_tuner
import numpy as np

import autoai4eo as ae
from autoai4eo.learning.data_parallel import device_count
from autoai4eo.learning.training import Training
from autoai4eo.search.space.graph import build
from gpu_parts.asked import Asked, Rows

SEED = 0


class Clock(keras.callbacks.Callback):
    """Seconds and loss of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.losses: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the clock."""
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Stops it."""
        self.seconds.append(time.perf_counter() - self._begin)
        self.losses.append(float((logs or {})["loss"]))


def parallel(asked: Asked) -> None:
    """Trains the default network with each batch on one device and divided."""
    rows = Rows(asked.out, "parallel")
    devices = device_count()
    if devices == 1:
        return rows.find(left_out="one device: nothing to divide a batch among")
    graph, data = ae.So2SatClassifier().search_space(asked.data / "training.h5")
    for share in asked.choose((32, 128, 512), (32, 256), (32,)):
        for divided in (False, True):
            if asked.time_is_up:
                return rows.find(cut=f"the time was up at {share} samples a device")
            epochs = asked.choose(8, 4, 2)
            training = Training(
                data, None, epochs, batch_size=share * devices, data_parallel=divided
            )
            model = build(graph, keras_tuner.HyperParameters(), SEED, training.steps)
            clock = Clock()
            training.run(model, SEED, [clock])
            spent = float(np.median(clock.seconds[1:]))  # the first compiles
            rows.add(
                **{
                    "devices": devices if divided else 1,
                    "batch": training.batch_size,
                    "seconds an epoch": spent,
                    "samples/s": len(data) / spent,
                    "first loss": clock.losses[0],
                    "last loss": clock.losses[-1],
                }
            )
    return rows.find(compared=f"{devices} devices against one")
