"""Sensors and their bands: a catalogue of small frozen records.

Wavelengths are the centres of Sentinel-2A's bands in nanometres (ESA, Sentinel-2
spectral response functions). The quantity of a band is what a pixel measures, so that
the real or imaginary part of a radar signal is never taken for decibels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from autoai4eo.errors import UserError

QUANTITIES = (
    "reflectance",  # top or bottom of atmosphere; its scale: autoai4eo.data.quantities
    "complex",  # real or imaginary part of a radar signal (amplitude)
    "intensity",  # radar power, linear
    "covariance",  # real or imaginary part of a product of two radar signals (power)
    "decibel",  # radar power, 10 log10
    "colour",  # a display colour, 0 to 255
    "unknown",
)


@dataclass(frozen=True)
class Band:
    """One band: its name, its centre wavelength in nm or None, and its quantity.

    ``quantity`` is one of ``QUANTITIES``.
    """

    name: str
    wavelength: float | None
    quantity: str


@dataclass(frozen=True)
class Sensor:
    """A sensor, or one product of it, with its bands in their usual order."""

    name: str
    bands: tuple[Band, ...]

    def pick(self, *names: str) -> tuple[Band, ...]:
        """Returns the bands called ``names``, in that order."""
        by_name = {band.name: band for band in self.bands}
        return tuple(by_name[canonical(name)] for name in names)


SENTINEL2 = Sensor(
    "Sentinel-2",
    tuple(
        Band(name, wavelength, "reflectance")
        for name, wavelength in {
            "B01": 442.7,
            "B02": 492.4,
            "B03": 559.8,
            "B04": 664.6,
            "B05": 704.1,
            "B06": 740.5,
            "B07": 782.8,
            "B08": 832.8,
            "B8A": 864.7,
            "B09": 945.1,
            "B10": 1373.5,
            "B11": 1613.7,
            "B12": 2202.4,
        }.items()
    ),
)

# Zhu et al. 2020, So2Sat LCZ42, doi:10.1109/MGRS.2020.2964708, table of sen1.
SENTINEL1_SO2SAT = Sensor(
    "Sentinel-1 (So2Sat)",
    (
        Band("VH_real", None, "complex"),
        Band("VH_imag", None, "complex"),
        Band("VV_real", None, "complex"),
        Band("VV_imag", None, "complex"),
        Band("VH_intensity", None, "intensity"),
        Band("VV_intensity", None, "intensity"),
        Band("C12_real", None, "covariance"),
        Band("C12_imag", None, "covariance"),
    ),
)

SENTINEL1_DB = Sensor(
    "Sentinel-1 (dB)",
    (Band("VV", None, "decibel"), Band("VH", None, "decibel")),
)

RGB = Sensor(
    "RGB",
    (
        Band("R", 665.0, "colour"),
        Band("G", 560.0, "colour"),
        Band("B", 490.0, "colour"),
    ),
)

CATALOGUE: dict[str, Sensor] = {
    sensor.name: sensor for sensor in (SENTINEL2, SENTINEL1_SO2SAT, SENTINEL1_DB, RGB)
}

UNKNOWN_SENSOR = "unknown"
MOST_BANDS = 100_000

_BY_FOLDED_NAME = {
    band.name.casefold(): band for s in CATALOGUE.values() for band in s.bands
}
_NUMBERED = re.compile(r"b0*(\d{1,2})(a?)", re.IGNORECASE)


def canonical(name: str) -> str:
    """Returns the standard name of a band: ``B01`` for ``b1``, ``VV`` for `` vv ``.

    Returns a name that is not in the catalogue without the blanks around it.
    """
    name = name.strip()
    if match := _NUMBERED.fullmatch(name):
        number, letter = int(match[1]), match[2].upper()
        return f"B{number}{letter}" if letter else f"B{number:02d}"
    known = _BY_FOLDED_NAME.get(name.casefold())
    return known.name if known else name


def band(name: str, sensor: str | None = None) -> Band:
    """Returns the catalogue's band of this name, of ``sensor`` if given.

    For an unknown name, returns a band of unknown wavelength and quantity.
    """
    name = canonical(name)
    sensors = [CATALOGUE[sensor]] if sensor in CATALOGUE else CATALOGUE.values()
    for candidate in sensors:
        for known in candidate.bands:
            if known.name == name:
                return known
    return Band(name, None, "unknown")


def sensor_of(bands: tuple[Band, ...]) -> str:
    """Returns the name of the sensor that has all these bands, else ``"unknown"``."""
    names = {band.name for band in bands}
    for sensor in CATALOGUE.values():
        if names <= {band.name for band in sensor.bands}:
            return sensor.name
    return UNKNOWN_SENSOR


def unknown_bands(count: int) -> tuple[Band, ...]:
    """Returns ``count`` bands of unknown quantity: ``band1``, ``band2``, ….

    Raises:
        UserError: ``count`` is larger than any sensor's.
    """
    if count > MOST_BANDS:
        raise UserError(
            f"expected at most {MOST_BANDS:,} bands, found {count:,}; the order of an "
            "array is (N, height, width, bands)"
        )
    return tuple(Band(f"band{i}", None, "unknown") for i in range(1, count + 1))
