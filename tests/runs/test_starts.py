"""Every start of a search is kept, and the commands that repeat it are told."""

import json
import platform
import shlex
import subprocess
from pathlib import Path

import keras
import pytest
import small

import autoai4eo
from autoai4eo.errors import UserError
from autoai4eo.report.arguments import asked
from autoai4eo.runs import starts
from autoai4eo.runs.folder import Run
from autoai4eo.runs.reading import read
from autoai4eo.runs.repetition import repeating

DATA = {"training": small.dataset(), "validation": small.dataset(seed=1)}

TASK = {"name": "ImageClassifier"}
INSTRUMENT = {
    **{"device": "CPU", "runtime": "keras", "runtime_version": "3"},
    **{"precision": "float32", "threads": 1},
}


@pytest.fixture
def command(monkeypatch):
    """Begins the next searches by a command."""
    token = starts._command.set(None)
    yield starts.begun_by
    starts._command.reset(token)


def begin(run, seed=0, mark="a mark"):
    Run(run).write({"seed": seed, "patience": None}, DATA, INSTRUMENT, mark, TASK)
    return json.loads((run / "run.json").read_text())


def test_every_start_is_kept_and_the_first_one_s_time_stays(tmp_path, command):
    first = begin(tmp_path)
    command(["fit", "data.h5", "--out", "run"])
    second = begin(tmp_path)
    assert second["started"] == first["started"] == second["starts"][0]["time"]
    assert len(second["starts"]) == 2
    assert second["starts"][0] == first["starts"][0]
    assert second["starts"][1]["command"] == ["fit", "data.h5", "--out", "run"]
    # another search in the folder begins anew
    assert len(begin(tmp_path, mark="another")["starts"]) == 1


def test_versions_are_those_of_this_process(tmp_path):
    versions = begin(tmp_path)["starts"][0]["versions"]
    backend = keras.backend.backend()
    assert versions["python"] == platform.python_version()
    assert versions["keras"] == keras.__version__
    assert versions[backend] == __import__(backend).__version__
    assert versions["autoai4eo"] == autoai4eo.__version__
    assert "cuda" not in versions or platform.system() == "Linux"


def test_the_commit_is_told_where_the_package_lies_in_its_repository():
    here = Path(autoai4eo.__file__).parent
    git = ["git", "-C", str(here), "rev-parse", "HEAD"]
    try:
        head = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        pytest.skip("git is not installed")
    found = starts.versions().get("autoai4eo commit", "")
    assert found.removesuffix("-dirty") == head


def test_seed_0_was_asked_for(tmp_path):
    begin(tmp_path)
    assert ("seed", "0") in asked(read(tmp_path))


def test_the_commands_are_repeated_in_another_folder(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    begin(run, mark="python")
    with pytest.raises(UserError, match="found that Python code"):
        repeating(run)
    given = ["fit", "my data.h5", "--out", "run", "--overwrite", "--max-trials", "4"]
    command(given)
    begin(run)
    begin(run)  # resumed
    command(["fit", "my data.h5", "--out=run/", "--max-trials", "8"])
    begin(run)
    place = f"cd {shlex.quote(str(tmp_path))} && autoai4eo fit 'my data.h5'"
    assert repeating(run) == [
        f"{place} --out run-again --max-trials 4",
        f"{place} --out=run-again --max-trials 8",
    ]


@pytest.mark.parametrize(
    ("where", "out", "again"),
    [
        (".", "run/.", "run-again"),
        ("run", ".", "{}/run-again"),
        ("run", "./", "{}/run-again"),
        ("run/sub", "..", "{}/run-again"),
    ],
)
def test_a_run_in_the_current_folder_is_repeated_beside_it(
    tmp_path, command, monkeypatch, where, out, again
):
    run = tmp_path / "run"
    (run / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / where)
    command(["fit", "d.h5", "--out", out])
    begin(run)
    (line,) = repeating(run)
    assert shlex.split(line)[-1] == again.format(tmp_path.resolve())


def test_a_run_of_an_earlier_version_says_that_its_command_is_not_known(tmp_path):
    known = begin(tmp_path)
    del known["starts"]
    known["started"] = "2026-01-01T00:00:00+00:00"
    (tmp_path / "run.json").write_text(json.dumps(known))
    with pytest.raises(UserError, match=r"an earlier version.*seed=0"):
        repeating(tmp_path)
    # its only known start stays the first
    again = begin(tmp_path)
    assert again["started"] == known["started"] and len(again["starts"]) == 2
    assert dict(asked(read(tmp_path)))["start 1 of 2"].startswith("2026-01-01")
