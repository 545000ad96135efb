"""Whatever WUDAPT's areas call a local climate zone, it is that zone."""

import pytest

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.lcz_names import lcz_number


@pytest.mark.parametrize("number", range(17))
def test_every_way_of_writing_a_zone(number):
    """Users rely on: numbers, letters, 101 to 107, 11 to 17, names, in any case."""
    code, _, words = LCZ42_CLASSES[number].partition(" ")
    ways = [
        *(code, code.lower(), f"LCZ {code}", f"lcz_{code}", f"LCZ{code}", f" {code} "),
        *(words, words.upper(), words.title(), words.replace("-", " ")),
        *(f"{code} {words}", f"LCZ {code}: {words.title()}", f"LCZ {code} (north)"),
        *(words.replace("-", ""), str(number + 1), f"{number + 1}.0"),
    ]
    if number >= 10:
        ways += [str(101 + number - 10), f"LCZ {101 + number - 10}"]
    assert {way: lcz_number(way) for way in ways} == dict.fromkeys(ways, number)


@pytest.mark.parametrize(
    "name",
    ["", "0", "18", "100", "108", "H", "forest", "1 forest", "A field", "-1", "1.5"],
)
def test_other_names_are_no_zone(name):
    assert lcz_number(name) is None
