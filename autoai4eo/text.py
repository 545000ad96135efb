"""Makes foreign text (names, paths, messages) safe for the place where it is shown.

One function for each place: `line` for terminals, logs, pages and pictures, `markdown`
and `cell` (CSV) for files of these kinds. The templates escape HTML. No character is
dropped; a harmful one is written as an escape, such as ``\\x1b``.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

# Control characters, halves of characters, ends of lines, and invisible characters
# that reverse or hide text (bidi overrides, zero-width characters).
_SPELLED_OUT = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
# Fillers that count as letters or marks, and selectors of variants that no emoji needs.
_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0d"
    "\U000e0100-\U000e01ef]"
)
# Markup of Markdown, GitHub's included: tables, links without brackets, mentions,
# mathematics; at the beginning of a line headings, rules and lists.
_MARKS = re.compile(r"[\\`*_\[\]<>|~&$#@]|:(?=[^\s\d])|(?<=www)\.|^[-+=]", re.I)
_ITEM = re.compile(r"^(\d+)([.)])(?=\s|$)")
_NUMBER = re.compile(r"[-+]?(\d[\d_,]*\.?\d*|\.\d+)(e[-+]?\d+)?|[-+](inf|nan)", re.I)
# With the wide forms, which Chinese and Japanese spreadsheets treat the same.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")


def line(text: str) -> str:
    """Returns text in one line, for terminals, logs, pages and pictures.

    Control characters, ends of lines and invisible characters become Python escapes,
    such as ``\\x1b``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in _SPELLED_OUT or _HIDDEN.match(c)
        else c
        for c in text
    )


def markdown(text: str) -> str:
    """Returns text for a line or table cell of Markdown, which shows it unchanged.

    Spaces around it are removed.
    """
    marked = _MARKS.sub(r"\\\g<0>", line(text).strip())
    return _ITEM.sub(r"\1\\\2", marked)


def counted(number: int, noun: str) -> str:
    """Returns a number of things, such as ``"24 cities"``."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Returns the plural of a regular English noun."""
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy", "uy")):
        return f"{noun[:-1]}ies"
    hisses = noun.endswith(("s", "x", "ch", "sh")) and not noun.endswith("och")
    return f"{noun}es" if hisses else f"{noun}s"


def listed(names: Iterable[str]) -> str:
    """Returns names in a row; with semicolons where one of them has a comma."""
    every = list(names)
    return ("; " if any("," in name for name in every) else ", ").join(every)


def with_nearest(name: str, known: Iterable[str]) -> str:
    """Returns a wrong name, with the known one that the user may have meant."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), list(folded), 1)
    return f"{name} (did you mean {folded[near[0]]}?)" if near else name


def cell(text: str) -> str:
    """Returns text for a cell of CSV that no spreadsheet reads as a formula.

    Text that begins like a formula gets an apostrophe, which marks text in
    spreadsheets; numbers get none.
    """
    plain = line(text)
    formula = _FORMULA.match(plain) and not _NUMBER.fullmatch(plain.strip())
    return f"'{plain}" if formula else plain
