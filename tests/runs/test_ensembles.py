"""The record of ensembles in a run's folder."""

import json

import optuna
import pytest
import runs
from optuna.trial import TrialState

from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.runs import ensembles, front, soundness
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import clear, made
from autoai4eo.runs.network_id import NetworkId
from autoai4eo.runs.study import open_study

COST = {
    "params": 10,
    "macs": 20,
    "flops": 41,
    "size_bytes": 40,
    "latency_ms": 1.5,
    "latency_batch_size": 1,
    "device": "CPU",
}
FOUND = {
    "members": {3: 1, 0: 3},
    "metrics": {"val_cohen_kappa": 0.6},
    "cost": COST,
    "summed": {"params": 10, "latency_ms": 2.0},
    "limits": {"latency_ms": 2.5},
    "size": 20,
    "chosen_by": "val_cohen_kappa",
    "epochs": 7,
}


@pytest.fixture
def run(tmp_path):
    """A run of four trained trials; the first has a kappa of 0.5, the others 0.1."""
    folder = runs.run_folder(tmp_path / "run")
    study = open_study(folder, runs.OBJECTIVES)
    trained = {"metrics": {"val_cohen_kappa": 0.1}, "cost": {}}
    for _ in range(3):
        study.add_trial(optuna.trial.create_trial(value=0.1, user_attrs=trained))
    study.add_trial(optuna.trial.create_trial(state=TrialState.FAIL))
    runs.close(study)
    return folder


def add(run, text="network", **changes):
    return ensembles.add(
        run, lambda path: path.write_text(text), **{**FOUND, **changes}
    )


def test_what_is_kept_is_read_again(run):
    kept = [add(run), add(run, limits={})]
    assert [one.number for one in kept] == ensembles.numbers(run) == [0, 1]
    assert ensembles.ensembles_of(run) == kept
    assert kept[0].weights == {3: 0.25, 0: 0.75}
    assert kept[0].told == "trial 0 (0.75), trial 3 (0.25)"
    assert ensembles.network_of(run, 1).read_text() == "network"


def test_a_writer_that_fails_leaves_nothing(run):
    def write(path):
        path.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        ensembles.add(run, write, **FOUND)
    assert [*(run / "ensembles").iterdir()] == []
    assert ensembles.ensembles_of(run) == []


def test_what_a_killed_writer_left_is_deleted_with_the_run(run):
    add(run)
    left = run / "ensembles" / f".writing-{'0' * 16}-1"
    left.mkdir()
    (left / "model.keras").write_text("half")
    assert left / "model.keras" in made(run)
    clear(run)
    assert not (run / "ensembles").exists()


def test_an_unknown_ensemble_names_those_that_exist(run):
    add(run)
    with pytest.raises(
        MissingError, match=r"expected the ensemble 4, found 0; .*makes"
    ):
        ensembles.network_of(run, 4)


def test_a_swapped_network_is_not_used(run):
    add(run, "one")
    add(run, "two")
    first, second = (run / "ensembles" / n / "model.keras" for n in "01")
    first.write_bytes(second.read_bytes())
    with pytest.raises(DamagedError, match="found another file, or a damaged one"):
        ensembles.network_of(run, 0)


@pytest.mark.parametrize(
    "change",
    [{"members": {}}, {"members": {"x": 1}}, {"metrics": 1}, {"cost": {"params": 1}}],
)
def test_a_damaged_record_is_told_and_check_finds_it(run, change):
    add(run)
    path = run / "ensembles" / "0" / "ensemble.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=r"ensemble\.json"):
        ensembles.ensembles_of(run)
    (found,) = (f for f in soundness.findings(run) if f.path == path)
    assert "continues without it" in found.remedy


@pytest.mark.parametrize("lost", [7, 4])
def test_members_that_are_no_trained_trials_are_told(run, lost):
    """Trial 7 does not exist, trial 4 failed."""
    add(run, members={0: 3, lost: 1})
    for read in (ensembles.read, ensembles.network_of):
        with pytest.raises(DamagedError, match="members") as told:
            read(run, 0)
        assert f"(0, 1, 2, 3), found {lost}; remove" in str(told.value)
        assert "\n" not in str(told.value)
    with pytest.raises(DamagedError, match="members"):
        ensembles.ensembles_of(run, open_study(run))
    path = run / "ensembles" / "0" / "ensemble.json"
    assert [f.path for f in soundness.findings(run) if f.path == path]


def test_a_record_of_an_earlier_version_has_no_scores(run):
    add(run, scores={"intervals": {"accuracy": [0.1, 0.2]}})
    assert ensembles.read(run, 0).scores["intervals"] == {"accuracy": [0.1, 0.2]}
    path = run / "ensembles" / "0" / "ensemble.json"
    told = json.loads(path.read_text())
    del told["scores"]
    path.write_text(json.dumps(told))
    assert ensembles.read(run, 0).scores == {}


def test_an_ensemble_of_another_run_is_not_used(run):
    told = json.loads(Run(run).json.read_text())
    Run(run).json.write_text(json.dumps({**told, "id": "this"}))
    add(run)
    Run(run).json.write_text(json.dumps({**told, "id": "other"}))
    with pytest.raises(DamagedError, match="found that of another"):
        ensembles.read(run, 0)


def test_a_link_in_its_place_is_not_followed(run, tmp_path):
    add(run)
    (tmp_path / "away").mkdir()
    (run / "ensembles" / "1").symlink_to(tmp_path / "away")
    with pytest.raises(UserError, match="found a link"):
        ensembles.numbers(run)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"accuracy": 1}, "expected a limit of params"),
        ({"samples_per_second": 1}, "expected a limit of params"),
        ({"latency_ms": 0}, "limit of latency_ms above 0"),
        ({"latency_ms": float("nan")}, "limit of latency_ms above 0"),
    ],
)
def test_costs_that_have_no_sum_are_refused(limits, message):
    with pytest.raises(UserError, match=message):
        ensembles.check_limits(limits)


def test_ensembles_are_on_the_front_with_trials(run):
    """The best trial has a kappa of 0.5."""
    better, worse = add(run), add(run, metrics={"val_cohen_kappa": 0.4})
    unknown = add(run, metrics={})
    study = open_study(run)
    best = front.optimal(study, [better, worse, unknown])
    assert best == {NetworkId("ensemble", 0)}
    assert front.optimal(study, [worse]) == {NetworkId("trial", 0)}
    table = ensembles.table([better, worse], best)
    assert table["on_front"].tolist() == [True, False]
    assert table["summed_latency_ms"].tolist() == [2.0, 2.0]
    assert table["latency_ms"].tolist() == [1.5, 1.5]
