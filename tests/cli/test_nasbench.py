"""``autoai4eo nasbench``, as the documentation says."""

import json
import math

import pytest


def test_a_sample_is_drawn(run, tmp_path):
    out = tmp_path / "sample.json"
    done = run("nasbench", "sample", "--walks", 2, "--steps", 3, "--out", out)
    assert done.status == 0, done.err
    assert "sample: 6 cells" in done.out
    assert [len(one) for one in json.loads(out.read_text())["walks"]] == [3, 3]
    again = ("nasbench", "sample", "--uniform", 4, "--out", out)
    done = run(*again)
    assert done.status == 2 and "exists already" in done.err
    done = run(*again, "--overwrite")
    assert "sample: 4 cells" in done.out


def test_published_records_become_a_data_base(run, shared, tmp_path):
    out = tmp_path / "eo.sqlite"
    done = run("nasbench", "import", shared / "eo_hw_nas", "--out", out)
    assert done.status == 0, done.err
    assert "MACs: 450 of 450 records hold the number of parameters" in done.out
    assert "database: 450 networks, epochs 108" in done.out
    again = run("nasbench", "import", shared / "eo_hw_nas", "--out", out)
    assert again.status == 2 and "expected no file, found one" in again.err


def test_a_table_becomes_a_data_base(run, tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("a,score\n1,0.5\n2,0.6\n")
    given = ("nasbench", "import", source, "--out", tmp_path / "t.sqlite")
    done = run(*given, "--choices", "a", "--epochs", 20)
    assert done.status == 0, done.err
    assert "database: 2 networks, epochs 20" in done.out


@pytest.mark.slow
def test_a_sample_is_trained_into_a_data_base(run, so2sat, tmp_path):
    sample, out = tmp_path / "sample.json", tmp_path / "cells"
    run("nasbench", "sample", "--walks", 1, "--steps", 3, "--out", sample)
    given = ("nasbench", "train", sample, so2sat, "--out", out, "--channels", 8)
    given = (*given, "--stacks", 2, "--cells", 1, "--epochs", 2, "--workers", 2)
    done = run(*given)
    assert done.status == 0, done.err
    assert f"database: 3 networks   {out / 'networks.sqlite'}" in done.out
    again = run(*given)
    assert again.status == 0 and "0 of 3" not in again.out
    page = tmp_path / "page.html"
    known = ("nasbench", "landscape", out / "networks.sqlite", "--out", page)
    done = run(*known, "--fitness", "val_cohen_kappa")
    assert done.status == 0, done.err
    for other in (("--epochs", 3), ("--channels", 16), ("--seed", 1)):
        refused = run(*given, *other)
        assert refused.status == 2 and "choose another --out" in refused.err


def test_a_sample_that_is_none_is_not_trained(run, so2sat, tmp_path):
    out = tmp_path / "cells"
    done = run("nasbench", "train", so2sat / "training.h5", so2sat, "--out", out)
    assert done.status == 2 and "draw a sample with" in done.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("sample",), "expected one of --walks, --uniform and --spread, got none"),
        (("sample", "--walks", 1, "--spread", 2), "got several"),
        (("sample", "--uniform", 1, "--steps", 2), "expected --walks beside it"),
        (("import", "nothing.csv"), "expected --choices"),
        (("import", "nothing.csv", "--choices", "a"), "expected a CSV file, found no"),
        (("import", ".", "--choices", "a"), "leave them out, or name a CSV file"),
    ],
)
def test_mistakes_are_told_in_a_line(run, tmp_path, given, expected):
    done = run("nasbench", *given, "--out", tmp_path / "out")
    assert done.status == 2, done
    assert expected in done.err
    assert len(done.err.strip().splitlines()) == 1, done.err


def test_a_landscape_is_described(run, tmp_path):
    source = tmp_path / "t.csv"
    rows = [f"{a},{b},{a + b},{1 + a * b}" for a in range(3) for b in range(3)]
    source.write_text("\n".join(["a,b,score,macs", *rows]))
    page, figures = tmp_path / "report.html", tmp_path / "figures.json"
    given = ("nasbench", "landscape", source, "--fitness", "score", "--choices", "a,b")
    done = run(*given, "--out", page, "--json", figures, "--against", source)
    assert done.status == 0, done.err
    found = json.loads(figures.read_text())
    assert found["local_optima"] == 1 and found["closed"]
    # ρ(1) = 1/4: of four neighbours two differ in this choice, by 0 on average
    assert found["first_autocorrelation"] == pytest.approx(0.25)
    # scores 4; 2, 3, 2, 3; 0, 1, 1, 2 at distances 0; 1; 2
    expected = pytest.approx(-math.sqrt(3) / 2)
    assert found["against"]["fitness_distance_correlation"] == expected
    assert "t: 9 networks   local_optima 1" in done.out
    text = page.read_text()
    assert "correlation length" in text and "data:image/png" in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_a_landscape_needs_somewhere_to_go(run, tmp_path):
    done = run("nasbench", "landscape", tmp_path / "t.csv", "--fitness", "f")
    assert done.status == 2 and "expected --out, --json or both" in done.err


def test_nasbench_alone_shows_its_commands(run):
    done = run("nasbench")
    assert done.status == 0, done.err
    assert all(name in done.out for name in ("sample", "train", "import", "landscape"))


def test_a_database_stands_beside_a_table(run, tmp_path):
    source, page = tmp_path / "t.csv", tmp_path / "p.html"
    source.write_text("a,f\n1,0.5\n2,0.6\n3,0.9\n")
    database = tmp_path / "t.sqlite"
    run("nasbench", "import", source, "--choices", "a", "--out", database)
    given = ("nasbench", "landscape", database, "--fitness", "f", "--choices", "a")
    assert run(*given, "--against", source, "--out", page).status == 0
    same = run(*given, "--against", source, "--out", page, "--json", page)
    assert same.status == 2 and "expected another file than --out" in same.err
    missing = run("nasbench", "landscape", "no.csv", "--fitness", "f", "--out", page)
    assert "no.csv: expected a table of networks, found none" in missing.err
