"""Scores a trained candidate as the runtime of deployment computes, such as in int8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from autoai4eo.cost.instrument import Instrument
from autoai4eo.data.dataset import Dataset
from autoai4eo.files import scratch_folder
from autoai4eo.learning.evaluation import score
from autoai4eo.learning.figures import VALIDATION
from autoai4eo.runtimes.base import Pixels

_BATCH = 64


def quantized_metrics(
    network: keras.Model,
    about: Mapping[str, Any],
    patches: Pixels,
    validation: Dataset,
    checked: bool = True,
) -> dict[str, float]:
    """Returns the metrics on the validation data, by ``val_`` and their name.

    Args:
        network: of the best epoch.
        about: runtime and precision, see `Instrument.about`.
        patches: some of the training data, which calibrate int8.
        validation: what candidates are scored on.
        checked: whether a network whose outputs are far from Keras's is refused.

    Raises:
        NotConvertible: the runtime cannot run the network, or it is refused.
    """
    instrument = Instrument(about["runtime"], about["precision"], None, patches)
    with scratch_folder() as folder:
        run = instrument.converted(network, folder, checked)
        rows = np.array_split(
            np.arange(len(validation)), max(1, len(validation) // _BATCH)
        )
        output = np.concatenate([run(validation.read(some)) for some in rows])
    return {
        f"{VALIDATION}{name}": value
        for name, value in score(validation, output).items()
        if isinstance(value, float)
    }
