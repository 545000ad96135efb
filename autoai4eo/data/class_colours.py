"""The colours of classes in maps and pictures."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Mapping, Sequence

from autoai4eo.data.lcz42 import LCZ42_CLASSES, LCZ42_COLOURS

Rgb = tuple[int, int, int]

#: Usual hue, saturation and brightness by words for a kind of land.
_EXPECTED = {
    ("wetland", "marsh", "bog", "mangrove"): (0.52, 0.45, 0.70),
    ("water", "sea", "lake", "river"): (0.58, 0.70, 0.85),
    ("forest", "tree", "wood"): (0.36, 0.80, 0.55),
    ("shrub", "bush", "scrub", "heath"): (0.20, 0.55, 0.60),
    ("grass", "pasture", "herb", "meadow"): (0.26, 0.45, 0.85),
    ("crop", "arable", "agri", "vine", "orchard"): (0.14, 0.50, 0.95),
    ("artificial", "urban", "resid", "industr", "built", "highway"): (0.0, 0.70, 0.85),
    ("bare", "rock", "sand", "soil"): (0.09, 0.20, 0.80),
    ("snow", "ice", "glacier"): (0.55, 0.08, 0.98),
}
#: Of two classes without a known word, such as unburned and burned: grey and purple
#: suggest neither water nor fire, and differ in brightness for everyone.
_NEUTRAL: tuple[Rgb, Rgb] = (203, 203, 203), (106, 81, 163)


def hex_of(colour: Rgb) -> str:
    """Returns a colour such as ``"#1f78b4"``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def rgb_of(text: str) -> Rgb:
    """Returns red, green and blue of six hexadecimal digits, maybe with a ``#``.

    Raises:
        ValueError: these are none.
    """
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def given_colours(classes: Sequence[str], told: Mapping[str, str]) -> dict[str, Rgb]:
    """Returns the colours of classes as told, by name; {} unless all have one."""
    found = {name: rgb_of(told[name]) for name in classes if name in told}
    return found if len(found) == len(classes) else {}


def colours(
    classes: Sequence[str], known: Mapping[str, Rgb] | None = None
) -> list[Rgb]:
    """Returns a colour for each class: the usual one of a climate zone or land cover.

    Classes of the same kind of land get shades of its colour. A name without a known
    word gets a colour that differs from its neighbours'. Two classes without a known
    word are grey and purple.

    Args:
        classes: their names.
        known: colours that the training data give their classes, by name; those of all
            classes, or of none.
    """
    if known:
        return [known[name] for name in classes]
    if tuple(classes) == LCZ42_CLASSES:
        return list(LCZ42_COLOURS)
    usual = [_usual(name) for name in classes]
    if len(classes) == 2 and not any(usual):
        return list(_NEUTRAL)
    seen: Counter[tuple[float, ...]] = Counter()
    made = []
    for i, of_kind in enumerate(usual):
        # the golden ratio keeps any number of hues apart
        other = (i * 0.618 % 1, 0.55, 0.85 if i % 2 else 0.6)
        hue, saturation, value = of_kind or other
        shade = seen[hue, saturation, value]
        seen[hue, saturation, value] += 1
        rgb = colorsys.hsv_to_rgb(
            (hue + 0.025 * shade) % 1,
            saturation * 0.75**shade,
            1 - (1 - value) * 0.8**shade,
        )
        made.append(tuple(round(255 * part) for part in rgb))
    return made  # type: ignore[return-value]


def _usual(name: str) -> tuple[float, float, float] | None:
    """Returns hue, saturation and brightness of the first known word in a name."""
    for words, colour in _EXPECTED.items():
        if any(word in name.lower() for word in words):
            return colour
    return None
