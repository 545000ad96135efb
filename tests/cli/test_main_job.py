"""The main job, as the README types it, on generated and on real data."""

import json
import re
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from autoai4eo.data.spatial_blocks import squares


@pytest.fixture(scope="module")
def finished(so2sat, tmp_path_factory):
    """A run of the command line."""
    out = tmp_path_factory.mktemp("run") / "lcz"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "autoai4eo",
            "fit",
            so2sat / "training.h5",
            "--val",
            so2sat / "validation.h5",
            "--out",
            out,
            "--max-trials",
            "1",
            "--epochs",
            "1",
            "--constraint",
            "macs=20e6",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "finalist:" in done.stdout and "Traceback" not in done.stderr
    (out.parent / "log").write_text(done.stdout)
    return out


def test_fit_without_a_terminal_writes_a_log(finished, so2sat):
    text = (finished.parent / "log").read_text()
    assert text.replace("\n", "").isprintable()  # no bars, no colours
    found = re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)   (.*)$", text, re.M)
    times, lines = zip(*found, strict=True)
    assert list(times) == sorted(times)
    # some candidates may be over the limit, and a slow machine is told of each minute
    told = [line for line in lines if not re.search("infeasible|best .* so far", line)]
    told = [line for line in told if "building" not in line]
    for line, expected in zip(
        told,
        [
            f"opening {so2sat}/training.h5",
            f"opening {so2sat}/validation.h5",
            "160 samples for training, 160 for validation, 17 classes; computing the "
            "statistics of the bands",
            "training the references, trees on 160 samples",
            r"reference majority: Cohen's kappa 0\.000   .*\(validation\)",
            r"reference trees: Cohen's kappa -?[\d.]+   .*\(validation\)",
            rf"searching in {finished}   0 of 1 trials? trained   latency in onnx with "
            r"\d+ threads?",
            r"trial \d+   complete   val_cohen_kappa -?[\d.]+   params [\d,]+   macs "
            r"[\d,]+   latency_ms [\d.]+   [\d,]+ s   1 of 1 trained",
            r"trial \d+ is the finalist; training it to the end: up to \d+ epochs?",
            r"finalist   trained   val_cohen_kappa -?[\d.]+",
            "evaluating the finalist on the validation data",
        ],
        strict=True,
    ):
        assert re.fullmatch(expected, line)


def test_fit_leaves_the_runs_folder(finished):
    names = {path.name for path in finished.iterdir()}
    assert {"run.json", "study.db", "trials", "best", "statistics.json"} <= names
    asked = json.loads((finished / "run.json").read_text())
    assert asked["arguments"]["constraints"] == {"macs": 20e6}
    assert [s["name"] for s in asked["data"]["training"]["inputs"]] == ["sen1", "sen2"]
    assert asked["versions"]["autokeras"].startswith("3.0")


def test_the_same_command_says_at_once_that_the_search_is_complete(
    finished, so2sat, run
):
    """Users rely on: a second Enter costs no minutes, and says how to go on."""
    given = ("--max-trials", "1", "--epochs", "1", "--constraint", "macs=20e6")
    data = (so2sat / "training.h5", "--val", so2sat / "validation.h5")
    done = subprocess.run(
        [
            *(sys.executable, "-X", "importtime", "-m", "autoai4eo", "fit", *data),
            *("--out", finished, *given),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        f"{finished}: complete, 1 of 1 trials are trained; raise --max-trials to go "
        f"on; `autoai4eo report {finished}` shows the search\n"
    )
    planned = run("fit", *data, "--out", finished, *given, "--dry-run")
    assert planned.out.split() == done.stdout.split()
    assert "autoai4eo.runs.study" in done.stderr
    for slow in ("tensorflow", "keras", "autoai4eo.tasks"):
        assert f" {slow}\n" not in done.stderr


def test_fit_resumes_in_an_existing_folder(finished, so2sat, run):
    result = run(
        "fit",
        so2sat / "training.h5",
        "--val",
        so2sat / "validation.h5",
        "--out",
        finished,
        "--max-trials",
        1,
        "--epochs",
        1,
        "--constraint",
        "macs=20e6",
        "--quiet",
    )
    assert result == (0, "", "")


def test_trials_are_a_table_csv_and_json(finished, run, tmp_path):
    assert "complete, finalist" in run("trials", finished).out
    csv = tmp_path / "trials.csv"
    assert run("trials", finished, "--csv", csv).status == 0
    table = pd.read_csv(csv)
    columns = list(table.columns)
    assert columns[:2] == ["trial", "status"]
    fixed = ["params", "macs", "flops", "size_bytes", "latency_ms", "latency_p95_ms"]
    fixed += ["latency_spread_ms", "latency_batch_size", "device", "runtime"]
    fixed += ["precision", "threads", "train_seconds", "epochs", "message"]
    start = columns.index("params")
    assert columns[start : start + len(fixed)] == fixed
    rows = json.loads(run("trials", finished, "--json").out)
    assert [row["trial"] for row in rows] == list(table["trial"])


def test_trials_end_with_the_references_which_are_no_trials(finished, run):
    told = run("trials", finished).out
    rows = [line.split("│") for line in told.splitlines() if "│" in line]
    assert [row[1].strip() for row in rows[-2:]] == ["majority", "trees"]
    assert {row[2].strip() for row in rows[-2:]} == {"reference"}
    assert "0.000" in told or " 0 " in told  # kappa of the same class for all
    assert len(json.loads(run("trials", finished, "--json").out)) == 1


def test_pareto_shows_the_front_and_its_hypervolume(finished, run):
    told = run("pareto", finished)
    assert told.status == 0 and "hypervolume" in told.out and "reference" in told.out
    assert "complete, finalist" in told.out
    rows = json.loads(run("pareto", finished, "--json").out)
    assert [row["status"] for row in rows] == ["complete"]


def test_evaluate_prints_scores_intervals_calibration_and_references(
    finished, so2sat, run
):
    data = so2sat / "testing.h5"
    told = run("evaluate", finished, data).out
    for words in (
        "Cohen's kappa",
        "95 % intervals over ",
        "expected calibration error",
    ):
        assert words in told
    # with the references, and whether the network is better
    assert re.search(r"^reference majority \(the same .*kappa 0\.000", told, re.M)
    assert re.search(
        r"^The network is (not surely |not )?(better|worse) than .*over \d+ cit",
        told,
        re.M,
    )
    scores = json.loads(run("evaluate", finished, data, "--json").out)
    assert 0 <= scores["accuracy"] <= 1 and len(scores["per_class"]) <= 17
    assert set(scores["references"]) == {"majority", "trees"}
    low, high = scores["against_reference"]["interval"]
    assert low <= scores["against_reference"]["difference"] <= high
    for name, (low, high) in scores["intervals"].items():
        assert low <= scores[name] <= high
    assert len(scores["reliability"]) == 15


def test_evaluate_tells_the_data_that_chose_the_network(finished, so2sat, run):
    chose = "these are the validation data, by which the search chose the network"
    assert chose in run("evaluate", finished, so2sat / "validation.h5").out


def test_evaluate_tells_the_worst_city(finished, so2sat, run):
    data = so2sat / "testing.h5"
    told = run("evaluate", finished, data, "--by", "city").out
    assert re.search(r"^Cohen's kappa by city: worst .* \(.*\), median", told, re.M)
    refused = run("evaluate", finished, data, "--by", "town")
    assert refused.status == 2 and "expected a group called town, found" in refused.err


def test_evaluate_tells_the_worst_square_of_the_ground(finished, so2sat, run, tmp_path):
    data = shutil.copy(so2sat / "testing.h5", tmp_path)
    with h5py.File(data, "a") as file:
        samples = len(file["label"])
        file["lon"] = 11 + 0.1 * (np.arange(samples) // (samples // 2))
        file["lat"] = np.full(samples, 48.0)
        places = np.stack([file["lon"], file["lat"]], axis=1)
    told = run("evaluate", finished, data, "--by", "spatial_block", "--block-km", "5")
    for square in set(squares(places, 5)):
        assert square in told.out
    assert re.search(
        r"^worst group: the city \w+, of \d+ that have 10 samples", told.out, re.M
    )
    refused = run("evaluate", finished, data, "--block-km", "5")
    assert refused.status == 2 and "found no group" in refused.err


def test_a_network_without_its_run_has_no_references(finished, so2sat, run):
    data = so2sat / "testing.h5"
    network = finished / "best" / "model.keras"
    assert "references" not in json.loads(run("evaluate", network, data, "--json").out)


def test_report_writes_a_page_without_tensorflow(finished):
    code = (
        "import sys; sys.argv[1:] = ['report', sys.argv[1]]\n"
        "from autoai4eo.cli import main\n"
        "try: main()\n"
        "finally: assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, finished],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (finished / "report.html").read_text()
    assert "Confusion matrix" in page and "Cohen&#39;s kappa" in page


def test_profile_prints_costs(finished, run):
    cost = json.loads(run("profile", finished, "--json").out)
    kept = json.loads((finished / "best" / "evaluation.json").read_text())
    trial = json.loads(
        (finished / "trials" / str(kept["trial"]) / "cost.json").read_text()
    )
    assert {k: cost[k] for k in ("params", "macs", "flops")} == {
        k: trial[k] for k in ("params", "macs", "flops")
    }
    assert cost["latency_ms"] > 0
    assert cost["samples_per_second"] is None
    told = run("profile", finished, "--throughput").out
    assert "params" in told and "samples_per_second" in told


@pytest.mark.slow
def test_export_writes_a_savedmodel(finished, run, tmp_path):
    assert run("export", finished, tmp_path / "m").status == 0
    assert (tmp_path / "m" / "saved_model.pb").is_file()


def test_inspect_says_what_is_in_real_data(shared, run):
    folder = shared / "so2sat_layout"
    result = run("inspect", folder / "training.h5", folder / "testing.h5")
    assert result.status == 0
    for word in ("1,396 samples", "B08", "decibel", "reflectance", "parent"):
        assert word in result.out
    told = json.loads(run("inspect", folder / "validation.h5", "--json").out)
    assert told["samples"] == 340
    assert sum(count == 0 for count in told["classes"].values()) == 2


@pytest.mark.slow
def test_a_split_with_three_parts_is_tested_at_the_end(
    so2sat, run, tmp_path, in_process
):
    result = run(
        "fit",
        so2sat / "training.h5",
        "--split",
        "0.6/0.2/0.2",
        "--group",
        "city",
        "--input",
        "sen2",
        "--out",
        tmp_path / "run",
        "--max-trials",
        1,
        "--epochs",
        1,
        "--tuner",
        "random",
        "--constraint",
        "macs=20e6",
    )
    assert result.status == 0, result.err
    assert "finalist on the test part" in result.out
    scores = json.loads((tmp_path / "run" / "best" / "test.json").read_text())
    assert "cohen_kappa" in scores
