"""Bands are known by any of their names."""

import pytest

from autoai4eo.data.lcz42 import LCZ42_CLASSES, LCZ42_SEN1_BANDS, LCZ42_SEN2_BANDS
from autoai4eo.data.sensors import (
    CATALOGUE,
    QUANTITIES,
    Band,
    band,
    canonical,
    sensor_of,
    unknown_bands,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("B1", "B01"),
        ("b01", "B01"),
        ("B12", "B12"),
        ("b8a", "B8A"),
        ("B08A", "B8A"),
        (" VV ", "VV"),
        ("vh_REAL", "VH_real"),
        ("r", "R"),
        ("band3", "band3"),
        ("NIR ", "NIR"),
    ],
)
def test_canonical(name, expected):
    assert canonical(name) == expected
    assert canonical(canonical(name)) == expected


def test_band_of_the_catalogue_and_unknown():
    assert band("b4") == Band("B04", 664.6, "reflectance")
    assert band("VV", "Sentinel-1 (dB)").quantity == "decibel"
    assert band("B04", "RGB") == Band("B04", None, "unknown")
    assert band("height") == Band("height", None, "unknown")


def test_catalogue_is_sound():
    for sensor in CATALOGUE.values():
        names = [b.name for b in sensor.bands]
        assert len(set(names)) == len(names)
        for b in sensor.bands:
            assert canonical(b.name) == b.name
            assert b.quantity in QUANTITIES
        assert sensor_of(sensor.bands) == sensor.name


def test_so2sat_layout():
    assert len(LCZ42_CLASSES) == 17
    names = [b.name for b in LCZ42_SEN2_BANDS]
    assert names == [
        "B02",
        "B03",
        "B04",
        "B05",
        "B06",
        "B07",
        "B08",
        "B8A",
        "B11",
        "B12",
    ]
    quantities = [b.quantity for b in LCZ42_SEN1_BANDS]
    assert quantities == ["complex"] * 4 + ["intensity"] * 2 + ["covariance"] * 2


def test_sensor_of_unknown_bands():
    assert sensor_of(unknown_bands(2)) == "unknown"
    assert [b.name for b in unknown_bands(2)] == ["band1", "band2"]
