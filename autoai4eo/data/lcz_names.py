"""Reads the names and numbers by which local climate zones are called.

WUDAPT's training areas call them 1 to 10 and A to G; its maps and older tools write 101
to 107 or 11 to 17 for A to G (Bechtel et al. 2015, doi:10.3390/ijgi4010199; Demuzere et
al. 2021, doi:10.3389/fenvs.2021.637455).
"""

from __future__ import annotations

import re

from autoai4eo.data.lcz42 import LCZ42_CLASSES

_CODE = re.compile(
    r"(?P<lcz>lcz[\s_:.\-]*)?"
    r"(?P<code>\d{1,3}|[a-g])(?:\.0*)?"
    r"(?:[\s_:.,;()\-]+(?P<rest>.*))?",
    re.IGNORECASE | re.DOTALL,
)


def lcz_number(name: str) -> int | None:
    """Returns the place of a local climate zone in `LCZ42_CLASSES`, or None.

    Understands, in upper or lower case: ``1`` to ``10`` and ``A`` to ``G``; ``101`` to
    ``107`` and ``11`` to ``17`` for A to G; ``LCZ`` before them; the zone's name
    (``Compact high-rise``), alone or after number or letter.

    Args:
        name: a class name, a number or text.
    """
    text = name.strip()
    if not text:
        return None
    told = _BY_WORDS.get(_words(text))
    if told is not None:
        return told
    match = _CODE.fullmatch(text)
    if match is None:
        return None
    number = _of_code(match["code"].lower())
    rest = match["rest"]
    if number is None or not rest or match["lcz"]:
        return number
    return number if _BY_WORDS.get(_words(rest)) == number else None


def _of_code(code: str) -> int | None:
    if not code.isdecimal():
        return 10 + "abcdefg".index(code)
    number = int(code)
    if 1 <= number <= len(LCZ42_CLASSES):
        return number - 1
    return number - 91 if 101 <= number <= 107 else None


def _words(text: str) -> str:
    """Returns the letters of a zone's name: ``Compact high-rise`` as
    ``compacthighrise``."""
    words = re.findall(r"[a-z]+", text.lower())
    return "".join(word for word in words if word not in ("or", "and", "lcz"))


_BY_WORDS = {_words(name.partition(" ")[2]): i for i, name in enumerate(LCZ42_CLASSES)}
