"""The pixels of masks by which ensembles are selected."""

import keras
import masks
import numpy as np
import pytest

from autoai4eo.learning.registry import task_of
from autoai4eo.search.ensembles import pixels
from autoai4eo.search.ensembles.pixels import PixelSample


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3), name="sen2")
    return keras.Model(
        {"sen2": image}, keras.layers.Conv2D(3, 3, padding="same")(image)
    )


@pytest.mark.parametrize("parts", [1, 5])
@pytest.mark.parametrize("number", [50, 10_000])
def test_outputs_are_those_of_the_pixels(monkeypatch, network, number, parts):
    monkeypatch.setattr(pixels, "PIXELS", number)
    monkeypatch.setattr(
        "autoai4eo.learning.lazy_outputs._BYTES", 4 * 16 * 16 * 3 * parts
    )
    data = masks.dataset(masks.random_masks(n=12, unknown=0.3))
    truth = data.read_targets(np.arange(12)).ravel()
    sample = PixelSample.of(data)
    assert len(sample.numbers) == min(number, (truth >= 0).sum())
    assert (np.diff(sample.numbers) > 0).all()
    np.testing.assert_array_equal(sample.targets[:, 0, 0], truth[sample.numbers])
    assert (sample.targets >= 0).all()
    every = network.predict(data.read(np.arange(12)), verbose=0)
    np.testing.assert_allclose(
        sample.outputs(network, 4)[:, 0, 0],
        every.reshape(-1, 3)[sample.numbers],
        atol=1e-5,
    )
    # metrics of the task take them as masks of one pixel
    task = task_of(data.target)
    for metric in task.keras_metrics(sample.targets):
        metric.update_state(task.encode(sample.targets), task.encode(sample.targets))
        assert float(metric.result()) == pytest.approx(1)
