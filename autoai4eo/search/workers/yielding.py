"""A training pauses while another process measures latency."""

from __future__ import annotations

import keras

from autoai4eo.search.workers.measurement_lock import MeasurementLock


class YieldToMeasurements(keras.callbacks.Callback):
    """Pauses for measurements after every batch of training and validation."""

    def __init__(self, lock: MeasurementLock) -> None:
        super().__init__()
        self._lock = lock

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Pauses for waiting measurements."""
        self._lock.yield_()

    def on_test_batch_end(self, batch: int, logs: object = None) -> None:
        """Pauses for waiting measurements."""
        self._lock.yield_()
