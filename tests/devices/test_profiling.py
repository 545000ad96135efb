"""Measuring a device profile."""

import device_profiles
import keras
import pytest

from autoai4eo.devices.prediction import LatencyModel
from autoai4eo.devices.profiling import Sizes, measure_device_profile
from autoai4eo.errors import UserError
from autoai4eo.runtimes.checking import NotConvertible


def networks():
    pixels = keras.Input((8, 8, 4), name="sen2")
    for width in range(2, 99):
        x = keras.layers.Conv2D(width, 3)(pixels)
        yield keras.Model(pixels, keras.layers.ReLU()(x))


def test_layers_networks_and_others_to_judge_by_are_measured():
    told = []
    found = measure_device_profile(
        networks(), device_profiles.RuledDevice(), Sizes(4, 10, 12), tell=told.append
    )
    assert len(found.networks) == 10 and len(found.held_out) == 12
    assert len(found.single_layers) == 4
    assert all(sum(m.layers.values()) == 1 for m in found.single_layers)
    assert found.about == device_profiles.ABOUT and found.batch_size == 1
    assert found.inputs == ((8, 8, 4),)
    assert not {m.macs for m in found.networks} & {m.macs for m in found.held_out}
    assert found.accuracy.networks == 12 and found.accuracy.spearman > 0.95
    model = LatencyModel(found.single_layers, found.networks)
    (ms,) = model.predict([found.held_out[0].layers])
    assert ms == pytest.approx(found.held_out[0].ms, rel=0.1)
    begun, *rest = told
    assert "up to 10 networks, 4 single layers and 12 held-out networks" in begun
    assert rest == ["10 networks measured", "10 held-out networks measured"]


def test_networks_that_the_device_cannot_run_are_left_out():
    class Picky(device_profiles.RuledDevice):
        def prepared(self, model, input_shapes=None):
            if model.output_shape[-1] % 2:
                raise NotConvertible("it is odd")
            return super().prepared(model, input_shapes)

    found = measure_device_profile(networks(), Picky(), Sizes(2, 10, 12))
    assert len(found.networks) == 5 and len(found.held_out) == 6

    class Useless(device_profiles.RuledDevice):
        def prepared(self, model, input_shapes=None):
            raise NotConvertible("no layer of this kind")

    with pytest.raises(UserError, match=r"found 0.* no layer of this kind"):
        measure_device_profile(networks(), Useless(), Sizes(2, 10, 12))
