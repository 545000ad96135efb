"""``autoai4eo nasbench surrogate``, as the documentation says."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest

from autoai4eo.nasbench.database import CHOICES, Database, Entry
from autoai4eo.nasbench.surrogates import Surrogate


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("recorded") / "t.sqlite"
    with Database.create(path, CHOICES, {}) as database:
        database.add(
            Entry(
                {"a": a, "b": b},
                {0: {"macs": 100.0 * a}, 1: {"s": a + b + rng.normal(0, 0.1)}},
                a,
                b,
            )
            for a in range(1, 7)
            for b in range(6)
        )
    return path


@pytest.fixture
def plain(monkeypatch):
    """As if neither XGBoost nor LightGBM were installed."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name in ("xgboost", "lightgbm") else found(name),
    )


@pytest.mark.slow
def test_all_models_are_compared(run, recorded, tmp_path):
    given = ("nasbench", "surrogate", recorded, "--target", "s")
    done = run(*given, "--out", tmp_path / "S", "--folds", 2)
    assert done.status == 0, done.err
    assert "left out" not in done.out
    scores = pd.read_csv(tmp_path / "S" / "validation.csv")
    expected = ["xgboost", "lightgbm", "ridge", "mean", "log_macs"]
    assert list(scores["model"]) == expected
    assert Surrogate.load(tmp_path / "S").model.name == "xgboost"


def test_a_missing_extra_is_told(run, recorded, tmp_path, plain):
    given = ("nasbench", "surrogate", recorded, "--target", "s")
    done = run(*given, "--out", tmp_path / "S", "--model", "lightgbm")
    assert done.status == 2 and 'pip install "autoai4eo[surrogates]"' in done.err


def test_a_surrogate_is_fitted_validated_and_kept(run, recorded, tmp_path, plain):
    out, table, oof = (tmp_path / name for name in ("S", "t.sqlite", "o.sqlite"))
    given = ("nasbench", "surrogate", recorded, "--target", "s", "--model", "ridge")
    extra = ("--folds", 3, "--table", table, "--sample", recorded, "--out-of-fold", oof)
    done = run(*given, "--out", out, *extra)
    assert done.status == 0, done.err
    for name in ("ridge", "mean", "log_macs"):
        assert name in done.out
    assert "xgboost, lightgbm: left out, not installed" in done.out
    assert "table: 36 networks" in done.out
    scores = pd.read_csv(out / "validation.csv").set_index("model")
    assert scores.loc["ridge", "r2"] > scores.loc["mean", "r2"] + 0.5
    assert len(pd.read_csv(out / "learning_curve.csv")) > 1
    assert Surrogate.load(out).model.name == "ridge"
    again = run(*given, "--out", out, "--folds", 3)  # replaces it
    assert again.status == 0, again.err
    figures = tmp_path / "f.json"
    given = ("nasbench", "landscape", recorded, "--fitness", "s", "--json", figures)
    done = run(*given, "--against", oof)
    assert done.status == 0, done.err
    found = json.loads(figures.read_text())["differences"]
    assert found["resampled"] == "walks" and "mean" in found["figures"]


def test_a_sample_of_cells_needs_a_surrogate_of_cells(run, recorded, tmp_path):
    sample = tmp_path / "sample.json"
    assert run("nasbench", "sample", "--uniform", 3, "--out", sample).status == 0
    given = ("nasbench", "surrogate", recorded, "--target", "s", "--model", "ridge")
    done = run(
        *given, *("--out", tmp_path / "S", "--table", tmp_path / "t.sqlite"),
        *("--sample", sample),
    )  # fmt: skip
    assert done.status == 2 and "of the space choices, found nasbench101" in done.err
    sample.write_text('{"walks": [[{"matrix": [[0]], "operations": []}]]}')
    done = run(
        *given, *("--out", tmp_path / "S", "--table", tmp_path / "t.sqlite"),
        *("--sample", sample),
    )  # fmt: skip
    assert done.status == 2 and "two vertices or more, found" in done.err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("--target", "x"), "--target: expected a figure of"),
        (("--target", "s", "--model", "forest"), "expected one of xgboost, lightgbm"),
        (("--target", "s", "--folds", 7), "--folds: expected 2 to 6"),
        (("--target", "s", "--sample", "a"), "--sample: expected --table beside it"),
        (("--target", "s", "--table", "t"), "beside it for networks of choices"),
        (("--target", "s", "--known", "s"), "--known: expected a figure of"),
        (("--target", "s", "--table", "t", "--known", "macs"), "have them"),
        (("--target", "s", "--table", "t", "--out-of-fold", "t"), "another file than"),
        (("--target", "s", "--epoch", 9), "--epoch: expected one of the epochs"),
    ],
)
def test_mistakes_are_told_in_a_line(run, recorded, tmp_path, given, expected):
    given = [tmp_path / one if one in ("t", "a") else one for one in given]
    expected = expected.replace("have them", "that has them")
    done = run("nasbench", "surrogate", recorded, "--out", tmp_path / "S", *given)
    assert done.status == 2, done
    assert expected in done.err
    assert len(done.err.strip().splitlines()) == 1, done.err
    assert not (tmp_path / "S").exists()


def test_a_folder_of_something_else_stays(run, recorded, tmp_path):
    (tmp_path / "S").mkdir()
    (tmp_path / "S" / "mine.txt").write_text("keep")
    given = ("nasbench", "surrogate", recorded, "--target", "s")
    done = run(*given, "--out", tmp_path / "S")
    assert done.status == 2 and "found mine.txt of something else" in done.err
    assert (tmp_path / "S" / "mine.txt").read_text() == "keep"
