"""What `fit` keeps of the references of a run, and what is compared with them."""

import json
import os

import pytest
import small

from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.learning import references
from autoai4eo.runs.folder import Run

pytestmark = pytest.mark.usefixtures("in_process")
DATA, VALIDATION, TEST = (small.dataset(96, seed=seed) for seed in range(3))


def fit(folder, **how):
    model = small.model(folder, max_trials=1, objective="val_accuracy")
    model.fit(DATA, validation_data=VALIDATION, epochs=1, verbose=0, **how)
    return model


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("references"), references=True)


@pytest.fixture
def no_training(monkeypatch):
    def train(*arguments, **named):
        raise AssertionError("references were trained")

    monkeypatch.setattr("autoai4eo.tasks.references.train_references", train)


def kept(run):
    return json.loads((run / "best" / "evaluation.json").read_text())


def test_they_are_recorded_with_the_run_and_are_no_trials(fitted):
    told = Run(fitted.run).read_references()
    assert list(told["scores"]) == ["majority", "trees"]
    assert told["scores"]["trees"]["cohen_kappa"] > 0.9
    assert told["samples"] == 96 and told["run"] == Run(fitted.run).mark()
    assert list(fitted.trials()["trial"]) == [0]


def test_the_finalist_is_compared_on_the_validation_data(fitted):
    told = kept(fitted.run)
    recorded = Run(fitted.run).read_references()["scores"]
    for name, scores in told["references"].items():
        assert scores["confusion_matrix"] == recorded[name]["confusion_matrix"]
    against = told["against_reference"]
    assert against["metric"] == "accuracy"  # what the search improves
    gain = told["accuracy"] - recorded[against["other"]]["accuracy"]
    assert against["difference"] == pytest.approx(gain)
    low, high = against["interval"]
    assert low <= against["difference"] <= high


def test_further_data_are_scored_with_the_same_trees(fitted, no_training):
    scores = fitted.evaluate(TEST)
    assert scores["references"]["trees"]["cohen_kappa"] > 0.9
    assert scores["references"]["majority"]["cohen_kappa"] == 0
    assert sum(map(sum, scores["references"]["trees"]["confusion_matrix"])) == 96
    assert scores["against_reference"]["other"] == "trees"


def test_there_is_no_verdict_on_what_the_network_learned_from(fitted, no_training):
    with pytest.warns(AutoAI4EOWarning, match="say nothing about other data"):
        scores = fitted.evaluate(DATA)
    assert "trees" in scores["references"] and "against_reference" not in scores


def test_a_resumed_search_trains_them_no_second_time(fitted, no_training):
    before = fitted.run.joinpath("references.skops").stat().st_mtime_ns
    fit(fitted.run.parent, references=True)
    fit(fitted.run.parent, references=False)
    assert fitted.run.joinpath("references.skops").stat().st_mtime_ns == before
    assert "against_reference" in kept(fitted.run)


def test_without_them_a_run_is_as_before_and_may_get_them_later(tmp_path):
    model = fit(tmp_path, references=False)
    assert not [p for p in os.listdir(model.run) if p.startswith("references")]
    assert "references" not in kept(model.run)
    before = model.evaluate(TEST)
    assert "against_reference" not in before
    model = fit(tmp_path, references=True)
    assert "against_reference" in kept(model.run)
    after = model.evaluate(TEST)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("damage", ["cut", "gone"])
@pytest.mark.parametrize("name", ["references.json", "references.skops"])
@pytest.mark.filterwarnings("ignore")  # of the damage: it is set aside
def test_damaged_ones_are_a_line_and_are_made_again(fitted, tmp_path, name, damage):
    import shutil

    run = shutil.copytree(fitted.run, tmp_path / "run")
    model = small.model(tmp_path, max_trials=1)
    path = run / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.unlink()
    if name == "references.json" and damage == "gone":
        assert "references" not in model.evaluate(TEST)
    else:
        with pytest.raises(UserError, match=f"{name}: expected [^\n]*`autoai4eo fit`"):
            model.evaluate(TEST)
    again = fit(tmp_path, references=True)
    assert "against_reference" in again.evaluate(TEST)
    assert damage == "gone" or (run / f"{name}.damaged").is_file()


def test_those_of_another_run_are_not_used(fitted, tmp_path):
    other = fit(tmp_path, references=False)
    for name in ("references.json", "references.skops"):
        (other.run / name).write_bytes((fitted.run / name).read_bytes())
    with pytest.raises(
        UserError, match="expected a file of this run, found that of an"
    ):
        other.evaluate(TEST)


def test_each_patch_is_read_once_for_all_references(fitted, monkeypatch):
    called = []
    of = references.patch_statistics
    monkeypatch.setattr(
        references, "patch_statistics", lambda *a: called.append(0) or of(*a)
    )
    fitted.evaluate(TEST)
    assert len(called) == 1
