"""``autoai4eo ensemble``, and the commands that take what it makes."""

import json
import shutil

import pandas as pd
import pytest
import scenes
import small

from autoai4eo.locks import locked
from autoai4eo.runs import ensembles
from autoai4eo.runs.networks import searched_with

pytestmark = pytest.mark.usefixtures("checked_here")

BANDS = "B02,B03,B04,B08"


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A run whose data are files."""
    folder = tmp_path_factory.mktemp("ensemble")
    for seed, name in enumerate(("train", "val", "test")):
        small.write(folder / f"{name}.h5", 48 + seed, seed)
    model = small.model(folder, max_trials=3, objective=["val_cohen_kappa", "params"])
    with small.in_this_process():
        model.fit(
            folder / "train.h5",
            validation_data=folder / "val.h5",
            epochs=1,
            verbose=0,
        )
    return folder


@pytest.fixture
def place(searched, tmp_path):
    """A copy of the run, and where its data are."""
    return shutil.copytree(searched / "run", tmp_path / "run"), searched


@pytest.mark.filterwarnings("ignore")
def test_it_is_made_shown_and_used_as_the_readme_says(place, run, tmp_path):
    folder, data = place
    done = run("ensemble", folder, "--max", "latency_ms=50", "--max", "params=9000")
    assert done.status == 0, done.err
    for words in (
        "ensemble 0: trial",
        "members were chosen by the validation data",
        "summed over its members (budget 50)",
        "--trial ensemble-0",
    ):
        assert words in done.out
    again = run("ensemble", folder, "--max", "latency_ms=50", "--max", "params=9000")
    assert "ensemble 0 was selected in the same way before" in again.out + again.err
    assert ensembles.numbers(folder) == [0]
    told = run("pareto", folder)
    assert told.status == 0 and "ensembles of" in told.out
    assert "members were chosen by the validation data" in told.out
    rows = json.loads(run("pareto", folder, "--json").out)
    assert {"trial", "status"} <= rows[0].keys()  # trials alone
    name = ("--trial", "ensemble-0")
    scores = json.loads(run("evaluate", folder, data / "test.h5", *name, "--json").out)
    assert 0 <= scores["accuracy"] <= 1
    told = run("evaluate", folder, data / "test.h5", *name).out
    assert told.startswith(f"ensemble 0 of {folder} on {data / 'test.h5'} (")
    cost = json.loads(run("profile", folder, *name, "--json").out)
    assert cost["params"] == ensembles.read(folder, 0).cost["params"]
    out = tmp_path / "m.keras"
    done = run("export", folder, out, "--format", "keras", *name)
    assert done.status == 0, done.err
    told = " ".join(done.out.split())
    assert "with the threads that it takes by itself" in told
    how = searched_with(folder, "ensemble-0")
    assert f"latency does not compare with this one: it is of {how}" in told
    card = (tmp_path / "MODEL_CARD.md").read_text()
    kept = ensembles.read(folder, 0)
    low, high = kept.scores["intervals"]["cohen_kappa"]
    kappa = kept.metrics["val_cohen_kappa"]
    row = f"| Cohen's kappa | {kappa:.3f} | {low:.3f} to {high:.3f} |"
    assert row in card and "Intervals are by bootstrap over 49 samples." in card
    pixels = scenes.digits(24, 24, 4)
    scene = scenes.write_scene(tmp_path / "s.tif", pixels, BANDS.split(","))
    done = run("map", folder, scene, tmp_path / "map.tif", "--stride", 8, *name)
    assert done.status == 0, done.err
    assert run("check", folder).status == 0


@pytest.mark.filterwarnings("ignore")
def test_it_becomes_the_finalist_and_is_told_as_such(place, run):
    folder, data = place
    done = run("ensemble", folder, "--size", 4, "--finalist")
    assert done.status == 0, done.err
    assert f"finalist: {folder}/best/model.keras (ensemble-0)" in done.out
    told = run("evaluate", folder, data / "test.h5")
    assert told.status == 0 and "is that of" not in told.out  # on other data
    assert run("report", folder).status == 0
    page = (folder / "report.html").read_text()
    assert "is that of ensemble 0; its members were chosen" in page
    assert "<h2>Ensembles</h2>" in page and 'data-trial="ensemble-0"' in page
    assert "of the finalist" in page
    assert run("trials", folder, "--csv", folder / "t.csv").status == 0
    assert len(pd.read_csv(folder / "t.csv")) == 3  # an ensemble is no trial


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--max", "params=10"), "the cheapest are trial"),
        (("--max", "latency_ms=0"), "limit of latency_ms above 0, found 0"),
        (("--val", "test.h5"), "expected the validation data of this run"),
        (("--split", "0.5/0.5"), "expected the validation data of this run"),
        (("--split", "0.5"), "--split: expected two or three shares"),
        # what trains its networks is in the user's script
        (("--refit",), "expected a search over the blocks of this class"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(place, run, more, message):
    folder, data = place
    more = [data / word if word == "test.h5" else word for word in more]
    done = run("ensemble", folder, *more)
    lines = done.err.strip().splitlines()
    assert done.status == 2 and len(lines) == 1, done.err
    assert lines[0].startswith("error: ") and message in lines[0]
    assert not (folder / "ensembles").exists()


def test_no_run_and_a_run_at_work_are_refused(place, run, tmp_path):
    folder, _ = place
    done = run("ensemble", tmp_path / "none")
    assert done.status == 2 and "expected a run folder" in done.err
    with locked(folder / ".lock"):
        done = run("ensemble", folder)
    assert done.status == 2 and "expected a folder that is not in use" in done.err
    done = run("evaluate", folder, "data.h5", "--trial", "best")
    assert done.status == 2 and "expected the number of a trial" in done.err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_validation_data_that_fit_split_off_are_split_off_again(
    searched, run, tmp_path, in_process
):
    folder = tmp_path / "run"
    split = ("--split", "0.6/0.4", "--subset", 40)
    done = run(
        *("fit", searched / "train.h5", *split, "--out", folder, "--tuner", "random"),
        *("--max-trials", 1, "--epochs", 1, "--seed", 5),
    )
    assert done.status == 0, done.err
    # as the run records it, and as it is named
    first, again = run("ensemble", folder), run("ensemble", folder, *split)
    assert (first.status, again.status) == (0, 0), first.err + again.err
    assert "ensemble 0 was selected in the same way before" in again.out + again.err
