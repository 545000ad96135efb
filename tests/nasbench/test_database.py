"""Databases of trained networks: what is written is read, and what is wrong told."""

import sqlite3
import time

import pytest

from autoai4eo.errors import UserError
from autoai4eo.nasbench import read_table
from autoai4eo.nasbench.database import CHOICES, NASBENCH101, Database, Entry
from autoai4eo.nasbench.database_file import is_database
from autoai4eo.networks.cell import OPERATIONS, Cell
from autoai4eo.runs.layout import NETWORKS

THREE, ONE, POOL = OPERATIONS
CHAIN = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
CELLS = [Cell.of(CHAIN, [name]) for name in OPERATIONS]


def figures(value):
    return {
        0: {"macs": value},
        2: {"val_accuracy": value / 10},
        4: {"val_accuracy": value / 5, "val_loss": 1.0},
    }


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cells.sqlite"
    with Database.create(path, NASBENCH101, {"data": "small", "bands": 10}) as made:
        made.add([Entry(cell, figures(i + 1.0), 0, i) for i, cell in enumerate(CELLS)])
    return path


def test_what_was_added_is_found(path):
    with Database(path) as found:
        assert len(found) == 3 and found.epochs == [2, 4]
        assert found.about == {"data": "small", "bands": 10}
        assert CELLS[1] in found
        assert Cell.of([[0, 1], [0, 0]], []) not in found
        last = {"macs": 2.0, "val_accuracy": 0.4, "val_loss": 1.0}
        assert found.query(CELLS[1]) == last
        assert found.query(CELLS[1], epoch=2) == {"macs": 2.0, "val_accuracy": 0.2}
        assert list(found.architectures()) == CELLS
        frame = found.frame(epoch=2)
    assert list(frame["val_accuracy"]) == [0.1, 0.2, 0.3]
    assert list(frame["step"]) == [0, 1, 2]
    assert list(frame["id"]) == [cell.id for cell in CELLS]


def test_the_folder_that_holds_it_is_taken_for_it(path):
    """Users rely on: what `nasbench train` made is given to the next command."""
    own = path.rename(path.with_name(NETWORKS))
    with Database(own.parent) as found:
        assert len(found) == 3 and found.path == own
    assert is_database(own.parent)
    table = read_table(own.parent, maximize=["val_accuracy"], minimize=["macs"])
    assert len(table) == 3
    own.unlink()
    with pytest.raises(UserError, match="found a folder; give a file, or the folder"):
        read_table(own.parent, maximize=["val_accuracy"], minimize=[])


def test_a_query_takes_microseconds(path):
    with Database(path) as found:
        found.query(CELLS[0])
        begun = time.perf_counter()
        for _ in range(2000):
            found.query(CELLS[0], epoch=4)
        assert (time.perf_counter() - begun) / 2000 < 200e-6  # 1 to 2 on an idle core


def test_choices_are_a_space_of_their_own(tmp_path):
    path = tmp_path / "choices.sqlite"
    with Database.create(path, CHOICES, {}) as made:
        made.add([Entry({"width": 8, "kind": "a"}, {1: {"accuracy": 0.5}})])
    with Database(path) as found:
        assert found.query({"kind": "a", "width": 8}) == {"accuracy": 0.5}
        assert list(found.frame().columns) == [
            *("id", "width", "kind", "walk", "step", "accuracy")
        ]
        with pytest.raises(UserError, match="networks of the space choices, got Cell"):
            found.query(CELLS[0])


def test_nothing_is_added_twice(path):
    with Database(path) as found:
        new = Cell.of([[0, 1], [0, 0]], [])
        with pytest.raises(UserError, match="found one twice"):
            found.add([Entry(new, {1: {"val_accuracy": 1.0}}), Entry(CELLS[0], {})])
        assert new not in found
    with Database(path) as found:
        assert len(found) == 3  # nothing of a refused step is kept


def test_what_is_not_there_is_told(path):
    with Database(path) as found:
        with pytest.raises(UserError, match="expected one of its 3 networks"):
            found.query(Cell.of([[0, 1], [0, 0]], []))
        with pytest.raises(UserError, match=r"an epoch of this network \(0, 2, 4\)"):
            found.query(CELLS[0], epoch=3)
        with pytest.warns(UserWarning, match="3 of 3 networks have no figures of ep"):
            assert found.frame(epoch=3).empty


def test_a_killed_write_leaves_what_was_there(path):
    """As a kill between two statements: SQLite undoes the rest when it opens."""
    whole = path.read_bytes()
    file = sqlite3.connect(path)
    file.execute("PRAGMA cache_size = 1")
    file.execute("BEGIN IMMEDIATE")
    rows = [(number, "x" * 4000) for number in range(1, 200)]
    file.executemany("INSERT INTO networks VALUES (?, ?, NULL, NULL)", rows)
    journal = path.with_name(f"{path.name}-journal").read_bytes()
    half = path.read_bytes()
    assert half != whole
    file.rollback()
    file.close()
    path.write_bytes(half)
    path.with_name(f"{path.name}-journal").write_bytes(journal)
    with Database(path) as found:
        assert len(found) == 3


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE about SET value = '2' WHERE name = 'version'", "found version 2"),
        ("UPDATE about SET value = 'x' WHERE name = 'space'", "space x"),
        ("DROP TABLE about", "no such table: about"),
        ("UPDATE about SET value = '{' WHERE name = 'data'", "cannot be used"),
    ],
)
def test_another_database_is_refused(path, statement, expected):
    with sqlite3.connect(path) as file:
        file.execute(statement)
    file.close()
    with pytest.raises(UserError, match=expected):
        Database(path)


def test_a_file_that_is_no_database_is_refused(tmp_path, path):
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(path.read_bytes()[:50] + b"x" * 5000)
    text = tmp_path / "text.sqlite"
    text.write_text("id,accuracy\n")
    for wrong in (damaged, text):
        with pytest.raises(UserError, match="found a file that cannot be used"):
            Database(wrong)
    with pytest.raises(UserError, match="found none; make one"):
        Database(tmp_path / "none.sqlite")
    with pytest.raises(UserError, match="expected no file, found one"):
        Database.create(path, CHOICES, {})
