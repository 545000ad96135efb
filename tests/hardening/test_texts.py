"""Names and messages that attack the place where they are written.

Class names, bands, paths and messages come from files of others. Wherever they are told
they are text: no terminal obeys them, no table breaks, no formula runs.
"""

import json
import re
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from markdown_it import MarkdownIt
from PIL import Image

#: Each of them alone did harm in one of the places.
EVIL = [
    "red \x1b[31m\x1b]0;title\x07",
    "eight bits \x9b31m",
    "over\u202etxt.exe\u2066",
    "zero\u200bwidth\ufeff",
    "half \udcff",
    "two\nlines\r\u2028three",
    "| a | cell |",
    "</td><script>alert(1)</script>",
    "[link](http://evil.org) ![](http://evil.org/i.png) http://evil.org",
    "```\n# heading",
    "=HYPERLINK(1)",
    "$x_1$ _a_ *b* ~~c~~",
]
# as names of folders, which have no slash; what is not UTF-8 is refused there
NAMES = [name.replace("/", "∕") for name in EVIL if "\udcff" not in name]


def unseen(text, but="\n"):
    """Characters that a terminal obeys, or that hide or turn around."""
    return {
        c
        for c in text
        if c not in but and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of images whose classes are called like that."""
    folder = tmp_path_factory.mktemp("images")
    for i, name in enumerate(NAMES):
        (folder / name).mkdir()
        for j in range(2):
            pixels = np.random.default_rng(2 * i + j).integers(0, 255, (8, 8, 3))
            Image.fromarray(pixels.astype("uint8")).save(folder / name / f"{j}.png")
    return folder


def test_inspect_prints_them_as_text(run, images, tmp_path):
    result = run("inspect", images, "--png", tmp_path / "a.png")
    assert not unseen(result.out) and not unseen(result.err)
    for shown in ("\\x1b[31m", "\\x9b31m", "\\u202e", "\\u200b", "two\\nlines"):
        assert shown in result.out
    assert (tmp_path / "a.png").exists()


def trials():
    """A table of trials as that of a foreign run may be."""
    number = len(EVIL)
    return pd.DataFrame(
        {
            "trial": range(number),
            "status": "failed",
            "val_cohen_kappa": np.linspace(-1, 1, number),
            "macs": np.arange(number) + 4_489_920,
            "message": EVIL,
            "=block/=choice": [f"-{name}" for name in EVIL],
            "block/rate": [-0.5] * number,
        }
    )


@pytest.fixture
def foreign(monkeypatch):
    """Whatever run is opened has those trials."""
    study = SimpleNamespace(user_attrs={"objectives": ["val_cohen_kappa"]})
    monkeypatch.setattr("autoai4eo.runs.study.open_study", lambda run: study)
    monkeypatch.setattr("autoai4eo.runs.study.trials_table", lambda *_: trials())


def test_trials_are_printed_as_text(run, foreign):
    result = run("trials", "a\x1b[31mrun")
    assert result.status == 0 and not unseen(result.out)
    rows = [row for row in result.out.splitlines() if row.startswith("│")]
    assert len(rows) == len(EVIL)


def test_trials_as_csv_hold_no_formula_and_the_same_numbers(run, foreign, tmp_path):
    out = tmp_path / "a.csv"
    assert run("trials", "run", "--csv", out).status == 0
    text = out.read_text("utf-8")
    assert not unseen(text) and len(text.splitlines()) == 1 + len(EVIL)
    found, known = pd.read_csv(out), trials()
    for name in ("trial", "val_cohen_kappa", "macs", "block/rate"):
        pd.testing.assert_series_equal(found[name], known[name], check_exact=True)
    words = [*found.columns, *found["message"], *found["'=block/=choice"]]
    assert not [word for word in words if word[0] in "=+-@\t\r"]


def test_trials_as_json_are_data(run, foreign, tmp_path):
    result = run("trials", "run", "--json")
    assert result.status == 0 and not unseen(result.out)
    found = json.loads(result.out)
    assert [trial["message"] for trial in found] == EVIL
    assert [trial["block/rate"] for trial in found] == [-0.5] * len(EVIL)


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_an_error_and_a_log_are_one_line(run, capfd, name):
    from autoai4eo.log import say

    result = run("trials", f"no {name}")
    assert result.status == 2 and result.err.count("\n") == 1
    assert not unseen(result.err)
    say(name)
    said = capfd.readouterr().out
    assert said.count("\n") == 1 and not unseen(said)


def item(name):
    """What a model card is made from, with a name in every place."""
    input = {"name": name, "bands": [name, name], "input": {"shape": [-1, 8, 8, 2]}}
    figures = {"p2": [0.0, -1.0], "mean": [1.0, -0.5], "p98": [2.0, 0.0]}
    asset = {
        "title": name,
        "mlm:framework": name,
        "mlm:framework_version": name,
        "autoai4eo:format": "onnx",
        "autoai4eo:size_bytes": 4_489_920,
        "autoai4eo:latency": {"milliseconds": 0.5, "device": name},
        "autoai4eo:max_difference": 1e-7,
        "autoai4eo:checked_on": name,
        "autoai4eo:accuracy": {"not_measured": name},
    }
    properties = {
        "title": name,
        "created": "2026-11-26T01:00:00+00:00",
        "mlm:total_parameters": 1_234,
        "mlm:input": [{**input, "autoai4eo:statistics": figures}],
        "mlm:output": [
            {
                "classification:classes": [{"name": name}, {"name": "b"}],
                "result": {"shape": [-1, 2], "dim_order": ["batch", "class"]},
            }
        ],
        "autoai4eo:training_data": {
            "name": name,
            "samples": 1_000,
            "fingerprint": name,
            "sensors": {name: name},
        },
        "autoai4eo:trained_on": "training",
        "autoai4eo:epochs": 2,
        "autoai4eo:level": name,
        "autoai4eo:macs": 4_489_920,
        "autoai4eo:flops": 9_000_000,
        "autoai4eo:latency": {
            "milliseconds": 0.5,
            "batch_size": 1,
            "device": name,
        },
        "autoai4eo:metrics": {
            "on": name,
            "of": name,
            "accuracy": {"value": -0.5, "interval_95": [-0.6, 0.4]},
            "two_figures": name,
            "resampled_by": name,
            "absent_classes": [name],
        },
    }
    return {"properties": properties, "assets": {name: asset}}


def shape(tokens):
    """The blocks of a page, without what is said in them."""
    return [token.type for token in tokens]


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_a_model_card_has_the_same_shape_whatever_the_names(name):
    from autoai4eo.deploy.export import card

    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    plain = reader.parse(card.render(item("plain")))
    text = card.render(item(name))
    assert not unseen(text)
    found = reader.parse(text)
    assert shape(found) == shape(plain)
    inside = {child.type for token in found for child in token.children or ()}
    assert inside <= {"text", "text_special", "code_inline", "softbreak"}
    shown = "".join(c.content for t in found for c in t.children or ())
    assert "4,489,920" in shown and "-0.600 to 0.400" in shown
    script = next(token.content for token in found if token.type == "fence")
    compile(script, "the code of the card", "exec")


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_class_names_have_a_line_each(name, tmp_path, monkeypatch):
    from autoai4eo.deploy.export.formats import savedmodel

    monkeypatch.setattr(
        savedmodel, "write_signature", lambda m, out, output: out.mkdir()
    )
    data = {"classes": ["first", name, "last"], "inputs": []}
    savedmodel.SavedModel().write(None, tmp_path / "m", data, None, None)
    text = (tmp_path / "m" / "assets" / "class_names.txt").read_text("utf-8")
    assert text.splitlines()[::2] == ["first", "last"] and text.count("\n") == 3
    assert not unseen(text)


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_pages_and_notebooks_show_them_as_text(name):
    from autoai4eo.report import charts
    from autoai4eo.report.comparison import _table
    from autoai4eo.report.rendering import render

    axes = charts.chart(name, name)
    axes.plot([0.5], [0.5], "o", gid=charts.mark_of(1))
    made = [
        render("notebook.html", path=Path(name), run=None),
        str(charts.svg(axes, name, {1: name})),
        str(_table(pd.DataFrame({name: [name]}))),
    ]
    for page in made:
        assert not unseen(page) and "<script" not in page
        assert not re.search(r"<(?!/?(div|b|code|svg|g|path|text|title|t))", page)


PLACE = {"crs": "EPSG:32630", "transform": Affine(10, 0, 3e5, 0, -10, 42e5)}


@pytest.mark.parametrize("name", EVIL, ids=ascii)
def test_pictures_draw_them_as_text(name, tmp_path):
    from autoai4eo.deploy.mapping.figure import Figure
    from autoai4eo.deploy.mapping.products import MadeMap

    for stem, dtype in (("map", "uint8"), ("confidence", "float32")):
        size = {"width": 4, "height": 4, "count": 1, "dtype": dtype}
        with rasterio.open(tmp_path / f"{stem}.tif", "w", **PLACE, **size) as file:
            file.write(np.ones((1, 4, 4), dtype))
    made = MadeMap(tmp_path / "map.tif", tmp_path / "confidence.tif", ("_" + name,))
    # what has no glyph would be a warning, and half a character no picture
    out = tmp_path / "a.png"
    Figure(out).write(made, out)
    assert out.stat().st_size > 0
