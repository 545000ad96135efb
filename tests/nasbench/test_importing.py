"""Published and own tables as databases."""

import json

import pytest

from autoai4eo.errors import UserError
from autoai4eo.nasbench.database import CHOICES, Database, Entry
from autoai4eo.nasbench.importing import import_csv, import_eo_hw_nas
from autoai4eo.nasbench.table import read_table
from autoai4eo.networks.cell import OPERATIONS, Cell

THREE, ONE, POOL = OPERATIONS


def test_the_published_records_are_imported(shared, tmp_path):
    """EO HW-NAS; its means are published: 41.13 and 58.67 % (cut, not rounded)."""
    database, wrong = import_eo_hw_nas(shared / "eo_hw_nas", tmp_path / "eo.sqlite")
    with database:
        assert len(database) == 450 and database.epochs == [108]
        frame = database.frame()
        first = next(database.architectures())
        assert database.query(first, epoch=108)["params"] == frame["params"][0]
    assert int(1e4 * frame["val_average_accuracy"].mean()) == 4113
    assert int(1e4 * frame["val_accuracy"].mean()) == 5867
    assert frame.groupby("walk").size().tolist() == [15] * 30
    assert (frame["macs"] > 10 * frame["params"]).all()
    assert len(wrong) == 1 and "450 of 450 records hold the number of param" in wrong[0]


def test_strategies_run_on_a_data_base(shared, tmp_path):
    path = tmp_path / "eo.sqlite"
    import_eo_hw_nas(shared / "eo_hw_nas", path)[0].close()
    table = read_table(path, maximize=["val_accuracy"], minimize=["latency_ms"])
    assert len(table) == 450
    with pytest.raises(UserError, match="neither choices nor adjacency"):
        read_table(path, maximize=["val_accuracy"], minimize=[], choices=["matrix"])


def test_damaged_records_are_told(shared, tmp_path):
    folder = tmp_path / "records"
    folder.mkdir()
    for file in (shared / "eo_hw_nas").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    walks = json.loads((folder / "path_logs.json").read_text())
    walks[0][0]["id"] = 1
    (folder / "path_logs.json").write_text(json.dumps(walks))
    with pytest.raises(UserError, match=r"something else .KeyError: 'arch_1'"):
        import_eo_hw_nas(folder, tmp_path / "a.sqlite")
    (folder / "path_logs.json").write_text("{}")
    with pytest.raises(UserError, match="where a list should be"):
        import_eo_hw_nas(folder, tmp_path / "a.sqlite")
    (folder / "path_logs.json").unlink()
    with pytest.raises(UserError, match=r"path_logs\.json"):
        import_eo_hw_nas(folder, tmp_path / "a.sqlite")
    assert not (tmp_path / "a.sqlite").exists()


def test_a_csv_of_choices_with_epochs(tmp_path):
    source = tmp_path / "grid.csv"
    source.write_text(
        "width,kind,epoch,macs,val_accuracy,note\n"
        "8,a,1,10,0.1,x\n8,a,2,10,0.2,x\n16,a,1,20,0.3,y\n16,a,2,20,0.4,\n"
    )
    out = tmp_path / "grid.sqlite"
    found = import_csv(source, out, choices=["width", "kind"], known=["macs"])
    with found:
        assert len(found) == 2 and found.epochs == [1, 2]
        one = {"width": 8, "kind": "a"}
        assert found.query(one, epoch=1) == {"macs": 10, "val_accuracy": 0.1}
        assert found.query(one) == {"macs": 10, "val_accuracy": 0.2}


def test_a_csv_of_cells(tmp_path):
    source = tmp_path / "cells.csv"
    source.write_text(
        "adjacency,ops,accuracy\n"
        f'"[[0, 1, 0], [0, 0, 1], [0, 0, 0]]",{THREE},0.5\n010001000,{POOL},0.25\n'
    )
    columns = {"adjacency": ["adjacency", "ops"]}
    with import_csv(source, tmp_path / "c.sqlite", epochs=9, **columns) as found:
        cell = Cell.of([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [POOL])
        assert found.query(cell, epoch=9) == {"accuracy": 0.25}


def test_a_csv_of_nasbench_201_strings(tmp_path):
    """The notation of NAS-Bench-201 (Dong and Yang 2020, arXiv:2001.00326)."""
    source = tmp_path / "201.csv"
    text = (
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|"
        "nor_conv_3x3~2|"
    )
    source.write_text(f"arch,accuracy\n{text},91.5\n")
    with import_csv(source, tmp_path / "201.sqlite", architecture="arch") as found:
        assert list(found.architectures()) == [
            {
                **{"edge_0_1": "nor_conv_3x3", "edge_0_2": "none"},
                **{"edge_1_2": "skip_connect", "edge_0_3": "avg_pool_3x3"},
                **{"edge_1_3": "nor_conv_1x1", "edge_2_3": "nor_conv_3x3"},
            }
        ]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "choices, adjacency or architecture, got none"),
        ({"choices": ["a"], "architecture": "a"}, "got several"),
        ({"choices": ["nothing"]}, "expected the columns nothing"),
        ({"choices": ["a"]}, "expected each network once"),
        (
            {"choices": ["a", "b"], "known": ["c"]},
            "numbers that are no choices as known",
        ),
        ({"adjacency": ["a"]}, "expected two columns"),
        ({"architecture": "c"}, "an operation for each earlier node"),
        ({"choices": ["a", "b"], "epochs": 0}, "expected epochs from 1, found 0"),
        ({"choices": ["a", "b", "score"]}, "expected further columns of numbers"),
    ],
)
def test_wrong_columns_are_told(tmp_path, columns, expected):
    source = tmp_path / "t.csv"
    source.write_text("a,b,c,score\n1,1,x,0.5\n1,2,y,0.6\n")
    with pytest.raises(UserError, match=expected):
        import_csv(source, tmp_path / "t.sqlite", **columns)
    assert not (tmp_path / "t.sqlite").exists()


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        (
            "a,f\n1,0.5\n2,0.5x\n3,1\n",
            {"choices": ["a"]},
            "row 2: expected a number in f",
        ),
        ("a,f\n1,0.5\n2,inf\n", {"choices": ["a"]}, "row 2: expected a finite number"),
        ("id,f\n1,0.5\n2,1\n", {"choices": ["id"]}, "other names of choices"),
        ("a,f,epoch\n1,1,1\n", {"choices": ["a"], "epochs": 5}, "leave epochs out"),
        ("a,f,epoch\n1,1,inf\n", {"choices": ["a"]}, "whole numbers in epoch"),
        ("a,f,epoch\n1,1,1e20\n", {"choices": ["a"]}, "whole numbers in epoch"),
        (
            "a,m,f,epoch\n1,10,1,1\n1,20,2,2\n",
            {"choices": ["a"], "known": ["m"]},
            "row 2: expected the same m for each epoch",
        ),
        ("m,o,f\n011000000,x,1\n", {"adjacency": ["m", "o"]}, "row 1: .*found x"),
        ('m,o,f\n011000000,"[""a"",",1\n', {"adjacency": ["m", "o"]}, "as a JSON list"),
        ("m,f\n|a~0|,1\n|a~0|+|a~0|b~1|,2\n", {"architecture": "m"}, "same choices"),
        ("m,f\n|a~0||,1\n", {"architecture": "m"}, "for each earlier node"),
        ("a,f\n1,2,3\n", {"choices": ["a"]}, "as many values in a row"),
    ],
)
def test_what_is_no_figure_is_told_with_its_row(tmp_path, text, columns, expected):
    source = tmp_path / "t.csv"
    source.write_text(text)
    with pytest.raises(UserError, match=expected):
        import_csv(source, tmp_path / "t.sqlite", **columns)
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_figures_that_are_no_numbers_are_not_added(tmp_path):
    path = tmp_path / "x.sqlite"
    with Database.create(path, CHOICES, {}) as made:
        for epoch, value in ((1, float("nan")), (1, float("inf")), ("x", 1.0)):
            with pytest.raises(UserError, match=r"x\.sqlite: expected whole epochs"):
                made.add([Entry({"a": 1}, {epoch: {"f": value}})])
        assert len(made) == 0
