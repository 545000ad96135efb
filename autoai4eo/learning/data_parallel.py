"""One network trained on all devices of this machine: each takes a part of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from autoai4eo.errors import UserError


def device_count() -> int:
    """How many devices, such as GPUs, Keras finds on this machine."""
    return len(keras.distribution.list_devices())


def check_data_parallel(batch_size: int) -> None:
    """Whether batches of this size can be divided among the devices.

    Raises:
        UserError: the Keras backend is not JAX, or the devices do not divide the batch.
    """
    if keras.backend.backend() != "jax":
        raise UserError(
            "data_parallel: expected the Keras backend jax, found "
            f"{keras.backend.backend()}; set KERAS_BACKEND=jax, or leave it out"
        )
    devices = device_count()
    if batch_size % devices:
        raise UserError(
            f"batch_size: expected a multiple of the {devices} devices that "
            f"data_parallel divides it among, found {batch_size}; use "
            f"{-(-batch_size // devices) * devices}"
        )


@contextmanager
def data_parallel(model: keras.Model, targets: np.ndarray) -> Iterator[None]:
    """Trains a compiled network on all devices while it is open.

    Every device holds all weights, takes an equal part of each batch, and the
    gradients are averaged, see `keras.distribution.DataParallel`. A step is that of one
    device with the whole batch, batch normalisation included. Afterwards the weights
    are on one device again, so that latency is that of one device.

    Args:
        model: its optimiser is built.
        targets: of a sample or more, as the loss takes them, (n, …).
    """
    # metrics have variables once they were used, and all must lie on the devices
    outputs = np.zeros((len(targets), *model.output_shape[1:]), "float32")
    model.compute_metrics(None, targets, outputs)
    model.reset_metrics()
    distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
    with distribution.scope():
        for variable in _variables(model):
            layout = distribution.get_variable_layout(variable)
            variable.assign(
                keras.distribution.distribute_tensor(variable.value, layout)
            )
        yield
    for variable in _variables(model):
        variable.assign(keras.ops.convert_to_numpy(variable))


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]
