"""What is not ours in a run's folder stays; links are not followed."""

import os
import shutil
import sys
import warnings
from contextlib import nullcontext, redirect_stderr
from io import StringIO

import pytest
import small
from breaking import RemovesTheRun

from autoai4eo.cli.main import main
from autoai4eo.errors import UserError
from autoai4eo.locks import locked
from autoai4eo.runs.layout import made

DATA, VALIDATION = small.dataset(), small.dataset(seed=1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run of one trial; nothing may change it."""
    folder = tmp_path_factory.mktemp("whole")
    fit(folder)
    return folder / "run"


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of it."""
    return shutil.copytree(whole, tmp_path / "run")


def fit(folder, **arguments):
    model = small.model(folder, **{"max_trials": 1, **arguments})
    with small.in_this_process():
        model.fit(
            DATA, validation_data=VALIDATION, epochs=1, verbose=0, references=True
        )
    return model


def contents(folder):
    """Every file's content and every link's target; locks come and go."""
    return {
        path: os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
        if not path.name.endswith(".lock")
    }


def test_overwrite_keeps_what_others_put_there(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.png").write_text("years of work")
    (folder / "linked").symlink_to(tmp_path / "outside")
    others = [
        folder / name
        for name in (
            "thesis.txt",
            "photos/a.png",
            "training.h5",
            "trials/notes.txt",
            "trials/0/mine.txt",
            "trials/mine/model.keras",
            "best/model.keras.backup",
            "workers/README",
            "study.db.backup",
        )
    ]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("years of work")
    old = (folder / "best" / "evaluation.json").read_bytes()
    fit(folder.parent, overwrite=True, seed=5)
    assert (folder / "best" / "evaluation.json").read_bytes() != old
    assert (folder / "linked" / "a.png").read_text() == "years of work"
    # what stood under the number of the new trial was moved, not deleted
    moved = {folder / "trials/0/mine.txt": folder / "trials/0.damaged/mine.txt"}
    assert {moved.get(p, p).read_text() for p in others} == {"years of work"}


def test_every_file_of_a_run_is_known_as_ours(whole):
    there = {path for path in contents(whole) if not path.name.startswith(".")}
    assert there <= set(made(whole)), there - set(made(whole))
    assert made(whole)[-1].name == "run.json"  # a kill before: it is still a run


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        *("best", "trials", "trials/0", "workers/1.log", "run.json", "study.db"),
        *("references.json", "references.skops"),
    ],
)
def test_links_are_refused_and_nothing_is_lost(folder, tmp_path, name, overwrite):
    outside = tmp_path / "outside"
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.rename(outside)
    else:
        outside.write_text("a victim's")
    path.symlink_to(outside)
    before = contents(tmp_path)
    with pytest.raises(UserError, match="found a link, which is not followed"):
        fit(tmp_path, overwrite=overwrite)
    assert contents(tmp_path) == before


def test_a_link_planted_at_the_lock_is_not_followed(folder, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("a victim's")
    (folder / ".lock").unlink()
    (folder / ".lock").symlink_to(victim)
    with pytest.raises(UserError, match="expected a lock file, found a link"):
        fit(tmp_path)
    assert victim.read_text() == "a victim's"


def test_what_may_not_be_deleted_is_told_before_anything_is(folder, monkeypatch):
    access = os.access
    monkeypatch.setattr(
        "autoai4eo.runs.layout.os.access",
        lambda path, mode: path != folder / "trials" / "0" and access(path, mode),
    )
    before = contents(folder)
    with pytest.raises(UserError, match="0: expected a writable folder of the run"):
        fit(folder.parent, overwrite=True)
    assert contents(folder) == before


def command(name, *arguments):
    """A command's line of error."""
    err = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(err):
        patch.setattr(sys, "argv", ["autoai4eo", name, *map(str, arguments)])
        with warnings.catch_warnings(), pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 2
    (line,) = err.getvalue().strip().splitlines()
    return line


def test_the_training_data_are_no_run_folder(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_text("")
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    for out in (".", tmp_path, "a/.."):
        for overwrite in ((), ("--overwrite",)):
            line = command("fit", tmp_path, "--out", out, *overwrite)
            assert "expected an output that is not read as well" in line
    assert "expected a folder for the run, found /" in command(
        "fit", tmp_path, "--out", "/"
    )
    assert contents(tmp_path) == before


def test_overwriting_a_folder_of_others_is_refused(tmp_path):
    """As `--out .` among one's sources: nothing is written nor deleted."""
    (tmp_path / "src.py").write_text("years of work")
    model = small.model(tmp_path.parent, overwrite=True)
    model.project_name = tmp_path.name
    with pytest.raises(UserError, match="expected a run's folder to overwrite"):
        model.fit(DATA, validation_data=VALIDATION, epochs=1, verbose=0)
    assert [p.name for p in tmp_path.iterdir()] == ["src.py"]


def table(path):
    path.write_text("a,params,acc\n1,10,0.5\n2,20,0.6\n3,30,0.7\n")
    return path


def simulated(recorded, out):
    more = ("--choices", "a", "--maximize", "acc", "--minimize", "params")
    return command("simulate", recorded, "--out", out, *more)


@pytest.mark.parametrize("name", ["curves.csv", "index.html", "queries.csv"])
def test_simulate_replaces_no_files_of_others(tmp_path, name):
    recorded = table(tmp_path / "table.csv")
    (tmp_path / name).write_text("years of work")
    before = contents(tmp_path)
    line = simulated(recorded, tmp_path)
    assert f"found {name} of something else in it" in line
    assert contents(tmp_path) == before


def test_simulate_does_not_write_over_its_table(tmp_path):
    recorded = table(tmp_path / "summary.csv")
    os.link(recorded, tmp_path / "table.csv")
    line = simulated(tmp_path / "table.csv", tmp_path)
    assert "expected an output that is not read as well" in line
    assert recorded.read_text().startswith("a,params")


def test_a_demo_deletes_nothing_of_others(tmp_path, monkeypatch):
    """It overwrites with the commands that it calls, and by no other means."""
    from autoai4eo.cli import demo

    ran = []
    for called, name in (
        (demo.fit, "fit"),
        (demo.model, "evaluate"),
        (demo.model, "export"),
        (demo.map, "map"),
        (demo.report, "report"),
    ):
        monkeypatch.setattr(called, name, lambda *a, **k: ran.append(k))
    monkeypatch.setattr(demo, "_SAMPLES", {"training": 20})
    monkeypatch.setattr(demo, "_BLOCKS", 1)
    (tmp_path / "run" / "photos").mkdir(parents=True)
    (tmp_path / "run" / "photos" / "a.png").write_text("years of work")
    (tmp_path / "training.h5").write_text("old")
    demo.demo(tmp_path)
    assert ran[0]["overwrite"] is True and len(ran) == 5
    assert (tmp_path / "run" / "photos" / "a.png").read_text() == "years of work"
    assert (tmp_path / "training.h5").stat().st_size > 100
    (tmp_path / "scene.tif").unlink()
    (tmp_path / "scene.tif").symlink_to(tmp_path / "run" / "photos" / "a.png")
    with pytest.raises(UserError, match=r"found scene\.tif in it"):
        demo.demo(tmp_path)


def test_a_refused_fit_has_written_nothing(folder):
    """Also where the data are others: their statistics would replace the run's."""
    before = contents(folder)
    other = small.dataset(seed=7)
    with locked(folder / ".lock"), pytest.raises(UserError, match="another command at"):
        small.model(folder.parent, overwrite=True).fit(
            other, validation_data=VALIDATION, epochs=1, verbose=0
        )
    assert contents(folder) == before


@pytest.mark.parametrize(
    "where",
    [small.in_this_process, pytest.param(nullcontext, marks=pytest.mark.slow)],
    ids=["in_this_process", "in_workers"],
)
def test_a_run_folder_removed_during_a_search_is_one_line(tmp_path, where):
    model = small.model(tmp_path)
    callbacks = [RemovesTheRun(tmp_path / "run")]
    given = {"epochs": 1, "verbose": 0, "callbacks": callbacks}
    with where(), pytest.raises(UserError, match="was removed or renamed meanwhile"):
        model.fit(DATA, validation_data=VALIDATION, **given)
    assert not (tmp_path / "run").exists()


def test_a_run_json_that_says_nothing_makes_no_run_of_a_folder(tmp_path):
    """`--overwrite` would delete what lies under the names of a run's files."""
    mine = tmp_path / "run"
    (mine / "best").mkdir(parents=True)
    (mine / "run.json").write_text("{}")
    (mine / "best" / "model.keras").write_text("years of work")
    (mine / "notes.txt").write_text("mine")
    model = small.model(tmp_path, overwrite=True)
    with pytest.raises(UserError, match="expected a run's folder to overwrite"):
        model.fit(small.dataset(), validation_data=small.dataset(seed=1), epochs=1)
    assert (mine / "best" / "model.keras").read_text() == "years of work"
