"""What a map costs: time of shared work where it can be, per square kilometre."""

import keras
import pytest
import segmenters
from keras import layers

from autoai4eo.cost import mapping, measure_map_ms_per_km2
from autoai4eo.errors import UserError
from autoai4eo.runtimes.timing import Timing


def network(padding="valid", filters=4):
    pixels = keras.Input((16, 16, 3), name="sen2")
    x = layers.Conv2D(filters, 3, padding=padding)(pixels)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pixels, layers.Dense(5, activation="softmax")(x))


@pytest.mark.parametrize(
    ("padding", "step", "km2"),
    [
        ("valid", 8, 31**2 * 0.08**2),  # 31 × 31 windows in 256 pixels
        ("valid", 100, 8**2 * 1.0),
        ("same", 8, 64 * 0.08**2),
    ],
)
def test_a_square_kilometre_is_of_10_m_pixels(monkeypatch, padding, step, km2):
    def half_a_second(run, *_):
        run()
        return Timing(500.0, 600.0, 0.0, 3)

    monkeypatch.setattr(mapping, "time_passes", half_a_second)
    found = measure_map_ms_per_km2(network(padding), step)
    assert found == pytest.approx(500 / km2)


@pytest.mark.parametrize(
    ("make", "window", "tile_km2"),
    [
        (segmenters.padded, (24, 32), 0.12 * 0.16),  # tiles overlap by half
        (segmenters.unpadded, (26, 26), 0.2 * 0.2),  # 20 of 26 pixels, side by side
    ],
)
def test_of_pixels_tiles_lie_as_map_lays_them(monkeypatch, make, window, tile_km2):
    monkeypatch.setattr(mapping, "_PIXELS_CPU", 3 * window[0] * window[1])
    monkeypatch.setattr(mapping, "device_name", lambda: "CPU")

    def half_a_second(run, *_):
        run()
        return Timing(500.0, 600.0, 0.0, 3)

    monkeypatch.setattr(mapping, "time_passes", half_a_second)
    found = measure_map_ms_per_km2(make(window))
    assert found == pytest.approx(500 / (3 * tile_km2))


@pytest.mark.timing
def test_what_can_be_shared_maps_faster():
    # 36 times fewer convolutions: whatever the machine is doing
    alone = measure_map_ms_per_km2(network("same", 16), 2, budget_s=0.3)
    assert 0 < measure_map_ms_per_km2(network("valid", 16), 2, budget_s=0.3) < alone


def test_a_step_is_a_number_of_pixels():
    with pytest.raises(UserError, match="at least 1 pixel, found 0"):
        measure_map_ms_per_km2(network(), 0)
