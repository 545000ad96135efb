"""`autoai4eo demo` is the main job, whole; here with fewer patches."""

import json
import re

import pytest
import rasterio
import runs

import autoai4eo as ae
from autoai4eo.cli import demo, failures
from autoai4eo.runs.folder import Run


def test_the_demo_runs_to_its_end(run, tmp_path, monkeypatch, in_process):
    samples = {"training": 170, "validation": 85, "testing": 85}
    monkeypatch.setattr(demo, "_SAMPLES", samples)
    monkeypatch.setattr(demo, "_TRIALS", 1)
    monkeypatch.setattr(demo, "_EPOCHS", 1)
    monkeypatch.setattr(demo, "_BLOCKS", 2)
    out = tmp_path / "demo"
    (out / "run").mkdir(parents=True)  # what an earlier demo left is replaced
    (out / "run" / "study.db").write_text("old")
    for left in ("writing-0123456789abcdef-training.h5", "map_confidence.tif.lock"):
        (out / f".{left}").write_text("of a killed demo")
    result = run("demo", "--out", out)
    assert result.status == 0, result.err
    for words in ("synthetic", "complete", "Cohen's kappa", "in a fresh process"):
        assert words in result.out
    # whether the network was worth it: of the search, and of the test data
    assert len(re.findall(r"^│ +(majority|trees) +│ reference", result.out, re.M)) == 2
    verdicts = re.findall(r"^The network is .*(better|worse) than", result.out, re.M)
    assert len(verdicts) == 2
    assert "reference trees (boosted trees on band statistics): Coh" in result.out
    assert not list(out.glob(".writing-*"))
    assert (out / "savedmodel" / "saved_model.pb").is_file()
    with rasterio.open(out / "map.tif") as file:
        assert file.shape == (13, 13) and file.crs == "EPSG:32632"
    page = (out / "run" / "report.html").read_text()
    assert "Maps</h2>" in page and page.count("data:image/png") > 1
    (out / "my_map.tif").write_text("of the user, who follows the README there")
    demo._check(out)


def test_a_folder_of_something_else_stays_as_it_is(run, tmp_path):
    (tmp_path / "thesis.tex").write_text("of other people")
    done = run("demo", "--out", tmp_path)
    assert done.status == 2 and "found thesis.tex" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_unfinished_search_of_the_same_demo_is_resumed(tmp_path, monkeypatch):
    """Users rely on: what was searched before an interrupt is kept."""
    begun = []
    for called, name in (
        (demo.fit, "fit"),
        *((demo.model, "evaluate"), (demo.model, "export")),
        *((demo.map, "map"), (demo.trials, "pareto"), (demo.report, "report")),
    ):
        monkeypatch.setattr(called, name, lambda *a, **k: begun.append(k))
    samples = dict.fromkeys(("training", "validation", "testing"), 20)
    monkeypatch.setattr(demo, "_SAMPLES", samples)
    monkeypatch.setattr(demo, "_SEARCHED", samples)
    monkeypatch.setattr(demo, "_BLOCKS", 1)

    def is_resumed(search=False):
        begun.clear()
        demo.demo(tmp_path, search)
        goes_on = not begun[0]["overwrite"]
        given = ["demo", "--out", str(tmp_path), *["--search"] * search]
        _, told = failures.status_and_line(KeyboardInterrupt(), "demo", given)
        how = (
            "to resume" if goes_on and Run(tmp_path / "run").exists else "to begin anew"
        )
        assert told == f"interrupted; rerun demo {how}"
        return goes_on

    assert is_resumed()  # nothing is there to be deleted
    run = runs.run_folder(tmp_path / "run")
    assert not is_resumed()  # of other data
    known = json.loads((run / "run.json").read_text())
    known["arguments"] |= {"max_trials": demo._TRIALS, "epochs": demo._EPOCHS}
    for role in ("training", "validation"):
        data = ae.open_dataset(tmp_path / f"{role}.h5")
        known["data"][role] = {**runs.SAMPLES, "fingerprint": data.fingerprint()}
    (run / "run.json").write_text(json.dumps(known))
    assert is_resumed()
    (tmp_path / "training.h5").write_text("damaged")  # the same demo makes it again
    given = ["--out", str(tmp_path)]
    _, told = failures.status_and_line(KeyboardInterrupt(), "demo", given)
    assert told == "interrupted; rerun demo to resume"
    assert is_resumed()
    assert not is_resumed(search=True)
    (run / "best").mkdir()
    (run / "best" / "model.keras").write_text("network")
    evaluation = {"trial": 0, "trained_on": "training", "metrics": {}, "epochs": 1}
    Run(run).write_evaluation(evaluation)
    assert is_resumed()  # its finalist is not scored
    Run(run).write_evaluation({**evaluation, "evaluated_on": "validation"})
    assert not is_resumed()  # it is complete


@pytest.mark.slow
def test_the_demo_of_a_search_shows_a_front(run, tmp_path, monkeypatch, in_process):
    samples = {"training": 85, "validation": 85, "testing": 34}
    monkeypatch.setattr(demo, "_SEARCHED", samples)
    monkeypatch.setattr(demo, "_SEARCH_TRIALS", 1)
    monkeypatch.setattr(demo, "_SEARCH_EPOCHS", 1)
    out = tmp_path / "demo"
    result = run("demo", "--search", "--out", out)
    assert result.status == 0, result.err
    for words in ("synthetic", "hypervolume", "latency_ms", "its front to look at"):
        assert words in result.out
    assert (out / "run" / "report.html").is_file()
    told = json.loads((out / "run" / "run.json").read_text())["arguments"]
    assert told["tuner"] == "cost-aware"
    assert told["objective"] == ["val_cohen_kappa", "latency_ms"]
    assert told["constraints"] == {"macs": 10_000_000}
