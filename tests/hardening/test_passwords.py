"""A password in the URL of a database: taken out once, kept in memory, never shown."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from urllib.parse import quote

import cloudpickle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import run_folder

from autoai4eo.errors import UserError
from autoai4eo.runs import databases
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runs.databases import name
from autoai4eo.runs.storage import open_storage

SECRET = "open-sesame"
URL = f"postgresql://me:{SECRET}@localhost:1/db"
BARE = "postgresql://me@localhost:1/db"


@pytest.mark.parametrize(
    "arguments",
    [
        ("trials", "run", f"--storag={URL}"),
        ("trials", "run", "--storag", URL),
        ("trials", "run", URL),
        ("trials", URL),
        ("trials", "-s", URL, "run"),
        ("frobnicate", URL),
        (URL,),
        ("fit", "data.h5", "--out", "run", f"--max-trials={URL}"),
        ("fit", "data.h5", "--out", "run", f"--constraint={URL}"),
        ("report", "run", "--storage", f"postgresql://me@h/db?password={SECRET}"),
        ("report", "run", "--storage", f"postgresql://me:a@{SECRET}/b?c#@h/db"),
        ("trials", "run", "--storage", URL.replace("postgresql", "postgre")),
        ("trials", "run", "--storage", URL.replace(":1/", ":port/")),
    ],
)
def test_no_wrong_call_prints_it(run, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    run_folder(tmp_path / "run", BARE, study=False)
    result = run(*arguments)
    assert result.status == 2 and result.err.startswith("error: ")
    assert SECRET not in result.out + result.err


def test_the_address_of_a_scene_stays_as_it_is():
    for address in ("https://me:key@host/a.tif", "/vsicurl/http://me:key@host/a.tif"):
        assert name(address) == address and databases.named() == []
    assert name("s3://bucket/a.tif") == "s3://bucket/a.tif" and databases.named() == []


@pytest.mark.parametrize("url", [URL, BARE])
def test_a_server_that_does_not_answer_is_told_without_it(url, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(UserError) as told:
        open_storage(name(url))
    error: BaseException | None = told.value
    while error is not None:
        assert SECRET not in str(error) + repr(error)
        error = error.__cause__ or error.__context__
    assert SECRET not in caplog.text


@given(
    user=st.text(st.characters(codec="utf-8"), max_size=8),
    password=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_password_of_any_characters_is_taken_out(user, password):
    databases._given.clear()
    given_url = f"postgresql://{quote(user, '')}:{quote(password, '')}@host/db"
    bare = name(f"--storage={given_url}")
    assert bare == f"--storage=postgresql://{quote(user, '')}@host/db"
    url = bare.partition("=")[2]
    assert databases.with_password(url) == given_url
    assert databases.named() == [url] == [name(url)]  # named again it stays known
    assert databases.with_password(url) == given_url


@given(st.text(st.sampled_from("@:/?#& %[]{}\\'\"=x"), max_size=12))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_one_that_is_not_quoted_is_not_shown_either(around):
    url = f"postgresql://me:{around}{SECRET}{around}@host/db"
    assert SECRET not in name(url)
    try:
        assert SECRET not in without_password(url)
    except UserError as error:
        assert SECRET not in str(error)


@pytest.mark.slow  # TensorFlow is imported
def test_workers_get_it_and_no_file_does(tmp_path):
    from autoai4eo.search.settings import SearchSettings
    from autoai4eo.search.tuner import Tuner

    tuner = Tuner(None, SearchSettings(storage=URL), tmp_path / "run")
    storage = tuner.settings.storage
    assert storage == BARE
    assert SECRET.encode() not in cloudpickle.dumps(tuner)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()

    code = "import sys; from autoai4eo.runs import databases;"
    code += "print(databases.with_password(sys.argv[1]))"
    environment = os.environ | databases.environment(storage)
    command = [sys.executable, "-c", code, storage]
    got = subprocess.check_output(command, env=environment, text=True)
    assert got.strip() == URL


def test_a_process_without_a_password_is_given_none():
    assert databases.environment(name(BARE)) == {} == databases.environment(None)


def test_the_environment_gives_it(monkeypatch):
    monkeypatch.setenv(databases.VARIABLE, URL)
    assert databases.named() == [BARE]
    assert databases.with_password(BARE) == URL
    assert databases.with_password("postgresql://me@other/db").endswith("me@other/db")
    assert json.dumps(os.environ[databases.VARIABLE])  # it stays for the workers
