"""Colours of classes in maps and pictures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.data.class_colours import colours, hex_of, rgb_of
from autoai4eo.deploy.export.signature import described_output
from autoai4eo.deploy.predictors.description import read_description, target_told
from autoai4eo.files import write_json

CLASSES = ["water", "land"]
COLOURS = {"water": "#0080ff", "land": "#102030"}
DATA = {"target": "mask", "classes": CLASSES, "opened": {"colours": COLOURS}}


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_as_text(rgb):
    assert rgb_of(hex_of(rgb)) == rgb and rgb_of(hex_of(rgb)[1:].upper()) == rgb


@pytest.mark.parametrize("text", ["#12345", "#12345678", "", "red"])
def test_other_text_is_no_colour(text):
    with pytest.raises(ValueError):
        rgb_of(text)


def test_known_colours_come_before_the_usual_ones():
    known = {"land": (1, 2, 3), "water": (4, 5, 6)}
    assert colours(CLASSES, known) == [(4, 5, 6), (1, 2, 3)]
    assert colours(CLASSES, {}) == colours(CLASSES) and len(colours(CLASSES)) == 2


def test_an_export_keeps_the_colours(tmp_path):
    """As the classification extension of STAC has them: `color_hint`."""
    output = described_output(target_told(DATA), "probabilities", (8, 8))
    hints = [one["color_hint"] for one in output["classification:classes"]]
    assert hints == ["0080FF", "102030"]
    inputs = [{"name": "image", "bands": ["B02"]}]
    item = {"properties": {"mlm:input": inputs, "mlm:output": [output]}}
    write_json(tmp_path / "model.json", item)
    shapes = {"image": (None, 8, 8, 1)}
    found = read_description(tmp_path / "model.json", shapes, (8, 8, 2))
    assert found["target"].colours == {"water": (0, 128, 255), "land": (16, 32, 48)}
    without = {**DATA, "opened": {}}
    output = described_output(target_told(without), "probabilities", (8, 8))
    assert all("color_hint" not in one for one in output["classification:classes"])


@pytest.mark.parametrize("names", [("class 0", "class 1"), ("unburned", "burned")])
def test_two_classes_without_a_known_word_look_like_neither_water_nor_fire(names):
    for red, green, blue in colours(names):
        assert not red > 1.3 * blue and not blue > 2 * red and green >= 80
    assert colours(["class 0", "water"])[1] == colours(["land", "water"])[1]
