"""Samples a few small windows of a scene: values, units and missing pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autoai4eo.data.scenes.fill import (
    OF,
    PLACES,
    Fill,
    fill_notes,
    find_fill,
    has_black_edge,
    windows,
    zeros_are_values,
)
from autoai4eo.data.scenes.stored_bands import StoredBands
from autoai4eo.data.sensors import band

Units = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Sample:
    """What 16 small windows of a scene hold.

    Attributes:
        raw: by band, values as they are stored, (n,), finite, without `fill`.
        read: the same with scale and offset.
        zero: by band, the share of pixels, 0 to 1, that have no data because they are
            0.
        unusable: by band, the share that SCL or QA60 leaves out.
        clouds: the share of pixels that SCL or QA60 calls cloud or snow.
        missing: by band, the share that has no data for another reason: nodata, a mask,
            or outside of its file.
        fill: for bands with a value that is probably fill and not declared, this value
            and its share.
        black: the share of pixels that are 0 in all bands in which 0 is a value, if an
            edge of the scene is.
    """

    raw: Mapping[str, np.ndarray]
    read: Mapping[str, np.ndarray]
    zero: Mapping[str, float]
    unusable: Mapping[str, float]
    clouds: float
    missing: Mapping[str, float]
    fill: Mapping[str, Fill]
    black: float


def sample(bands: StoredBands, names: Sequence[str], units: Units) -> Sample:
    """The values of some bands in 16 small windows, evenly spread.

    Args:
        bands: of a scene.
        names: of those that are wanted.
        units: by band, scale and offset that are applied.
    """
    raw: dict[str, list[np.ndarray]] = {name: [] for name in names}
    zero, bad = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    cloudy, gone = 0.0, dict.fromkeys(names, 0.0)
    colours, black, has_edge = zeros_are_values(names), 0.0, False
    for window in windows(bands.grid):
        values, zeros = bands.stored(names, window)
        without, clouds = bands.quality_masks(window)
        cloudy += float((clouds & ~without).mean()) / PLACES**2
        without |= clouds & bands.mask_clouds
        if colours:
            dark = np.all([values[name] == 0 for name in colours], axis=0)
            black += float(dark.mean()) / PLACES**2
            has_edge |= has_black_edge(dark, window, bands.grid)
        for name, one in values.items():
            zero[name] += float(zeros[name].mean()) / PLACES**2
            there = ~np.isnan(one)
            gone[name] += float((~there & ~zeros[name]).mean()) / PLACES**2
            if band(name).quantity == "reflectance":
                bad[name] += float((there & without).mean()) / PLACES**2
                there &= ~without
            raw[name].append(one[there])
    merged = {name: np.concatenate(kept) for name, kept in raw.items()}
    fill = find_fill(bands, names, merged)
    for name, (value, _) in fill.items():
        merged[name] = merged[name][merged[name] != np.float32(value)]
    # told once: as fill, or as black
    if not has_edge or black == 1 or any(name in fill for name in colours):
        black = 0.0
    return Sample(merged, scaled(merged, units), zero, bad, cloudy, gone, fill, black)


def scaled(values: Mapping[str, np.ndarray], units: Units) -> dict[str, np.ndarray]:
    """The values of bands with their scale and offset."""
    found = {}
    for name, one in values.items():
        scale, offset = map(np.float32, units[name])
        found[name] = one if (scale, offset) == (1, 0) else one * scale + offset
    return found


def notes(scene: str, sample: Sample, bands: StoredBands) -> list[str]:
    """Sentences on what was taken for nodata, and on what may be fill.

    Args:
        scene: its name.
        sample: of the bands that are read.
        bands: of the scene.
    """
    found = []
    by = " and ".join(bands.quality)
    for shares, text in (
        (sample.zero, "0 is taken for nodata, which is not declared, in"),
        (sample.unusable, f"masked by {by}:"),
    ):
        each = _each(shares)
        if each:
            found.append(f"{scene}: {text} {each} {OF}")
    least = min(sample.missing.values(), default=0.0)
    each = ", ".join(
        f"{n} {share:.1%}" for n, share in sample.missing.items() if share > least
    )
    if each:
        found.append(
            f"{scene}: no data where other bands have some, in {each} {OF}; the "
            "band's median is taken there"
        )
    if sample.clouds and not bands.mask_clouds:
        found.append(
            f"{scene}: {by} call {sample.clouds:.1%} {OF} cloud or snow, and they "
            "are mapped as the rest is; --mask-clouds leaves them out"
        )
    return found + fill_notes(scene, bands, sample.fill, sample.black)


def _each(shares: Mapping[str, float]) -> str:
    """Bands with their shares, equal ones once."""
    texts = {name: f"{share:.1%}" for name, share in shares.items() if share}
    if len(texts) == len(shares) > 1 and len(set(texts.values())) == 1:
        return f"all bands {next(iter(texts.values()))}"
    return ", ".join(f"{name} {text}" for name, text in texts.items())
