"""Files of a run damaged, lost or swapped: told in a line, made again, never mixed."""

import json
import random
import shutil
import sqlite3
from contextlib import closing

import damaging
import numpy as np
import pytest

from autoai4eo.errors import UserError
from autoai4eo.runs import soundness
from autoai4eo.runs.study import objectives_of, open_study


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Two trials, and a third that was interrupted; nothing may change it."""
    return damaging.begin(tmp_path_factory.mktemp("begun"))


@pytest.fixture(scope="module")
def finished(begun, tmp_path_factory):
    """The same, gone on with to its end."""
    run = damaging.copy(begun, tmp_path_factory.mktemp("finished"))
    damaging.fit(run.parent)
    return run


@pytest.fixture
def folder(finished, tmp_path):
    return damaging.copy(finished, tmp_path)


def whole_of(run, damaged=True):
    said = {c: damaging.told(run, *c)[1] for c in damaging.COMMANDS if c[0] != "report"}
    return {**said, ("damaged",): "yes" if damaged else ""}


def contents(run):
    return {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}


def test_a_sound_run_has_no_findings_and_check_changes_nothing(begun, finished):
    for run, ends_with, words in (
        (begun, 1, "no finalist yet: fit with the same arguments resumes it"),
        (finished, 0, "is the finalist; fit has nothing to repair"),
    ):
        before = contents(run)
        status, out, err = damaging.told(run, "check")
        assert (status, err) == (ends_with, "") and words in out
        assert contents(run) == before


@pytest.mark.parametrize(
    "step", [5, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
@pytest.mark.parametrize("damage", damaging.DAMAGES)
def test_no_damage_is_a_traceback_or_a_wrong_number(finished, tmp_path, damage, step):
    whole = whole_of(finished)
    first = damaging.DAMAGES.index(damage) % step
    for i, name in enumerate(damaging.files(finished)[first::step]):
        run = damaging.copy(finished, tmp_path / str(i))
        before = contents(run)
        damage(run / name, random.Random(i))
        if contents(run) == before:
            continue  # nothing to swap it with
        # whether an interrupted trial had begun its curve, or the finalist was trained
        # beyond its trial, nobody can say
        curves = ("trials/2/history.csv", "best/history.csv")
        gone = damage is damaging.missing and name in curves
        whole["damaged",] = "" if gone else "yes"
        assert damaging.wrongs(run, whole) == [], name
        shutil.rmtree(run)


@pytest.mark.parametrize(
    ("command", "name", "other"),
    [
        (("profile",), "best/model.keras", "trials/0/model.keras"),
        (("profile", "--trial", "0"), "trials/0/model.keras", "trials/1/model.keras"),
        (("export", "OUT.keras", "--format", "keras"), "best/model.keras", None),
        (("evaluate", "data"), "best/model.keras", "trials/1/model.keras"),
        (("map", "scene.tif", "OUT.tif"), "best/model.keras", "trials/1/model.keras"),
    ],
)
def test_a_network_of_another_trial_is_not_used(folder, tmp_path, command, name, other):
    if other is None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-100])
    else:
        shutil.copy(folder / other, folder / name)
    given = [str(tmp_path / w) if w.startswith("OUT") else w for w in command]
    status, _, err = damaging.told(folder, *given)
    assert status == 2
    (line,) = err.strip().splitlines()
    assert f"{name}: expected " in line and "found another file, or a damaged" in line
    assert not list(tmp_path.glob("OUT*"))


def to_write(run):
    """The study of a run; without objectives it is opened for reading alone."""
    return open_study(run, objectives_of(open_study(run)))


def test_the_record_of_another_run_is_not_read(folder):
    to_write(folder).set_user_attr("run", "of another")
    for command in ("trials", "report", "check"):
        status, out, err = damaging.told(folder, command)
        assert status == 2 and "found that of another run" in out + err
    with pytest.raises(UserError, match="found that of another run"):
        damaging.fit(folder.parent)


@pytest.mark.parametrize("empty", [True, False])
def test_a_lost_record_does_not_begin_anew_over_old_networks(folder, empty):
    (folder / "study.db").unlink()
    if empty:
        (folder / "study.db").touch()
    shutil.rmtree(folder / "trials")  # the finalist alone is enough
    with pytest.raises(UserError, match=r"begin the search anew \(overwrite=True\)"):
        damaging.fit(folder.parent)
    assert (folder / "best" / "model.keras").exists()


def mend(run):
    said = []
    soundness.mend(run, open_study(run), said.append)
    return said


def test_mending_sets_aside_and_tells(folder):
    (folder / "statistics.json").write_text("{")
    (folder / "trials" / "0" / "cost.json").write_text("")
    (folder / "trials" / "1" / "history.csv").write_bytes(b"\xff")
    (folder / "trials" / "77").mkdir()
    (folder / "best" / "test.json").write_text("{}")
    kept = open_study(folder).trials[0].user_attrs["cost"]
    said = mend(folder)
    assert len(said) == 5 and all("set aside as " in line for line in said)
    for name in (
        "statistics.json",
        "trials/0/cost.json",
        "trials/1/history.csv",
        "trials/77",
        "best/test.json",
    ):
        assert (folder / f"{name}.damaged").exists(), said
    cost = json.loads((folder / "trials" / "0" / "cost.json").read_text())
    assert cost == kept
    assert not any("cost.json" in line for line in mend(folder))


@pytest.mark.parametrize("name", ["samples.npz", "evaluations", "best", "trials"])
def test_a_folder_for_a_file_and_the_reverse_are_said_and_set_aside(folder, name):
    path = folder / name
    if name == "samples.npz":
        path.unlink()
        path.mkdir()
    else:
        shutil.rmtree(path, ignore_errors=True)
        path.write_text("notes")
    assert [f.path for f in soundness.findings(folder)].count(path) == 1
    status, _, err = damaging.told(folder, "report")
    assert status == 0 and f"{path}: expected a f" in err
    told = []
    soundness.mend(folder, open_study(folder), told.append)
    assert sum(f"{path}: expected a f" in line for line in told) == 1
    assert (folder / f"{name}.damaged").exists() and not path.exists()


def test_a_checkpoint_of_another_run_is_reported(begun, tmp_path):
    run = damaging.copy(begun, tmp_path)
    (state,) = run.glob("trials/*/state.npz")
    content = dict(np.load(state))
    story = json.loads(str(content["story"]))
    story["of"]["run"] = "of another"
    np.savez(state, **{**content, "story": np.array(json.dumps(story))})
    (line,) = mend(run)
    assert f"{state}: expected the state of this training" in line
    assert not state.exists() and state.with_name("state.npz.damaged").exists()


def test_a_run_of_an_earlier_version_is_taken_as_it_is(finished, folder):
    """It has nothing that identifies its files."""
    with closing(sqlite3.connect(folder / "study.db")) as study:
        study.execute("DELETE FROM trial_user_attributes WHERE key = 'files'")
        study.execute("DELETE FROM study_user_attributes WHERE key = 'begun_with'")
        study.commit()
    for path in (folder / "run.json", folder / "best" / "evaluation.json"):
        kept = json.loads(path.read_text())
        for name in ("schema", "run", "network"):
            kept.pop(name, None)
        path.write_text(json.dumps(kept))
    mistakes = dict(np.load(folder / "best" / "mistakes.npz"))
    del mistakes["network"]
    np.savez(folder / "best" / "mistakes.npz", **mistakes)
    for path in folder.glob("trials/*/history.csv"):
        rows = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
        path.write_text("\n".join([*rows, ""]))
    for command in damaging.COMMANDS:
        status, _, err = damaging.told(folder, *command)
        assert (status, err) == (0, ""), command
    assert damaging.resumed(folder, whole_of(finished)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("trials/2/state.npz", damaging.half),
        ("trials/2/state.npz", damaging.zero),
        ("trials/2/history.csv", damaging.garbage),
        ("trials/0/model.keras", damaging.swapped),
        ("run.json", damaging.half),
        ("run.json", damaging.missing),
    ],
)
def test_a_search_goes_on_whatever_is_damaged(begun, tmp_path, name, damage):
    run = damaging.copy(begun, tmp_path)
    damage(run / name, random.Random(1))
    assert damaging.resumed(run, whole_of(begun)) == []
    assert soundness.unfinished(run) is None  # it came to its end


def test_a_lost_finalist_is_made_again(finished, folder):
    (folder / "best" / "model.keras").unlink()
    shutil.copy(folder / "trials/0/model.keras", folder / "trials/1/model.keras")
    (folder / "run.json").write_text("{")
    assert damaging.resumed(folder, whole_of(finished)) == []
    assert damaging.told(folder, "profile")[0] == 0
