"""Text of others (names, paths, messages), made safe for the place where it stands.

One function a place: `line` for terminals, logs, pages and pictures, `markdown` and
`cell` (CSV) for files of these kinds. HTML is escaped by the templates. No character is
dropped: one that would do harm there is written as an escape, such as ``\\x1b``.
"""

from __future__ import annotations

import re
import unicodedata

# Control characters, halves of characters, ends of lines, and what is not seen but
# turns the writing around or hides (bidi overrides, zero-width characters).
_SPELLED_OUT = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
# Fillers that count as letters or marks, and selectors of variants that no emoji needs.
_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0d"
    "\U000e0100-\U000e01ef]"
)
# What Markdown reads as its own, GitHub's kind as well: tables, links without brackets,
# mentions, mathematics; at the beginning headings, rules and lists.
_MARKS = re.compile(r"[\\`*_\[\]<>|~&$#@]|:(?=[^\s\d])|(?<=www)\.|^[-+=]", re.I)
_ITEM = re.compile(r"^(\d+)([.)])(?=\s|$)")
_NUMBER = re.compile(r"[-+]?(\d[\d_,]*\.?\d*|\.\d+)(e[-+]?\d+)?|[-+](inf|nan)", re.I)
# Also the wide forms, which spreadsheets set to Chinese or Japanese take for the same.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]")


def line(text: str) -> str:
    """Text in one line, for terminals, logs, pages and pictures.

    Control characters, ends of lines and what is not seen are shown, not obeyed: as
    Python writes them, such as ``\\x1b``.
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
    """Text in a line or a table's cell of Markdown that reads as it is, marks and all.

    Spaces around it are left out.
    """
    marked = _MARKS.sub(r"\\\g<0>", line(text).strip())
    return _ITEM.sub(r"\1\\\2", marked)


def cell(text: str) -> str:
    """Text in a cell of CSV, which a spreadsheet does not take for a formula.

    What begins like one gets an apostrophe, as spreadsheets mark text; numbers do not.
    """
    plain = line(text)
    formula = _FORMULA.match(plain) and not _NUMBER.fullmatch(plain.strip())
    return f"'{plain}" if formula else plain
