"""`autoai4eo simulate`, on a small table and on the published EO HW-NAS records."""

import itertools
import json
import runpy
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest


@pytest.fixture
def in_process(monkeypatch):
    """Searches without processes of their own, each of which imports TensorFlow."""
    replay = import_module("autoai4eo.nasbench.replay")  # the package has a function

    def pool(count, mp_context, initializer, initargs):
        monkeypatch.setattr(replay, "_table", *initargs, raising=False)
        return ThreadPoolExecutor(1)

    monkeypatch.setattr(replay, "ProcessPoolExecutor", pool)


@pytest.fixture
def table(tmp_path):
    rows = [
        (a, b, a * b / (1 + a), 1.0 + a * b)
        for a, b in itertools.product(range(6), range(1, 7))
    ]
    path = tmp_path / "table.csv"
    pd.DataFrame(rows, columns=["a", "b", "acc", "latency"]).to_csv(path, index=False)
    return path


def test_simulate_writes_tables_a_plot_and_a_page(table, tmp_path, run):
    out = tmp_path / "out"
    options = ["--choices", "a,b", "--maximize", "acc", "--minimize", "latency"]
    options += ["--known", "latency", "--tuners", "random,cost-aware"]
    options += ["--budget", 12, "--seeds", 2, "--workers", 1, "--out", out]
    result = run("simulate", table, *options)
    assert result.status == 0, result.err
    assert "cost-aware" in result.out and "attainable hypervolume" in result.out
    summary = pd.read_csv(out / "summary.csv")
    assert summary["strategy"].tolist() == ["random", "cost-aware"]
    queries = pd.read_csv(out / "queries.csv")
    assert len(queries) == 2 * 2 * 12 and queries["row"].between(0, 35).all()
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    page = (out / "index.html").read_text()
    assert "<table" in page and "data:image/png;base64," in page
    assert "http" not in page  # nothing is fetched from elsewhere


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--tuners", "genetic", "tuner: expected one of"),
        ("--tuners", "greedy", "takes one objective"),
        ("--choices", "a,z", "expected the columns z"),
        ("--budget", "0", "budget"),
        ("--charge", "3", "expected --start surrogate beside them"),
        ("--start", "none.csv", "none.csv: expected a CSV file, found none"),
    ],
)
def test_mistakes_end_with_one_line(table, tmp_path, run, option, value, words):
    options = {"--choices": "a,b", "--maximize": "acc", "--minimize": "latency"}
    options |= {"--known": "latency", "--out": tmp_path / "out", option: value}
    result = run("simulate", table, *itertools.chain(*options.items()))
    assert result.status == 2 and words in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def begun(table, out, **changed):
    options = {"choices": "a,b", "maximize": "acc", "minimize": "latency"}
    options |= {"tuners": "local-search", "budget": 12, "seeds": 1, "workers": 1}
    options |= {"out": out, **changed}
    named = [(f"--{name.replace('_', '-')}", value) for name, value in options.items()]
    return ["simulate", table, *itertools.chain(*named)]


@pytest.mark.usefixtures("in_process")
def test_a_start_by_surrogate_is_recorded_and_another_is_refused(table, tmp_path, run):
    pytest.importorskip("xgboost", reason="needs the extra surrogates")
    out = tmp_path / "out"
    result = run(*begun(table, out, start="surrogate", fitted_on=8, charge=4))
    assert result.status == 0, result.err
    known = json.loads((out / "simulation.json").read_text())
    assert (known["start"], known["fitted_on"], known["charge"]) == ("surrogate", 8, 4)
    assert len(pd.read_csv(out / "queries.csv")) == 12
    assert "4 of these 8 are part of the budget" in (out / "index.html").read_text()
    for changed, words in [
        ({"start": "random"}, "found another start there"),
        ({"start": "surrogate", "fitted_on": 8}, "found charge 4 there and 8 here"),
    ]:
        result = run(*begun(table, out, **changed))
        assert result.status == 2 and words in result.err


@pytest.mark.usefixtures("in_process")
def test_a_folder_of_before_there_were_starts_is_one_of_random_starts(
    table, tmp_path, run
):
    out = tmp_path / "out"
    assert run(*begun(table, out)).status == 0
    before = (out / "queries.csv").read_text()
    known = json.loads((out / "simulation.json").read_text())
    for name in ("start", "fitted_on", "charge"):
        del known[name]
    (out / "simulation.json").write_text(json.dumps(known))
    result = run(*begun(table, out))
    assert result.status == 0 and "1 of 1 searches finished" in result.out
    assert (out / "queries.csv").read_text() == before
    given = tmp_path / "given.csv"
    given.write_text("a,b\n1,2\n")
    result = run(*begun(table, out, start=given))
    assert result.status == 2 and "found another start there" in result.err


@pytest.mark.usefixtures("in_process")
def test_given_networks_come_first(table, tmp_path, run):
    given = tmp_path / "given.csv"
    given.write_text("b,a\n2,1\n6,5\n")
    result = run(*begun(table, tmp_path / "out", start=given))
    assert result.status == 0, result.err
    rows = pd.read_csv(tmp_path / "out" / "queries.csv")["row"].tolist()
    assert rows[:2] == [1 * 6 + 1, 5 * 6 + 5] and len(rows) == 12


@pytest.mark.slow
def test_the_published_records_are_a_table(shared, tmp_path, run):
    """450 cells of NAS-Bench-101 trained on So2Sat LCZ42 (EO HW-NAS)."""
    script = Path(__file__).parents[2] / "benchmarks" / "eo_hw_nas.py"
    records = runpy.run_path(str(script))["table"](shared / "eo_hw_nas")
    assert len(records) == 450
    # what the README of the data says of them
    assert records["val_macro"].mean() == pytest.approx(0.4114, abs=5e-5)
    records.to_csv(tmp_path / "eo.csv", index=False)
    options = ["--adjacency", "cell,operations", "--maximize", "val_macro"]
    options += ["--minimize", "latency_ms", "--known", "latency_ms,params"]
    options += ["--tuners", "random,cost-sorted,cost-aware", "--seeds", 3]
    options += ["--budget", 60, "--workers", 1, "--out", tmp_path / "out"]
    result = run("simulate", tmp_path / "eo.csv", *options)
    assert result.status == 0, result.err
    found = pd.read_csv(tmp_path / "out" / "summary.csv").set_index("strategy")
    share = found["hv_at_50"]
    assert share["cost-aware"] > max(share["random"], share["cost-sorted"])


@pytest.mark.usefixtures("in_process")
def test_another_table_is_a_prior(run, tmp_path):
    def table(name, shift):
        pairs = itertools.product(range(8), range(4))
        rows = [f"{a},{b},{(a - shift) ** 2 + b + 1}" for a, b in pairs]
        (tmp_path / name).write_text("\n".join(["a,b,loss", *rows]))
        return tmp_path / name

    here, there = table("here.csv", 6), table("there.csv", 6.4)
    out = tmp_path / "out"
    given = ("simulate", here, "--out", out, "--choices", "a,b", "--minimize", "loss")
    given = (*given, "--tuners", "cost-aware", "--budget", 6, "--seeds", 3)
    done = run(*given, "--prior", there)
    assert done.status == 0, done.err
    queries = pd.read_csv(out / "queries.csv")
    first = pd.read_csv(here)["loss"][queries.groupby("seed")["row"].first()]
    assert (first <= 2).all()  # the best of the prior, or its neighbour
    again = run(*given)
    assert again.status == 2 and "found another prior" in again.err
    same = run(*given, "--prior", here)
    assert same.status == 2 and "--prior: expected another table" in same.err
    unused = run(*given, "--prior", there, "--tuners", "random")
    assert unused.status == 2 and "expected cost-aware among --tuners" in unused.err
    known = run(*given, "--prior", there, "--known", "loss")
    assert known.status == 2 and "--prior: expected an objective" in known.err
