"""``autoai4eo compact search`` and ``table``, as the documentation says."""

import json

import pandas as pd
import pytest
import small

TINY = (
    *("--channels", 4, "--blocks", 1, "--depth", 1, "--max-depth", 2),
    *("--search-epochs", 1, "--search-batch-size", 8, "--epochs", 1),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compact")
    for seed, name in enumerate(("training", "validation", "testing")):
        small.write(folder / f"{name}.h5", 48 + seed, seed)
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_search_is_a_run(run, data, tmp_path):
    out = tmp_path / "RUN"
    given = ("compact", "search", data / "training.h5", "--out", out, "--no-references")
    given = (*given, "--val", data / "validation.h5", *TINY)
    done = run(*given)
    assert done.status == 0, done.err
    assert "compact search: epoch 1 of 1" in done.out
    assert "expected" in done.out and "M FLOPs" in done.out
    found = json.loads((out / "compact.json").read_text())["architecture"]
    assert len(found["genotype"]) == 4 and len(found["depths"]) == 1
    scores = json.loads(run("evaluate", out, data / "testing.h5", "--json").out)
    assert 0 <= scores["accuracy"] <= 1
    again = run(*given)
    assert again.status == 0, again.err
    assert "over already" in again.out
    other = run(*given, "--seed", 1)
    assert other.status == 2 and "found seed 1 in place of 0" in other.err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_table_has_a_row_for_each_method(run, data, tmp_path):
    out = tmp_path / "TABLE"
    methods = ("--methods", "resnet-8,s+c+d", "--seeds", 2)
    done = run("compact", "table", data, "--out", out, *methods, *TINY)
    assert done.status == 0, done.err
    table = pd.read_csv(out / "table.csv")
    assert list(table.columns) == [
        *("method", "seeds", "accuracy", "accuracy_std", "average_accuracy"),
        *("average_accuracy_std", "cohen_kappa", "cohen_kappa_std", "params", "macs"),
        *("depths", "search_seconds", "train_seconds"),
    ]
    assert list(table["method"]) == ["resnet-8", "s+c+d"]
    assert list(table["seeds"]) == [2, 2]
    assert "| resnet-8 | 2 |" in (out / "table.md").read_text()
    assert (out / "confusion.png").stat().st_size > 5000
    (out / "s+c+d-1" / "result.json").unlink()
    again = run("compact", "table", data, "--out", out, *methods, *TINY)
    assert "3 of 4 trainings are done" in again.out
    pd.testing.assert_frame_equal(
        pd.read_csv(out / "table.csv").drop(columns="train_seconds"),
        table.drop(columns="train_seconds"),
    )
    other = run("compact", "table", data, "--out", out, *methods, *TINY, "--epochs", 2)
    assert other.status == 2 and "choose another --out" in other.err


def test_mistakes_are_told_in_a_line(run, data, tmp_path):
    out = ("--out", tmp_path / "x")
    search = ("compact", "search", data / "training.h5", *out)
    table = ("compact", "table")
    for given, expected in (
        ((*search, *TINY, "--max-depth", 0), "max_depth: expected 1 or more, got 0"),
        ((*search, *TINY, "--method", "c"), "method: expected one of s, s+c"),
        ((*search, *TINY, "--temperature", "1"), "--temperature: expected two numbers"),
        ((*search, "--method", "s"), "2 batches of 64 samples or more in each half"),
        ((*search, "--val", "v", "--split", "0.8/0.2"), "--val or --split, got both"),
        (
            (*table, data, *out, "--methods", "vgg"),
            "methods: expected some of",
        ),
        ((*table, data / "training.h5", *out), "--test: expected the test data"),
        ((*table, data, *out, "--distribution", "d3"), "expected d1 or d2"),
        ((*table, tmp_path / "no", *out, "--distribution", "d2"), "no"),
    ):
        done = run(*given)
        assert done.status == 2, (given, done)
        assert expected in done.err
        assert len(done.err.strip().splitlines()) == 1, done.err
