"""What the page says of the compact search that found a network."""

import html
import json
import re
import subprocess
import sys

import optuna
import pytest
import runs
from compact_records import epoch, record

from autoai4eo.report.page import write_report
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import open_study


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run whose second trial, the best, has FLOPs and a latency."""
    path = runs.run_folder(tmp_path_factory.mktemp("compact") / "run")
    study = open_study(path, runs.OBJECTIVES)
    kept = {
        "metrics": {"val_cohen_kappa": 0.6},
        "cost": {"flops": 37_500_000, "latency_ms": 1.25, "runtime": "onnx"},
    }
    study.add_trial(optuna.trial.create_trial(value=0.6, user_attrs=kept))
    runs.close(study)
    return Run(path)


@pytest.fixture
def section(trained):
    """Writes a record, and gives its part of the page."""

    def written(known):
        trained.write_compact(known)
        page = write_report(trained.path).read_text()
        start = page.index("<h2>Compact search")
        return page[start : page.index("</section>", start)]

    yield written
    trained.compact.unlink(missing_ok=True)


def cards(section):
    found = re.findall(r'"card"><b>(.*?)</b><span>(.*?)</span>', section)
    return {label: value for value, label in found}


def words(section):
    """The text, without drawings."""
    plain = re.sub(r"<svg.*?</svg>", "", section, flags=re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", plain).split()))


def charts(section):
    return re.findall(r'<svg class="chart".*?</svg>', section, re.DOTALL)


def test_the_search_is_told_beside_the_network_that_it_found(section):
    """Users rely on: the cost that was searched for is the cost that they get."""
    told = section(record())
    assert cards(told) == {
        "of compact search, 4 epochs": "3 min",
        "FLOPs expected by the search": "36M",
        "FLOPs of the trained network": "37.5M",
    }
    plain = words(told)
    assert "The cell found" in plain
    assert "3 with 16 filters, then 3 with 32 filters, then 2 with 64 filters" in plain
    assert "method s+c+d: one cell for all blocks" in plain
    assert "searched from 1 to 5 cells for each block, at first 3" in plain
    assert "FLOPs, in the loss with the factor 0.01" in plain
    assert "two batches of 32" in plain and "draws 10 to 1; seed 0" in plain
    assert "data training.h5, in two halves" in plain
    assert told.count('<svg class="cell"') == 1 and len(charts(told)) == 2
    assert "Dashed: the trained network" in plain


def test_each_change_is_a_row_and_what_is_new_is_bold(section):
    told = section(record())
    assert "changed 2 times in 4 epochs, last in epoch 3" in words(told)
    rows = re.findall(r"<tr><td>(.*?)</tr>", told, re.DOTALL)
    assert [row.partition("<")[0] for row in rows] == ["1", "2", "3"]
    bold = [re.findall(r"<b>(.*?)</b>", row) for row in rows]
    assert bold == [[], ["identity of 1"], ["3, 3, 2"]]
    assert "2: separable 3×3 of 0 + avg pool 3×3 of 1" in words(rows[0])
    assert words(rows[2]).endswith("3, 3, 2 37,000,000")


def test_a_long_table_is_folded(section):
    known = record(epochs=1)
    assert "<details open>" in section(known)
    known["epochs"] = [epoch(n, depths=(1 + n % 2, 1, 1)) for n in range(1, 20)]
    assert "<details open>" not in section(known)


def test_other_methods_are_told(section):
    known = record(method="s", cost="latency_ms", max_depth=None, stop_after=3)
    for row in known["epochs"]:
        del row["depth_entropy"]
        row["expected_cost"] = 1.5
    told = section(known)
    plain = words(told)
    assert "depth 3 cells in each block, not searched" in plain
    assert "cost not a part of the loss" in plain
    assert "or when the architecture is unchanged for 3" in plain
    assert cards(told)["latency [ms] expected by the search"] == "1.5"
    assert cards(told)["latency [ms] of the trained network"] == "1.25"
    assert "● operations" in plain and "● depths" not in plain


def test_a_search_that_is_not_over_or_has_no_epoch_is_shown(section):
    told = words(section(record(epochs=2, over=False)))
    assert "The most probable cell so far" in told and "The cell found" not in told
    told = section(record(epochs=0, over=False))
    assert "<svg" not in told and "Changes" not in told
    assert cards(told)["of compact search, 0 epochs"] == "0 s"


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1e300, 10**30])
def test_figures_that_are_odd_do_not_break_the_page(section, odd):
    known = record()
    for name in ("loss", "accuracy", "entropy", "depth_entropy", "expected_cost"):
        known["epochs"][1][name] = odd
    told = section(known)
    assert len(charts(told)) == 2 and "nan" not in told and ">inf" not in told
    for row in known["epochs"]:
        row |= dict.fromkeys(("seconds", "entropy", "expected_cost"), odd)
        del row["depth_entropy"]
    known["settings"]["temperature"] = []
    del known["seconds"]
    assert "<h2>Compact search" in section(known)


def test_what_the_user_named_is_escaped(section):
    evil = '<img src=x onerror="document.title=1">'
    known = record(method=evil, cost=evil)
    known["data"]["path"] = evil
    told = section(known)
    assert evil not in told and evil.replace('"', "'") not in told
    assert html.escape(evil, quote=False) in told.replace("&#34;", '"')


@pytest.mark.parametrize("content", ["{", json.dumps({**record(), "epochs": [{}]})])
def test_a_damaged_record_is_left_out_and_told(trained, section, content):
    trained.compact.write_text(content)
    with pytest.warns(UserWarning, match=r"compact\.json: expected JSON.*; left out"):
        page = write_report(trained.path).read_text()
    assert "Compact search</h2>" not in page and "Left out: " in page


def test_a_run_without_a_compact_search_has_no_section(trained):
    assert "Compact search" not in write_report(trained.path).read_text()


def test_a_page_needs_neither_keras_nor_tensorflow(trained, section):
    """Users rely on: a report is written in a moment, while the search runs."""
    section(record())
    script = f"""
import sys
from autoai4eo.report.page import write_report
assert "Compact search" in write_report({str(trained.path)!r}).read_text()
print(*sorted({{"tensorflow", "keras", "autokeras", "jax"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
