"""A study.db that SQLite takes for whole, with something else in it."""

import shutil
import sqlite3
from contextlib import closing

import pytest
import small
from commands import run

__all__ = ["run"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    with small.in_this_process():
        model = small.model(tmp_path_factory.mktemp("record"), max_trials=1)
        given = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
        model.fit(small.dataset(), **given)
    return model.run


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM trial_values",
        "UPDATE trial_user_attributes SET value_json = '7' WHERE key = 'cost'",
        "UPDATE trial_user_attributes SET value_json = '[]' WHERE key = 'metrics'",
        "UPDATE trial_user_attributes SET value_json = '{'",
        "UPDATE study_user_attributes SET value_json = '5' WHERE key = 'objectives'",
        "DROP TABLE trial_params",
        "DELETE FROM study_directions",
        "UPDATE trial_values SET value_type = 'INF_POS', value = NULL",
        "UPDATE trials SET state = 'ELSE'",
    ],
)
@pytest.mark.parametrize("command", ["trials", "pareto", "report", "check"])
def test_what_is_no_record_is_a_line(run, searched, tmp_path, change, command):
    shutil.copytree(searched, tmp_path / "run")
    with closing(sqlite3.connect(tmp_path / "run" / "study.db")) as database:
        database.execute(change)
        database.commit()
    result = run(command, tmp_path / "run")
    assert result.status == 2 and "Traceback" not in result.err
    assert "study.db: expected the record of a search" in result.out + result.err
    assert result.err.count("\n") == 1 and "internal error" not in result.err


@pytest.mark.parametrize("command", ["trials", "check"])
def test_a_damaged_schema_is_a_line(run, searched, tmp_path, command):
    """SQLite quotes what it cannot read, in bytes that are no UTF-8."""
    shutil.copytree(searched, tmp_path / "run")
    record = tmp_path / "run" / "study.db"
    content = record.read_bytes()
    damaged = content.replace(b"CREATE TABLE studies", b"CREATE T\xd8mmmm studies")
    assert damaged != content
    record.write_bytes(damaged)
    result = run(command, tmp_path / "run")
    assert result.status == 2 and result.err.count("\n") == 1
    assert "study.db: expected the record of a search" in result.out + result.err
