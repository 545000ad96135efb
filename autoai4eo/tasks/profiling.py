"""Measures a device profile of the networks that a task searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.synthetic import SIZE
from autoai4eo.devices.profile import DeviceProfile
from autoai4eo.devices.profiling import Sizes, measure_device_profile
from autoai4eo.errors import UserError
from autoai4eo.files import scratch_folder
from autoai4eo.search.space.drawing import draw, network_of
from autoai4eo.search.trials.instruments import instrument_for
from autoai4eo.tasks.auto_model import AutoModel


def profile_device(
    model: AutoModel,
    x: Any,
    y: Any = None,
    *,
    sizes: Sizes | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> DeviceProfile:
    """Measures what predicts the latency of the networks that a model searches.

    Measures on the model's ``device``, or on this machine, in its ``runtime``,
    ``precision`` and ``threads``, at its ``latency_batch_size``. Nothing is trained.

    Example:
        >>> model = ae.ImageClassifier(device="http://127.0.0.1:8642")
        >>> ae.profile_device(model, "training.h5").write(Path("nano.json"))
        >>> ae.ImageClassifier(device_profile="nano.json").fit("training.h5")

    Args:
        model: what searches.
        x, y: its training data, as for `AutoModel.fit`.
        sizes: how much is measured; None: 60 single layers, 40 networks, and 50 to
            judge the predictions on.
        tell: takes a line on the progress.

    Raises:
        UserError: the data, the runtime or the device cannot be used, or the search
            space is too small.
    """
    if model.settings.device_profile is not None or model.settings.map_step is not None:
        raise UserError(
            "profile_device: expected a model that measures latency, found one with "
            "device_profile or map_step; leave it out"
        )
    sizes = sizes or Sizes()
    graph, _ = model.search_space(x, y)
    # all, before anything is measured: the search space may be too small
    drawn = [values for values, _ in draw(graph, sizes.networks + sizes.held_out)]
    with scratch_folder() as folder:
        # no patches: single layers have other inputs than the data
        instrument = instrument_for(model.settings, {}, folder, None, tell)
        return measure_device_profile(
            (network_of(graph, values) for values in drawn),
            instrument,
            sizes,
            model.settings.latency_batch_size,
            tell,
        )


def so2sat_patches() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Random numbers in the shape of So2Sat LCZ42, and its labels, to measure with."""
    labels = np.arange(2 * len(LCZ42_CLASSES)) % len(LCZ42_CLASSES)
    rng = np.random.default_rng(0)
    pixels = {
        name: rng.random((len(labels), SIZE, SIZE, bands), "float32")
        for name, bands in (("sen1", 8), ("sen2", 10))
    }
    return pixels, labels
