"""Text of others in the places where it stands: nothing obeyed, nothing lost."""

import csv
import io
import pickle
import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from autoai4eo.errors import SearchError, UserError
from autoai4eo.learning.verdict import told_single
from autoai4eo.text import cell, counted, line, listed, markdown, with_nearest

#: What is not seen, and turns the writing around or hides.
UNSEEN = "\u202e\u2066\u200b\u200f\ufeff\u00ad\u3164\U000e0041\x9b\x1b\x07\x7f\ud800"
# all characters, and those that mean something somewhere more often
anything = st.text(st.characters(exclude_categories=()) | st.sampled_from(UNSEEN))
marked = st.text(
    st.sampled_from("a:/w.1)-=+ \\`*_[]()<>|~&$#@!\n\t\u202e") | st.characters()
)


def test_names_with_commas_can_be_told_apart():
    """Such as the local climate zone C."""
    assert listed(["A dense trees", "G water"]) == "A dense trees, G water"
    zones = ["B scattered trees", "C bush, scrub", "G water"]
    assert listed(iter(zones)) == "B scattered trees; C bush, scrub; G water"
    scores = {"single_group_classes": zones}
    assert told_single(scores).endswith("C bush, scrub; G water.")


@given(anything)
def test_a_line_is_one_line_of_what_is_seen(text):
    shown = line(text)
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs"}
    shown.encode()
    assert line(shown) == shown
    if text.isascii() and text.isprintable():
        assert shown == text


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_what_is_not_seen_is_spelled_out(character):
    shown = line(f"a{character}b")
    assert shown.isascii() and shown != f"a{character}b" and "\\" in shown


@pytest.mark.parametrize(
    "text", ["Gewässer", "住宅", "a\u00a0b", "👩", "☀️", "גן", "a[0] |x| `y`"]
)
def test_what_is_seen_stays(text):
    assert line(text) == text


@given(st.one_of(anything, marked))
def test_markdown_reads_as_the_text_is(text):
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    plain = line(text).strip()
    tokens = reader.parse(f"| a | b |\n|---|---|\n| {markdown(text)} | end |\n")
    cells = [t for t in tokens if t.type == "inline"][2:]
    assert [read(token) for token in cells] == [plain, "end"]
    if plain:
        tokens = reader.parse(markdown(text))
        assert [t.type for t in tokens] == [
            "paragraph_open",
            "inline",
            "paragraph_close",
        ]
        assert read(tokens[1]) == plain


def read(token):
    """What a reader sees of it, which holds nothing but text."""
    assert {child.type for child in token.children} <= {"text", "text_special"}
    return "".join(child.content for child in token.children)


@pytest.mark.parametrize(
    "link", ["http://a.org", "www.a.org", "mailto:a@b.c", "WWW.a.org", "@who", "a@b.c"]
)
def test_githubs_links_without_brackets_are_broken(link):
    assert markdown(link) != link and markdown(link).replace("\\", "") == link


@pytest.mark.parametrize(
    "text", ["high-rise, 10 m", "B02", "12:30", "sen2_l2a.", "0.5 to 0.7"]
)
def test_plain_text_stays_readable_in_markdown(text):
    assert markdown(text).replace("\\_", "_") == text


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"],
)
def test_a_formula_is_text_in_a_table(formula):
    assert cell(formula)[0] in "'\\"


@given(st.floats() | st.integers())
def test_a_number_stays_a_number_in_a_table(number):
    for text in (str(number), f"{number:+}", f" {number}", f"{number:,}"):
        assert cell(text) == text


@given(anything)
def test_a_cell_has_one_line_and_no_formula(text):
    (row,) = csv.reader(io.StringIO(pd.Series([text]).map(cell).to_csv(header=False)))
    assert row[1] == cell(text)
    assert not row[1].strip().startswith(("=", "@"))


@pytest.mark.parametrize("kind", [UserError, SearchError])
def test_an_error_is_one_line(kind):
    assert str(kind("class\n\x1b[31mred\u202e: expected")) == (
        "class\\n\\x1b[31mred\\u202e: expected"
    )
    assert pickle.loads(pickle.dumps(kind("plain"))).args == ("plain",)


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "city", "1 city"),
        (24, "city", "24 cities"),
        (0, "day", "0 days"),
        (2, "class", "2 classes"),
        (2, "epoch", "2 epochs"),
        (2, "branch", "2 branches"),
        (1000, "spatial_block", "1,000 spatial_blocks"),
    ],
)
def test_things_are_counted_in_english(number, noun, text):
    assert counted(number, noun) == text


def test_the_nearest_known_name_is_told():
    known = ["Water", "dense trees"]
    assert with_nearest("watr", known) == "watr (did you mean Water?)"
    assert with_nearest("WATER", known) == "WATER (did you mean Water?)"
    assert with_nearest("clouds", known) == "clouds"
