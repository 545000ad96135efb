"""Names in pictures are no mathematics."""

import pandas as pd
import pytest
from matplotlib.text import Text

from autoai4eo.report import comparison

DOLLARS = r"$\frac$ and a"


@pytest.fixture
def drawn(monkeypatch):
    """All texts that were laid out as they are."""
    found = set()
    layout = Text._preprocess_math

    def seen(self, words):
        text, how = layout(self, words)
        if how is False:
            found.add(text)
        return text, how

    monkeypatch.setattr(Text, "_preprocess_math", seen)
    return found


def test_a_column_of_a_table(drawn):
    names = ["hv_q25", "hv_median", "hv_q75"]
    names += [f"{DOLLARS}_{part}" for part in ("q25", "median", "q75")]
    curves = pd.DataFrame([[0.1] * 6, [0.2] * 6], columns=names)
    curves = curves.assign(strategy="random", n=[1, 2])
    shown = {"hv": "hypervolume", DOLLARS: f"best {DOLLARS}"}
    assert comparison.plot(curves, shown).startswith(b"\x89PNG")
    assert f"best {DOLLARS}" in drawn
