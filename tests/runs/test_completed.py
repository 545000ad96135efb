"""A finished search is known by its command, without data and TensorFlow."""

import json
import os
import shutil
import subprocess
import sys

import optuna
import pytest
import small

from autoai4eo.files import write_json
from autoai4eo.report.page import write_report
from autoai4eo.runs import chosen
from autoai4eo.runs.completed import keep_completed, plain, trained_if_completed
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.runs.soundness import summary, unfinished
from autoai4eo.runs.study import open_study
from autoai4eo.runs.trials import keep_end


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The arguments of a command; one is a file of data."""
    data = tmp_path_factory.mktemp("data") / "training.h5"
    data.write_bytes(b"patches")
    return {"train": data, "max_trials": 2, "objective": ["val_cohen_kappa"]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, in_process, asked):
    model = small.model(tmp_path_factory.mktemp("search"))
    data = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
    model.fit(small.dataset(), **data)
    assert trained_if_completed(model.run, plain(asked)) is None  # not recorded yet
    keep_completed(model.tuner.study, plain(asked))
    return model.run


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def test_the_same_command_has_nothing_to_do(run, asked):
    assert trained_if_completed(run, plain(asked)) == 2
    for other in ({"max_trials": 3}, {"objective": ["params"]}, {"train": run}):
        assert trained_if_completed(run, plain(asked | other)) is None, other
    assert trained_if_completed(run.parent / "none", plain(asked)) is None


def test_data_that_changed_are_other_data(run, asked, tmp_path):
    folder = tmp_path / "images"
    (folder / "wood").mkdir(parents=True)
    (folder / "wood" / "1.tif").write_bytes(b"1")
    before = plain({"train": folder})
    assert plain({"train": str(folder)}) != before  # text is no path
    os.utime(folder / "wood" / "1.tif", ns=(0, 0))
    changed = plain({"train": folder})
    assert changed != before
    (folder / "wood" / "gone").symlink_to("nowhere")
    assert plain({"train": folder}) == changed


def test_a_run_with_work_left_is_not_complete(run, asked):
    """Users rely on: the same command mends a run, as it always did."""
    known = plain(asked)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{run / 'study.db'}")
    study.enqueue_trial({})
    assert trained_if_completed(run, known) is None


@pytest.mark.parametrize("lost", ["best/model.keras", "trials/0/cost.json", "run.json"])
def test_a_damaged_run_is_not_complete(run, asked, lost):
    (run / lost).write_text("{")
    assert trained_if_completed(run, plain(asked)) is None


def test_a_run_whose_finalist_is_gone_is_not_complete(run, asked):
    """`evaluate` and `export` send there to `fit`, which must make it again."""
    shutil.rmtree(run / "best")
    assert trained_if_completed(run, plain(asked)) is None


def test_a_run_whose_finalist_is_not_scored_is_not_complete(run, asked):
    """Users rely on: after an interrupted `select` the same `fit` goes on."""
    path = run / "best" / "evaluation.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in known.items() if k != "evaluated_on"}))
    assert trained_if_completed(run, plain(asked)) is None
    told = summary(run)
    assert "is not scored on the validation data: fit, or the select that" in told
    page = write_report(run).read_text()
    assert "is not scored on the validation data; fit, or the select that" in page


def test_a_run_whose_new_finalist_is_not_trained_is_not_complete(run, asked):
    """`select` names the finalist first, and may be interrupted while it trains."""
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{run / 'study.db'}")
    other = NetworkId(TRIAL, 1 - chosen.of(study).number)
    assert "fit has nothing to repair" in summary(run)
    chosen.set_to(study, other)
    assert trained_if_completed(run, plain(asked)) is None
    assert f"{other} is to be the finalist, but is not trained" in summary(run)


def test_a_run_whose_search_was_to_go_on_is_not_complete(run):
    """Users rely on: `check` says so until the trials asked for are tried."""
    assert unfinished(run) is None
    known = Run(run).read()
    known["arguments"]["max_trials"] = 20
    write_json(Run(run).json, known)
    assert "more trials were begun: fit with the same arguments" in unfinished(run)
    study = optuna.load_study(study_name=None, storage=f"sqlite:///{run / 'study.db'}")
    keep_end(study, 20)
    assert unfinished(run) is None


def test_nothing_slow_is_imported(run):
    script = (
        "import sys; from pathlib import Path\n"
        "from autoai4eo.runs.completed import trained_if_completed\n"
        f"trained_if_completed(Path({str(run)!r}), {{}})\n"
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 0
    assert len(open_study(run).trials) >= 2
