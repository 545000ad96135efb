"""A surrogate is kept, read again, and answers for the whole space."""

import dataclasses
import json

import numpy as np
import pytest

from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.nasbench.database import CHOICES, Database, Entry
from autoai4eo.nasbench.landscape import read_landscape
from autoai4eo.nasbench.space import all_ids
from autoai4eo.nasbench.surrogates import Surrogate, read_records, validate
from autoai4eo.nasbench.surrogates.costs import Shape
from autoai4eo.nasbench.surrogates.models import NAMES
from autoai4eo.nasbench.surrogates.tables import write_out_of_fold
from autoai4eo.nasbench.table import read_table


@pytest.fixture(scope="module", params=NAMES)
def surrogate(records, request):
    return Surrogate.fit(records, request.param, about={"channels": 16})


@pytest.fixture(scope="module")
def ridge(records):
    return Surrogate.fit(records, "ridge", about={"channels": 16})


def test_a_surrogate_read_again_predicts_the_same(surrogate, records, tmp_path):
    surrogate.save(tmp_path / "s")
    again = Surrogate.load(tmp_path / "s")
    expected, found = (one.predict(records.entries) for one in (surrogate, again))
    assert np.array_equal(expected, found)
    assert (again.target, again.epoch) == ("val_accuracy", 5)
    assert not list((tmp_path / "s").glob("*.pkl"))


def test_damaged_files_are_told_in_a_line(surrogate, tmp_path):
    surrogate.save(tmp_path)
    paths = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match="expected JSON, found no file"):
        Surrogate.load(tmp_path / "nothing")
    for path in (paths[0], paths[-1]):
        content = path.read_bytes()
        other = bytes([content[len(content) // 2] ^ 1])
        changed = content[: len(content) // 2] + other
        for damaged in (b"", content[:-20], changed + content[len(changed) :]):
            path.write_bytes(damaged)
            with pytest.raises(UserError, match="damaged file") as told:
                Surrogate.load(tmp_path)
            assert str(path) in str(told.value) and "\n" not in str(told.value)
        path.unlink()
        with pytest.raises(UserError, match="found no file"):
            Surrogate.load(tmp_path)
        path.write_bytes(content)
    whole = json.loads(paths[-1].read_text())
    paths[-1].write_text(json.dumps({**whole, "version": 2}))
    with pytest.raises(UserError, match="expected a surrogate of version 1, found ver"):
        Surrogate.load(tmp_path)


def test_a_table_has_every_cell_of_the_space(ridge, tmp_path):
    with ridge.as_table(tmp_path / "t.sqlite", vertices=4) as table:
        frame = table.frame()
        assert sorted(frame["id"]) == all_ids(4).tolist()
        entries = [Entry(one, {}) for one in table.architectures()]
        mean, std = ridge.predict(entries)
        assert frame["val_accuracy"].tolist() == mean.tolist()
        assert frame["val_accuracy_std"].tolist() == std.tolist()
        assert table.about["predicted"] == "val_accuracy"
        macs = ridge.encoding.costs(list(table.architectures()))[0]
        assert frame["macs"].tolist() == macs.tolist()
    found = read_landscape(tmp_path / "t.sqlite", "val_accuracy")
    assert len(found) == len(frame) and found.is_closed and "macs" in found.figures
    simulated = read_table(
        tmp_path / "t.sqlite",
        maximize=["val_accuracy"],
        minimize=["macs"],
        known=["macs"],
    )
    assert len(simulated) == len(frame)
    with pytest.raises(UserError, match="expected no file, found one"):
        ridge.as_table(tmp_path / "t.sqlite", vertices=3)


def test_figures_known_before_training_help_and_are_asked_for(planted, tmp_path):
    with Database(planted) as database:
        known = read_records(database, "val_accuracy", known=["naswot"])
        plain = read_records(database, "val_accuracy")
        entries = list(database.entries())
    assert known.features.shape[1] == plain.features.shape[1] + 1
    errors = [
        validate(one, ["ridge"], 3).table["rmse"].iloc[0] for one in (known, plain)
    ]
    assert errors[0] < errors[1]
    surrogate = Surrogate.fit(known, "ridge")
    with pytest.raises(UserError, match="for a table of every network, found another"):
        surrogate.as_table(tmp_path / "every.sqlite")
    with surrogate.as_table(tmp_path / "some.sqlite", entries) as table:
        assert len(table) == len(entries)
        walks = [(one.walk, one.step) for one in table.entries()]
        assert walks == [(one.walk, one.step) for one in entries]
    bare = [dataclasses.replace(one, figures={}) for one in entries]
    with pytest.raises(UserError, match="expected naswot of each network before train"):
        surrogate.predict(bare)


def test_choices_are_predicted_too(tmp_path):
    rng = np.random.default_rng(0)
    rows = [{"width": w, "unit": u} for w in (8, 16, 24, 32, 40) for u in "abc"]
    entries = [
        Entry(row, {1: {"s": row["width"] / 8 + "abc".index(row["unit"]) + noise}})
        for row, noise in zip(rows, rng.normal(0, 0.01, 15), strict=True)
    ]
    with Database.create(tmp_path / "c.sqlite", CHOICES, {}) as database:
        database.add(entries)
        records = read_records(database, "s")
    assert len(set(records.groups)) == 15 and records.macs is None
    found = validate(records, ["ridge"], 5)
    assert found.table["r2"].iloc[0] > 0.5
    assert list(found.table["model"]) == ["ridge", "mean"]
    assert found.table["kendall_within"].isna().all()
    surrogate = Surrogate.fit(records, "ridge")
    surrogate.save(tmp_path / "s")
    again = Surrogate.load(tmp_path / "s")
    assert np.array_equal(surrogate.predict(entries), again.predict(entries))
    with pytest.raises(UserError, match="expected one of cells"):
        surrogate.as_table(tmp_path / "t.sqlite")
    with again.as_table(tmp_path / "t.sqlite", entries) as table:
        assert len(table) == 15 and table.space == CHOICES


def test_out_of_fold_predictions_keep_walks_and_costs(planted, records, tmp_path):
    found = validate(records, ["ridge"], 3)
    path = tmp_path / "oof.sqlite"
    about = {"source": "test"}
    write_out_of_fold(path, records, found.predictions["ridge"], "nasbench101", about)
    true, other = (read_landscape(one, "val_accuracy") for one in (planted, path))
    assert len(other.walks) == len(true.walks) == 12
    assert np.array_equal(other.values, found.predictions["ridge"][0])
    assert other.figures["naswot"].tolist() == true.figures["naswot"].tolist()


def test_what_is_not_recorded_is_told(planted):
    with Database(planted) as database:
        assert read_records(database, "naswot").encoding.shape == Shape(
            channels=16, size=8, bands=4, classes=3
        )
        for given, told in (
            ({"target": "kappa"}, "target: expected a figure .*naswot, val_accuracy"),
            ({"target": "naswot", "epoch": 3}, r"epoch: expected one of .*\(5\)"),
            ({"target": "naswot", "known": ["naswot"]}, "known: .*there is none"),
        ):
            with pytest.raises(UserError, match=told):
                read_records(database, **given)


def test_networks_without_the_figure_are_left_out(tmp_path):
    def entry(i):
        return Entry({"a": i}, {1: {"s": float(i)} if i < 12 else {"t": 1.0}})

    with Database.create(tmp_path / "c.sqlite", CHOICES, {}) as database:
        database.add(map(entry, range(15)))
        with pytest.warns(AutoAI4EOWarning, match="3 of 15 networks have no s after"):
            assert len(read_records(database, "s")) == 12
        with (
            pytest.warns(AutoAI4EOWarning),
            pytest.raises(UserError, match="expected 10 networks with t or more, fou"),
        ):
            read_records(database, "t")
