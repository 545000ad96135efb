"""The confusion matrix: what a reader can take from it, on screen and on paper."""

import re
from html import unescape

import pytest

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.report.sections import SECTIONS
from autoai4eo.report.sections.confusion import confusion, labels

MATRIX = [[999, 1, 0], [30, 70, 0], [0, 0, 0]]


def section(classes, matrix, kind="class"):
    each = {"precision": 0.5, "recall": 0.5, "f1": 0.5, "iou": 0.3, "support": 9}
    scores = {"confusion_matrix": matrix, "per_class": dict.fromkeys(classes, each)}
    return unescape(SECTIONS[kind](scores, classes))


def test_a_cell_has_the_count_and_the_share_of_its_row():
    rows = confusion(["a", "b", "c"], MATRIX, [0, 1])
    assert [[(c["count"], c["percent"]) for c in row["cells"]] for row in rows] == [
        [("999", "100"), ("1", "<1")],
        [("30", "30"), ("70", "70")],
    ]
    assert rows[1]["cells"][0]["told"] == "b taken for a: 30"


@pytest.mark.parametrize("numbered", [1, 9, 17])
def test_what_a_name_begins_with_is_its_label_once(numbered):
    """Users rely on: "1 compact high-rise", not "1 1 compact high-rise"."""
    classes = list(LCZ42_CLASSES)
    found = labels(classes)
    assert found[0] == ("1", "compact high-rise")
    assert found[10] == ("A", "dense trees")
    n = len(classes)
    page = section(classes, [[int(i == j) for i in range(n)] for j in range(n)])
    row = re.sub(r"<[^>]*>", " ", page[page.index("<tbody>") :])
    assert re.search(r"\b1\s+compact high-rise", row)
    assert not re.search(r"\b1\s+1\s+compact", row)
    own = LCZ42_CLASSES[numbered - 1]
    assert f'title="{own}">{own.partition(" ")[0]}</th>' in page


@pytest.mark.parametrize(
    "names",
    [
        ["forest", "water"],
        ["1 forest", "water"],  # not all begin with a number
        ["1 forest", "1 water"],  # not theirs alone
        ["1", "2"],  # nothing else
        ["1st growth", "Aspen"],  # no number or letter by itself
    ],
)
def test_other_classes_are_numbered_and_keep_their_names(names):
    assert labels(names) == [("1", names[0]), ("2", names[1])]


@pytest.mark.parametrize(("kind", "starts"), [("class", "count"), ("mask", "percent")])
def test_a_switch_shows_counts_or_percent_and_says_which(kind, starts):
    page = section(["a", "b", "c"], MATRIX, kind)
    (attributes,) = re.findall(r'class="switch"><input ([^>]*)>', page)
    assert attributes.endswith("checked") == (starts == "percent")
    assert '<span class="count">999</span><span class="percent">100</span>' in page
    noun = "samples" if kind == "class" else "pixels"
    said = " ".join(page.split())
    assert f'<span class="count">Cells: the number of {noun}.' in said
    assert f'<span class="percent">Cells: percent of the {noun} of the row' in said


def test_scores_of_labels_have_labels_and_three_digits():
    each = {"f1": 4e-9, "average_precision": 0.81234, "threshold": 0.5, "support": 9}
    page = unescape(SECTIONS["labels"]({"per_class": {"water": each}}, ["water"]))
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", page)
    assert heads == ["class", "F1", "average precision", "threshold", "samples"]
    cells = re.findall(r"<td data-value[^>]*>([^<]*)</td>", page)
    assert cells == ["0.000", "0.812", "0.500", "9"]


@pytest.mark.parametrize("kind", ["class", "mask"])
def test_classes_without_names_are_called_as_everywhere(kind):
    """Users rely on: "class 5" of the scores is not 3 in the matrix."""
    names = ["class 0", "class 1", "class 5"]
    assert labels(names) == [(name, "") for name in names]
    page = section(names, MATRIX, kind)
    assert re.search(r"<th title=\"class 5\">class 5</th>", page)
    # names that only some are numbered in are none of these
    assert labels(["class 0", "water"]) == [("1", "class 0"), ("2", "water")]
