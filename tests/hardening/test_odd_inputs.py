"""Odd paths, damaged files and values of other types end in one line."""

from __future__ import annotations

import copy
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import run_folder as searched_folder

from autoai4eo import UserError, open_dataset
from autoai4eo.data.statistics import cached_statistics, keep_statistics, statistics
from autoai4eo.files import check_can_write, check_can_write_into, read_json
from autoai4eo.runs.data_record import check_step
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import open_study, trial_of

LONG = ["x" * 300, "y/" * 2500, "a\0b"]


@pytest.mark.parametrize("name", [*LONG, "~nobody-here/data.h5", "x" * 300 + ".h5"])
def test_a_path_that_cannot_be(tmp_path, name):
    with pytest.raises(UserError):
        open_dataset(name)
    run = tmp_path / name
    for read in (lambda run: Run(run).read(), open_study):
        with pytest.raises(UserError):
            read(run)


@pytest.mark.parametrize("name", [*LONG, "x" * 250])
def test_a_name_that_cannot_be_written_is_refused_before_the_work(tmp_path, name):
    for check in (check_can_write, check_can_write_into):
        with pytest.raises(UserError, match="cannot be written"):
            check(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_that_can_be_written(tmp_path):
    check_can_write(tmp_path / ("x" * 220))
    check_can_write_into(tmp_path / ("x" * 220) / "run")


def layout(path: Path) -> bytes:
    """A file in So2Sat's layout with everything that is read."""
    with h5py.File(path, "w") as file:
        file["sen1"] = np.random.default_rng(0).random((6, 2, 2, 2), np.float32) - 9
        file["sen2"] = np.random.default_rng(0).random((6, 2, 2, 4), np.float32)
        file["label"] = np.eye(3)[[0, 1, 2, 0, 1, 2]]
        file["city"] = np.array([b"Rome", b"Oslo"] * 3)
        file["lon"], file["lat"] = np.arange(6.0), np.arange(6.0)
        file["class_names"] = np.array([b"a", b"b", b"c"])
        file["sen2"].attrs["nodata"] = -1.0
        file["again"] = h5py.SoftLink("/city")
    return path.read_bytes()


def used(path: Path) -> None:
    """All that a command does with data."""
    dataset = open_dataset(path)
    dataset.coordinates()
    statistics(dataset)
    dataset.fingerprint()


def test_damaged_hdf5_is_told_in_a_line(tmp_path):
    """Everywhere: in the tree of names, heaps, headers, data and attributes."""
    whole = layout(tmp_path / "whole.h5")
    used(tmp_path / "whole.h5")
    draw = random.Random(0)
    refused = 0
    for i in range(200):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 4, 64))):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        if i % 4 == 0:
            damaged = damaged[: draw.randrange(len(damaged))]
        path = tmp_path / f"{i}.h5"
        path.write_bytes(damaged)
        try:
            used(path)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
        path.unlink()
    assert refused > 50


def test_damaged_npz_is_told_in_a_line(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, image=np.zeros((4, 2, 2, 3), np.uint8), label=np.arange(4) % 2)
    whole = path.read_bytes()
    draw = random.Random(0)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 4, 16))):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            used(path)
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50


@pytest.mark.parametrize("member", ["image.npy", "notes.txt"])
def test_a_member_of_an_npz_that_is_no_array(tmp_path, member):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr(member, "text")
    with pytest.raises(UserError, match="damaged"):
        open_dataset(tmp_path / "a.npz")


SAMPLES = {
    "path": "x.h5",
    "samples": 3,
    "fingerprint": "abc",
    "classes": ["a", "b"],
    "inputs": [
        {"name": "i", "sensor": "s", "bands": ["B"], "shape": [8, 8, 1], "level": None}
    ],
}
RUN = {
    "schema": 1,
    "id": None,
    "arguments": {
        "objective": ["val_cohen_kappa"],
        "constraints": {"params": 3},
        "map_step": None,
        "storage": None,
        "epochs": 3,
    },
    "data": {"training": SAMPLES, "validation": SAMPLES},
    "versions": {"keras": "3"},
    "device": "CPU",
    "started": "2026",
}
EVALUATION = {
    "trial": 0,
    "trained_on": "training",
    "metrics": {"val_cohen_kappa": 0.5},
    "epochs": 2,
    "accuracy": 0.5,
    "intervals": {"accuracy": [0.4, 0.6]},
    "absent_classes": [],
    "per_class": {"a": {"f1": 0.5}, "b": {"f1": 0.5}},
    "confusion_matrix": [[1, 2], [3, 4]],
}
ODD = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False),
    st.lists(st.integers(), max_size=2),
    st.just({"x": 1}),
)


def places(value, path=()):
    """All places in nested values."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            yield from places(each, (*path, key))


def changed(content, place, value):
    new = copy.deepcopy(content)
    at = new
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return new


def page_of(run):
    """What reports, metadata and lines of scores rely on."""
    told, scores = Run(run).read(), Run(run).read_evaluation()
    for data in told["data"].values():
        lines = [f"{i['name']} {' '.join(i['bands'])}" for i in data["inputs"]]
        f"{data['path']} {data['samples']:,} {', '.join(data['classes'])}" + " ".join(
            lines
        )
    ", ".join(
        f"{n} {limit:g}"
        for n, limit in told["arguments"].get("constraints", {}).items()
    )
    matrix = np.array(scores.get("confusion_matrix", np.eye(2)), float)
    assert matrix.shape == (len(told["data"]["training"]["classes"]),) * 2
    for low, high in scores.get("intervals", {}).values():
        f"{low:.3f} {high:.3f}"
    f"{scores.get('accuracy', 0):.3f}"
    list(scores.get("per_class", {}).items())


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    run = tmp_path_factory.mktemp("odd") / "run"
    (run / "best").mkdir(parents=True)
    return run


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_values_of_other_types_in_a_run(searched, data):
    """Each value of the JSON files in turn is replaced by one of any type."""
    which = data.draw(st.sampled_from(("run.json", "best/evaluation.json")))
    content = RUN if which == "run.json" else EVALUATION
    place = data.draw(st.sampled_from([p for p in places(content) if p]))
    (searched / "run.json").write_text(json.dumps(RUN))
    (searched / "best" / "evaluation.json").write_text(json.dumps(EVALUATION))
    text = json.dumps(changed(content, place, data.draw(ODD)))
    (searched / which).write_text(text)
    try:
        page_of(searched)
        known = Run(searched).read()["arguments"].get("map_step")
        check_step(searched, known, None)
        Run(searched).is_at_work()
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), "1"),
        (("data", "training", "classes"), [1, 2]),
        (("data", "training", "samples"), "many"),
        (("data", "training", "inputs"), None),
        (("arguments", "constraints"), []),
    ],
)
def test_the_wrong_value_is_named(tmp_path, place, value):
    (tmp_path / "run.json").write_text(json.dumps(changed(RUN, place, value)))
    with pytest.raises(UserError, match=f"{place[-1]} is .*and should be"):
        Run(tmp_path).read()


def test_scores_of_other_classes_are_refused(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    odd = {**EVALUATION, "confusion_matrix": [[1]]}
    (tmp_path / "best" / "evaluation.json").write_text(json.dumps(odd))
    with pytest.raises(UserError, match="scores of this run's 2 classes"):
        Run(tmp_path).read_evaluation()


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told["inputs"]["image"].update(mean="text"),
        lambda told: told["inputs"]["image"].update(mean=[[1.0], [2.0], [3.0]]),
        lambda told: told["inputs"]["image"].update(mean=[1.0]),
        lambda told: told["inputs"].update(other=told["inputs"].pop("image")),
        lambda told: told.update(inputs=[]),
        lambda told: told.pop("fingerprint"),
        lambda told: told.update(format="2"),
    ],
)
def test_statistics_that_are_not_those_of_the_data_are_computed(tmp_path, damage):
    pixels = np.random.default_rng(0).integers(0, 9, (5, 3, 3, 3), np.uint8)
    dataset = open_dataset(pixels)
    right = statistics(dataset)
    path = tmp_path / "statistics.json"
    keep_statistics(dataset, right, path)
    told = json.loads(path.read_text())
    damage(told)
    path.write_text(json.dumps(told))
    found = cached_statistics(dataset, path)
    np.testing.assert_array_equal(found["image"].mean, right["image"].mean)


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE trial_user_attributes",
        "DELETE FROM study_user_attributes WHERE key = 'objectives'",
        "UPDATE trial_user_attributes SET value_json = '{'",
        "UPDATE study_user_attributes SET value_json = '3' WHERE key = 'objectives'",
        "DELETE FROM study_directions",
    ],
)
def test_a_record_that_optuna_cannot_read(tmp_path, change):
    run = searched_folder(tmp_path / "run")
    with closing(sqlite3.connect(run / "study.db")) as database:
        database.execute(change)
        database.commit()
    with pytest.raises(UserError, match="expected the record of a search"):
        open_study(run)


def test_json_without_an_end(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[" * 10**6)
    with pytest.raises(UserError, match="damaged"):
        read_json(path, "restore it")


def test_metadata_of_a_finalist_whose_scores_are_lost(tmp_path):
    from autoai4eo.deploy.export import metadata

    run = searched_folder(tmp_path / "run")
    with pytest.raises(UserError, match=r"evaluation.json: expected it beside"):
        metadata.item(run, Run(run).read(), None, None)


@pytest.mark.parametrize("number", [1, -1, 2**70])
def test_a_trial_that_the_search_does_not_have(tmp_path, number):
    run = searched_folder(tmp_path / "run")
    with pytest.raises(UserError, match=f"the trial {number} that its files name"):
        trial_of(open_study(run), run, number)
