"""Somebody else's run folder names a database: only the user's own is connected to."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.exceptions import StorageInternalError
from optuna.trial import create_trial
from runs import OBJECTIVES, close, content, run_folder, write_run_json
from sqlalchemy import make_url

from autoai4eo.errors import UserError
from autoai4eo.runs.sqlite_files import sqlite_file, sqlite_url
from autoai4eo.runs.study import open_study

READING = (("trials",), ("pareto",), ("report",), ("trials", "--json"))


@pytest.fixture
def spy():
    """A server of nobody's choice; how often it was connected to."""
    visits = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve():
            while True:
                try:
                    visitor, _ = server.accept()
                except OSError:
                    return
                visits.append(1)
                visitor.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/db", visits
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("command", READING)
def test_a_server_that_only_run_json_names_is_not_connected_to(
    run, tmp_path, spy, monkeypatch, command
):
    url, visits = spy
    monkeypatch.setenv("PGPASSWORD", "sesame")
    folder = run_folder(tmp_path / "run", url, study=False)
    result = run(command[0], folder, *command[1:])
    assert result.status == 2 and visits == []
    (line,) = result.err.splitlines()
    assert line.startswith(f"error: {folder}: expected the database of this run")
    assert f"--storage {url}" in line  # the user sees where it would have gone
    assert "sesame" not in line


def test_the_server_that_the_user_names_is_connected_to(
    run, tmp_path, spy, monkeypatch
):
    url, visits = spy
    folder = run_folder(tmp_path / "run", "postgresql://evil@203.0.113.1/db", False)
    result = run("trials", folder, "--storage", url)
    assert result.status == 2 and "a database that answers" in result.err
    assert len(visits) == 1
    monkeypatch.setenv("AUTOAI4EO_STORAGE", url)
    with pytest.raises(UserError, match="a database that answers"):
        open_study(folder)
    assert len(visits) == 2


def test_a_search_goes_on_only_where_its_record_is(tmp_path, spy):
    url, visits = spy
    elsewhere = run_folder(tmp_path / "a", url, study=False)
    with pytest.raises(UserError, match=r"expected storage, as .* give it"):
        open_study(elsewhere, OBJECTIVES)
    here = run_folder(tmp_path / "b")
    with pytest.raises(UserError, match="expected no storage"):
        open_study(here, OBJECTIVES, storage=url)
    assert visits == []


@pytest.mark.parametrize(
    "storage", [5, "", [], "postgresql://x:y@[::1", "\x1b]0;a\x07"]
)
def test_whatever_run_json_names_is_told_in_a_line(run, tmp_path, storage):
    result = run("trials", run_folder(tmp_path / "run", storage, study=False))
    assert result.status == 2 and result.err.startswith("error: ")
    assert len(result.err.splitlines()) == 1 and "\x1b" not in result.err


@pytest.fixture
def thesis(tmp_path):
    """An SQLite file of the user's, which no search made."""
    path = tmp_path / "home" / "thesis.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE chapters (text)")
    return path


@pytest.mark.parametrize("command", READING)
@pytest.mark.parametrize("how", ["run.json", "link", "journal", "folder"])
def test_no_sqlite_file_outside_the_run_is_opened(run, tmp_path, thesis, command, how):
    folder = run_folder(tmp_path / "run")
    if how == "run.json":
        write_run_json(folder, f"sqlite:///{thesis}")
    elif how == "link":
        (folder / "study.db").unlink()
        (folder / "study.db").symlink_to(thesis)
    elif how == "journal":
        (folder / "study.db-journal").symlink_to(thesis)
    else:
        shutil.move(folder, tmp_path / "home" / "run")
        folder.mkdir()
        write_run_json(folder, None)
        (folder / "study.db").symlink_to(tmp_path / "home" / "run" / "study.db")
    before = content(thesis.parent)
    result = run(command[0], folder, *command[1:])
    assert result.status == 2 and len(result.err.splitlines()) == 1
    assert content(thesis.parent) == before
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("name", ["study.db", "study.db-journal", "study.db-wal"])
def test_a_search_writes_into_no_planted_link(tmp_path, name):
    victim = tmp_path / "victim"
    victim.touch()  # SQLite takes an empty file for one that it may use
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(victim)
    with pytest.raises(UserError, match=rf"{name}: expected .*remove it"):
        open_study(folder, OBJECTIVES)
    assert victim.read_bytes() == b""


def test_a_journal_deletes_no_file_that_it_names(tmp_path):
    """What SQLite calls a super-journal is deleted once its journals are gone."""
    victim = tmp_path / "thesis.txt"
    victim.touch()
    folder = killed_while_writing(tmp_path)
    name = os.fsencode(victim)
    sum_ = sum(c - 256 if c > 127 else c for c in name) & 0xFFFFFFFF
    with (folder / "study.db-journal").open("ab") as journal:
        page = (2**30 // 1024 + 1).to_bytes(4, "big")
        journal.write(page + name + len(name).to_bytes(4, "big"))
        journal.write(sum_.to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7"))
    for objectives in (None, OBJECTIVES):
        with pytest.raises(UserError, match="names another file"):
            open_study(folder, objectives)
    assert victim.exists()


@contextmanager
def writing(folder):
    """A search that has written half of something."""
    with closing(sqlite3.connect(folder / "study.db")) as file:
        file.execute("PRAGMA cache_size = 1")  # what is new goes into the file at once
        file.execute("BEGIN IMMEDIATE")
        file.execute("DELETE FROM trials")
        rows = [(f"{number:0400}",) for number in range(100)]
        file.executemany("INSERT INTO studies (study_name) VALUES (?)", rows)
        yield
        file.rollback()


def killed_while_writing(tmp_path):
    alive = run_folder(tmp_path / "alive")
    with writing(alive):
        return shutil.copytree(alive, tmp_path / "killed")


def test_reading_changes_no_byte(run, tmp_path):
    folder = run_folder(tmp_path / "run")
    before = content(folder)
    for command, *more in READING:
        result = run(command, folder, *more)
        assert result.status == 0, result
        (folder / "report.html").unlink(missing_ok=True)
    assert content(folder) == before


def test_reading_a_killed_search_changes_no_byte(run, tmp_path):
    folder = killed_while_writing(tmp_path)
    before = content(folder)
    assert (folder / "study.db-journal").stat().st_size
    result = run("trials", folder, "--json")
    assert result.status == 0 and '"val_cohen_kappa": 0.5' in result.out
    assert content(folder) == before


def test_reading_makes_no_tables(run, tmp_path, thesis):
    folder = run_folder(tmp_path / "run", study=False)
    shutil.copy(thesis, folder / "study.db")
    before = content(folder)
    result = run("trials", folder)
    assert result.status == 2 and "expected the record of a search" in result.err
    assert content(folder) == before


def test_what_is_read_cannot_be_written(tmp_path):
    study = open_study(run_folder(tmp_path / "run"))
    with pytest.raises(StorageInternalError) as refused:
        study.add_trial(create_trial(value=1.0))
    assert "readonly" in str(refused.value.__cause__)
    close(study)


def test_a_run_in_a_folder_without_rights_is_read(run, tmp_path):
    folder = run_folder(tmp_path / "run")
    for path in (*folder.iterdir(), folder):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        assert run("trials", folder).status == 0
    finally:
        folder.chmod(0o700)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("made") / "run")


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_run_of_any_name_opens_its_own_file(made, tmp_path_factory, name):
    parent = tmp_path_factory.mktemp("names")
    folder = shutil.copytree(made, parent / f"a%3F?b#{name}"[:60])
    assert open_study(folder).trials[0].value == 0.5
    url = make_url(sqlite_url(folder / "study.db"))
    assert sqlite_file(url) == folder / "study.db"
    with closing(sqlite3.connect(url.database, uri=True)) as file:
        assert file.execute("SELECT count(*) FROM trials").fetchone() == (1,)
    assert list(parent.iterdir()) == [folder]
    assert content(folder).keys() == {"run.json", "study.db"}


def test_check_asks_for_the_database_and_not_for_a_new_search(run, tmp_path):
    """Nothing is damaged where only the address of the database was not given."""
    folder = run_folder(tmp_path / "run", "postgresql://me@127.0.0.1:9/x", study=False)
    result = run("check", folder)
    assert result.status == 2 and "--storage" in result.out
    assert "--overwrite" not in result.out + result.err
