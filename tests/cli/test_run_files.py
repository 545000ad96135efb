"""A run's files damaged, its folder anywhere: status 2 and one line that helps."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

import pytest
import small

from autoai4eo.locks import locked

pytestmark = pytest.mark.usefixtures("checked_here")

SENTENCE = "is that of trial"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run of one trial; nothing may change it."""
    model = small.model(tmp_path_factory.mktemp("made"), max_trials=1)
    with small.in_this_process():
        model.fit(
            small.dataset(), validation_data=small.dataset(seed=1), epochs=1, verbose=0
        )
    return model.run


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "a" / "run")


def cut(content):
    return content[: len(content) // 2]


def middle_lost(content):
    third = len(content) // 3
    return content[:third] + bytes(len(content) - 2 * third) + content[-third:]


def test_a_run_at_work_is_told_as_such(run, folder):
    """Users rely on: nobody is told to resume what is running, nor waits to hear it."""
    shutil.rmtree(folder / "best")
    data = small.write(folder.parent / "data.h5")
    with locked(folder / ".lock"):
        for command in ("evaluate", "predict"):
            told = run(command, folder, data, *(["out.csv"] * (command == "predict")))
            assert told.status == 2 and "found a search at work in it; wait" in told.err
        # before the data are opened
        told = run("fit", data.with_name("none.h5"), "--out", folder)
        assert told.status == 2 and "found another command at work in it" in told.err
    told = run("evaluate", folder, data)
    assert "found an interrupted one" in told.err


def test_a_run_is_no_data(run, folder):
    """Users rely on: its pictures are not read as images of a class called maps."""
    data = small.write(folder.parent / "data.h5")
    for call in (
        ("inspect", folder),
        ("fit", folder, "--out", "new"),
        ("fit", data, "--val", folder, "--out", "new"),
        ("evaluate", data, folder),
        ("predict", data, folder, "out.csv"),
    ):
        told = run(*call)
        assert told.status == 2 and "found the folder of a run, which `" in told.err
    others = folder.parent / "others"
    others.mkdir()
    (others / "run.json").write_text('{"name": "of another tool"}')
    assert "found the folder of a run" not in run("inspect", others).err
    told = run("map", data, data, folder.parent / "out.tif")
    assert told.status == 2 and "found a file .h5; check the path; the" in told.err


@pytest.mark.parametrize(
    ("file", "damage", "command", "cure"),
    [
        ("run.json", bytes, "trials", "restore it from a copy"),
        ("run.json", cut, "report", "restore it from a copy"),
        ("run.json", lambda _: b"{}", "profile", "found a damaged file (no arguments"),
        ("study.db", bytes, "trials", "it is empty); restore it from a copy, or begin"),
        ("study.db", cut, "pareto", "restore it from a copy, or begin"),
        ("study.db", lambda _: b"no database", "report", "restore it from a copy"),
        ("study.db", middle_lost, "trials", "restore it from a copy, or begin"),
        ("best/evaluation.json", cut, "export", "sets it aside and makes it again"),
        ("best/model.keras", bytes, "profile", "`autoai4eo fit` with the same"),
        ("best/model.keras", cut, "profile", "`autoai4eo fit` with the same"),
        ("statistics.json", bytes, "export", "remove it: `autoai4eo fit`"),
    ],
)
def test_a_damaged_file_is_named_with_its_cure(
    run, folder, tmp_path, file, damage, command, cure
):
    path = folder / file
    before = path.read_bytes() if path.exists() else b""
    path.write_bytes(b"" if damage is bytes else damage(before))
    more = (tmp_path / "out",) if command == "export" else ()
    result = run(command, folder, *more)
    assert result.status == 2, result
    (line,) = result.err.strip().splitlines()
    assert line.startswith(f"error: {path}: expected ") and cure in line
    assert not (tmp_path / "out").exists() and not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("file", "damage", "found"),
    [
        ("best/evaluation.json", bytes, "it is empty"),
        ("best/mistakes.npz", bytes, "it is empty"),
        ("best/mistakes.npz", cut, "no zip archive, or cut off"),
        ("best/test.json", bytes, "it is empty"),
        ("best/model.keras", cut, "found another file, or a damaged one"),
        (
            "trials/0/history.csv",
            lambda c: c.replace(b"0.", b"1."),
            "found another file, or a damaged one",
        ),
        ("trials/0/history.csv", lambda _: b"\xff\xfe", "a damaged one"),
    ],
)
def test_the_page_is_written_without_what_is_damaged(run, folder, file, damage, found):
    path = folder / file
    before = path.read_bytes() if path.exists() else b""
    path.write_bytes(b"" if damage is bytes else damage(before))
    result = run("report", folder)
    assert result.status == 0, result
    (line,) = result.err.strip().splitlines()
    assert line.startswith(f"warning: {path}: expected ") and found in line
    assert line.endswith("left out")
    assert f"Left out: {path}" in (folder / "report.html").read_text()


def test_a_search_does_not_begin_anew_where_its_record_is_lost(run, folder):
    from autoai4eo.errors import UserError
    from autoai4eo.learning.objectives import parse_objectives
    from autoai4eo.runs.study import open_study

    for content in (b"", b"else"):
        (folder / "study.db").write_bytes(content)
        with pytest.raises(UserError, match="or begin the search anew"):
            open_study(folder, parse_objectives("val_cohen_kappa"))
        assert (folder / "study.db").read_bytes() == content


@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9",
        pytest.param(b"a?b#c 50%25{x}", marks=pytest.mark.slow),
        pytest.param("城市".encode(), marks=pytest.mark.slow),
    ],
)
def test_a_folder_of_any_name(run, folder, tmp_path, name):
    run_folder = folder.rename(tmp_path / os.fsdecode(name))
    for command in ("trials", "pareto", "report", "profile"):
        result = run(command, run_folder)
        assert result.status == 0, result.err
    assert (run_folder / "report.html").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", run_folder.name]
    out = tmp_path / os.fsdecode(name + b" of it")
    result = run("export", run_folder, out / "m.keras", "--format", "keras")
    assert result.status == 0, result.err
    told = json.loads((out / "model.json").read_text())
    assert told["properties"]["autoai4eo:metrics"]["two_figures"]


def test_a_folder_that_tensorflow_cannot_write_to(run, folder, so2sat, tmp_path):
    latin = tmp_path / os.fsdecode(b"caf\xe9")
    validation = so2sat / "validation.h5"
    for command in (
        ("fit", validation, "--val", validation, "--out", latin / "run"),
        ("export", folder, latin / "saved"),
    ):
        result = run(*command)
        assert result.status == 2
        (line,) = result.err.strip().splitlines()
        assert "caf\\udce9" in line and "expected a path in UTF-8" in line
    assert not latin.exists()


def test_home_is_found_after_an_equals_sign(run, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder)
    assert run("trials", "~/run", "--csv=~/x.csv").status == 0
    assert (folder.parent / "x.csv").read_text().startswith("trial,status,")
    assert not (folder / "~").exists()


@pytest.mark.parametrize("command", ["trials", "pareto"])
def test_a_csv_file_without_a_folder_is_refused_before_the_work(run, folder, command):
    (folder / "run.json").unlink()
    result = run(command, folder, "--csv", folder / "nowhere" / "x.csv")
    assert result.status == 2
    (line,) = result.err.strip().splitlines()
    assert "found no" in line and "nowhere; make it, or correct the path" in line


def test_a_csv_file_into_a_pipe_or_through_a_link(run, folder, tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link.csv"
    os.mkfifo(pipe)
    link.symlink_to(folder / "target.csv")
    (folder / "target.csv").write_text("")
    with ThreadPoolExecutor() as thread:
        read = thread.submit(pipe.read_text)
        assert run("trials", folder, "--csv", pipe).status == 0
        assert read.result().startswith("trial,status,")
    assert run("trials", folder, "--csv", link).status == 0
    assert pipe.is_fifo() and link.is_symlink()
    assert (folder / "target.csv").read_text() == read.result()
    assert run("trials", folder, "--csv", "-").out == read.result()


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "data.h5", "--out", "file/run"),
        ("trials", "run", "--csv", "file/x.csv"),
        ("report", "file/run"),
        ("export", "run", "file/out"),
        ("simulate", "table.csv", "--out", "file/out", "--choices", "a"),
        ("demo", "--out", "file/demo"),
    ],
)
def test_every_command_that_writes_looks_first(run, folder, monkeypatch, arguments):
    monkeypatch.chdir(folder.parent)
    Path("file").write_text("")
    before = sorted(Path.cwd().rglob("*"))
    result = run(*arguments)
    assert result.status == 2
    (line,) = result.err.strip().splitlines()
    assert "expected a folder to write to, found the file file" in line
    assert sorted(Path.cwd().rglob("*")) == before


def test_one_kappa_is_shown_and_the_other_explained(run, folder, tmp_path):
    assert run("report", folder).status == 0
    page = (folder / "report.html").read_text()
    assert ">Cohen's kappa (validation)</text>" in unescape(page)  # an axis of both
    assert "Cohen&#39;s kappa of the finalist (validation)" in page  # the card
    assert SENTENCE in page
    assert "of each trial's best epoch in the search" in run("trials", folder).out
    run("export", folder, tmp_path / "saved")
    assert SENTENCE in (tmp_path / "saved" / "MODEL_CARD.md").read_text()
    from autoai4eo.cli.scores import finalist_story

    assert SENTENCE in finalist_story(folder)
