"""Advice on units: the right conversion, or none; silence where units are right."""

import h5py
import numpy as np
import pytest
import rasterio

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.unit_advice import advice
from autoai4eo.data.units import Typical, differs, other_order
from autoai4eo.data.unlike import unlike_training

LEVELS = {"B02": 0.06, "B03": 0.09, "B04": 0.08, "B08": 0.3}
OPTICAL, RADAR = tuple(LEVELS), ("VV", "VH")


def typical(values):
    return Typical(
        float(values.mean()), float(values.std()), *np.percentile(values, (2, 98))
    )


def known(values):
    return {name: typical(one) for name, one in values.items()}


@pytest.fixture(scope="module")
def shares():
    """Reflectance, 0 to 1."""
    rng = np.random.default_rng(0)
    return {n: rng.gamma(6, level / 6, 5000) for n, level in LEVELS.items()}


@pytest.fixture(scope="module")
def decibels():
    rng = np.random.default_rng(1)
    return {n: rng.normal(m, 3, 5000) for n, m in zip(RADAR, (-11, -18), strict=True)}


def each(values, of):
    return {name: of(one) for name, one in values.items()}


def told(raw, training, *, tags=None, due=False, read=None):
    return advice(raw, read or raw, known(training), tags or {}, due)


def test_right_units_are_silent(shares, decibels):
    half = {**each(shares, lambda v: v / 2), **each(decibels, lambda v: v + 3)}
    assert told(half, {**shares, **decibels}) == []
    numbers = each(shares, lambda v: np.round(v * 1e4))
    assert told(numbers, each(shares, lambda v: v * 1e4)) == []


@pytest.mark.parametrize(
    ("stored", "scale"),
    [
        (lambda v: np.round(v * 1e4), "0.0001"),
        (lambda v: np.round(v * 255), "0.00392157"),
        (lambda v: v * 100, "0.01"),
    ],
)
def test_the_scale_that_is_told_gives_reflectance(shares, stored, scale):
    (note,) = told(each(shares, stored), shares)
    assert f"fits the values: --scale {scale}" in note
    # and it does: what is made with it is as the training data were
    made = each(shares, lambda v: stored(v) * float(scale))
    for name, values in made.items():
        assert np.median(values) == pytest.approx(np.median(shares[name]), rel=0.1)


@pytest.mark.parametrize("given", [1e-3, 1e-5])
def test_a_scale_with_a_zero_too_many_or_too_few_is_told(shares, given):
    """Users rely on: one zero is no other unit, but another scale fits."""
    raw = each(shares, lambda v: np.round(v * 1e4))
    read = each(raw, lambda v: v * given)
    (note,) = told(raw, shares, read=read)
    assert "--scale 0.0001" in note
    # a landscape that is a third as dark, or three times as bright, is silent
    for times in (1 / 3, 3):
        raw = each(shares, lambda v, t=times: np.round(v * t * 1e4))
        assert told(raw, shares, read=each(raw, lambda v: v / 1e4)) == []
    # nor is a dark place of a product with an offset, which the user gave
    raw = each(shares, lambda v: np.round(v * 1200 + 1000))
    assert told(raw, shares, read=each(raw, lambda v: v / 1e4 - 0.1)) == []


@pytest.mark.parametrize(
    "stored",
    [lambda v: v * 400, lambda v: v * 30_000, lambda v: np.round((v + 0.2) / 2.75e-5)],
)
def test_no_scale_is_told_where_none_fits(shares, stored):
    (note,) = told(each(shares, stored), shares)
    assert "no usual scale or offset fits" in note and "median" in note


def test_a_sea_in_a_scene_is_no_objection_to_a_scale(shares):
    numbers = each(shares, lambda v: np.round(v * 1e4))
    for name, deep in zip(OPTICAL, (600, 400, 150, 20), strict=True):
        numbers[name] = numbers[name].copy()
        numbers[name][:3500] = deep + np.arange(3500) % 20
    (note,) = told(numbers, shares)
    assert "fits the values: --scale 0.0001" in note


def test_power_and_amplitude_are_told_apart(decibels):
    power = each(decibels, lambda v: 10 ** (v / 10))
    amplitude = each(decibels, lambda v: 10 ** (v / 20))
    (note,) = told(power, decibels)
    assert "10 · log10" in note and "20 · log10" not in note
    (note,) = told(amplitude, decibels)
    assert "20 · log10" in note and "10 · log10" not in note
    (note,) = told(each(amplitude, lambda v: v * 1000), decibels)
    assert "no usual scale or offset fits" in note
    (note,) = told(each(decibels, lambda v: np.round(v * 100)), decibels)
    assert "a hundredth of the values" in note
    (note,) = told(decibels, power)
    assert "10 to the power of a tenth" in note and "twentieth" not in note
    (note,) = told(decibels, amplitude)
    assert "10 to the power of a twentieth" in note
    # amplitude is of the size of power
    (note,) = told(amplitude, power)
    assert "the square of the values (power)" in note
    (note,) = told(power, amplitude)
    assert "the square root of the values (amplitude)" in note


def test_where_power_and_amplitude_both_fit_both_are_told(decibels):
    city = each(decibels, lambda v: 10 ** ((v + 7) / 10))
    (note,) = told(city, decibels)
    assert "two conversions fit" in note
    assert "10 · log10" in note and "20 · log10" in note


def test_one_linear_band_beside_decibels(decibels):
    mixed = {**decibels, "VH": 10 ** (decibels["VH"] / 10)}
    (note,) = told(mixed, decibels)
    assert note.startswith("values of VH (") and "10 · log10" in note


def test_the_offset_of_baseline_four_for_either_training(shares):
    later = each(shares, lambda v: np.round(v * 1e4) + 1000)
    numbers = each(shares, lambda v: v * 1e4)
    (note,) = told(later, numbers, due=True)
    assert "--scale 1 --offset -1000" in note
    (note,) = told(later, shares, due=True)
    assert "--scale 0.0001 --offset -0.1" in note
    # the training data have that offset, too
    assert told(later, later, due=True) == []
    # values spread so far that 1,000 is little
    wide = {"B08": np.linspace(1000, 12_000, 5000)}
    (note,) = told(wide, each(wide, lambda v: v - 600), due=True)
    assert "do not show" in note and "--scale 1 --offset -1000" in note


def test_bands_in_another_order_are_told(shares, decibels):
    reverse = {n: shares[m] for n, m in zip(OPTICAL, OPTICAL[::-1], strict=True)}
    (note,) = told(reverse, shares)
    assert "another order" in note
    assert "B02 is like B08, B03 is like B04, B04 is like B03, B08 is like B02" in note
    swapped = {"VV": decibels["VH"], "VH": decibels["VV"]}
    (note,) = told(swapped, decibels)
    assert "VV is like VH, VH is like VV" in note
    # a far darker or brighter landscape has the same order
    alike = dict.fromkeys(OPTICAL, shares["B02"])
    moved = {n: v[i * 100 :] for i, (n, v) in enumerate(alike.items())}
    assert not other_order(moved, known(alike))
    for factor in (0.2, 3):
        assert not other_order(each(shares, lambda v, f=factor: v * f), known(shares))


def test_bytes_of_a_picture_for_numbers_and_the_reverse(shares):
    numbers = each(shares, lambda v: np.round(v * 1e4))
    stretched = each(numbers, lambda v: np.clip(np.round(v / 3000 * 255), 0, 255))
    (note,) = told(stretched, numbers)
    assert "whole numbers up to 255" in note and "--scale" not in note
    colours = {"R": stretched["B04"] + 90, "G": stretched["B03"] + 90}
    bright = {"R": numbers["B04"], "G": numbers["B03"]}
    (note,) = told(bright, colours)
    assert "above 255" in note or "the same units" in note
    assert told(colours, colours) == []


def test_a_spread_that_differs_is_another_unit():
    wide = Typical(290.0, 5.0, 280.0, 300.0)
    assert differs(np.linspace(0, 580, 1000), wide)  # of the same median
    assert differs(np.linspace(289.99, 290.01, 1000), wide)
    assert not differs(np.linspace(270, 310, 1000), wide)
    assert not differs(np.full(1000, 290.0), wide)  # constant: another problem
    radar = Typical(-12.0, 3.0, -18.0, -6.0)
    assert differs(np.linspace(-42, 18, 1000), radar)
    assert differs(np.linspace(-12.1, -11.9, 1000), radar)
    assert not differs(np.linspace(-25, -1, 1000), radar)


def test_other_orders_are_told_of_data_sets(shares):
    x = np.stack(list(shares.values()), axis=-1).reshape(50, 10, 10, 4)
    like = {"image": tuple(known(shares).values())}
    assert unlike_training(open_dataset(x, bands=list(OPTICAL)), like) == []
    (note,) = map(
        str, unlike_training(open_dataset(x[..., ::-1], bands=list(OPTICAL)), like)
    )
    assert "another order" in note and "B02 is like B08" in note


def test_real_patches_in_the_units_of_all_are_silent_and_others_told(shared):
    with h5py.File(shared / "bigearthnet_s1s2" / "patches.h5") as file:
        radar, optical = file["sen1"][::4], file["sen2"][::4].astype(np.float32)

    def bands(s1, s2):
        values = {n: s1[..., i].ravel() for i, n in enumerate(RADAR)}
        values |= {n: s2[..., i].ravel() for i, n in enumerate(OPTICAL)}
        return {n: v[np.isfinite(v)] for n, v in values.items()}

    training, found = bands(radar, optical), []
    for s1, s2 in zip(radar, optical, strict=True):
        assert told(bands(s1, s2), training) == []
        notes = told(bands(np.sqrt(10 ** (s1 / 10)), s2 / 1e4), training)
        assert len(notes) == 2
        found += [n for n in notes if "20 · log10" in n or "--scale 10000" in n]
    assert len(found) > 40


def test_a_reversed_order_is_told_of_a_real_scene(shared):
    """Users rely on: bands without names, in the order of another tool."""
    with rasterio.open(shared / "scenes" / "Spain_7370579_S2Hand.tif") as file:
        pixels = file.read([2, 3, 4, 8, 12, 13]).reshape(6, -1)
    pixels = pixels[:, (pixels > 0).all(axis=0)] / 1e4
    names = ["B02", "B03", "B04", "B08", "B11", "B12"]
    training = known(dict(zip(names, pixels[:, ::2], strict=True)))
    right = dict(zip(names, pixels[:, 1::2], strict=True))
    assert other_order(right, training) == ""
    reverse = dict(zip(names, pixels[::-1, 1::2], strict=True))
    assert other_order(reverse, training).startswith("B02 is like B12, B03 is like B11")
    turned = dict(zip(names, np.roll(pixels[:, 1::2], 1, axis=0), strict=True))
    assert other_order(turned, training)


def test_no_order_is_told_between_real_places(shared):
    with h5py.File(shared / "bigearthnet_s1s2" / "patches.h5") as file:
        optical = file["sen2"][:, ::6, ::6].astype(np.float32).reshape(96, -1, 4)
        radar = file["sen1"][:, ::6, ::6].reshape(96, -1, 2)
    rng = np.random.default_rng(0)
    for _ in range(50):
        places = rng.permutation(96)
        number = rng.choice([1, 5, 40])
        for pixels, names in ((optical, OPTICAL), (radar, RADAR)):
            some, other = (
                dict(zip(names, pixels[rows].reshape(-1, len(names)).T, strict=True))
                for rows in (places[:number], places[number : number + 2])
            )
            assert other_order(other, known(some)) == ""
