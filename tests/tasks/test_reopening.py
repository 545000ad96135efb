"""A run is opened again, and another of its trials becomes the finalist."""

import json
import shutil

import h5py
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.data.splits import split
from autoai4eo.errors import UserError
from autoai4eo.runs.soundness import summary
from autoai4eo.runs.study import open_study
from autoai4eo.tasks import selecting
from autoai4eo.tasks.recorded_data import training_data, validation_data
from autoai4eo.tasks.selecting import Choice

TEST = small.dataset(seed=5)
pytestmark = pytest.mark.usefixtures("in_process", "checked_here")


def finalist(run):
    return json.loads((run / "best" / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def searched(tmp_path_factory, in_process):
    """A finished search over a file, of which it took some samples."""
    folder = tmp_path_factory.mktemp("searched")
    file = small.write(folder / "data.h5", 96)
    train, validation = split(ae.open_dataset(file), (0.5, 0.5), seed=11)
    model = small.model(folder, objective=["val_cohen_kappa", "params"], max_trials=3)
    how = {"class_weight": "balanced", "augmentation": None}
    model.fit(train, validation_data=validation, epochs=1, verbose=0, **how)
    return model


@pytest.fixture
def copied(searched, tmp_path):
    """The same search in another folder, without `fit`."""
    shutil.copytree(searched.run, tmp_path / "run")
    return small.model(tmp_path)


def others(model):
    kept = finalist(model.run)["trial"]
    return [int(n) for n in model.trials()["trial"] if n != kept]


def test_a_selected_trial_becomes_the_finalist_without_fit(copied, searched):
    other, *_ = others(copied)
    assert copied.select(trial=other, verbose=0) == other
    told = finalist(copied.run)
    assert told["trial"] == other and told["trained_on"] == "training"
    assert "cohen_kappa" in told  # scored on the validation data, which are found again
    # trained as the search trained it
    mine, known = copied._training, searched._training
    assert mine.train.fingerprint() == known.train.fingerprint()
    assert mine.validation.fingerprint() == known.validation.fingerprint()
    names = ("epochs", "batch_size", "class_weight", "augmentation", "objectives")
    assert [getattr(mine, n) for n in names] == [getattr(known, n) for n in names]
    # the choice holds when the search is resumed
    assert open_study(copied.run).user_attrs["finalist"] == other


def test_a_selected_trial_is_trained_on_what_the_search_trained_its_finalist_on(copied):
    """Users rely on: select and fit make the same network of a choice."""
    other, *_ = others(copied)
    file = copied.run / "run.json"
    record = json.loads(file.read_text())
    assert record["task"]["refit"] is False
    record["task"]["refit"] = True
    file.write_text(json.dumps(record))
    assert copied.select(trial=other, verbose=0) == other
    assert finalist(copied.run)["trained_on"] == "training and validation"
    assert copied.select(trial=other, refit=False, verbose=0) == other
    assert finalist(copied.run)["trained_on"] == "training"


def test_selecting_the_finalist_again_trains_nothing(copied, capsys):
    file = copied.run / "best" / "model.keras"
    before, number = file.stat().st_mtime_ns, finalist(copied.run)["trial"]
    assert copied.select(trial=number) == number
    assert f"trial {number} is the finalist already" in capsys.readouterr().out
    assert copied.select() == number
    assert file.stat().st_mtime_ns == before and copied._training is None


def test_what_an_interrupted_select_trained_is_kept_and_scored(copied, monkeypatch):
    """Users rely on: the same select again only does what is missing."""
    other, *_ = others(copied)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(selecting, "validate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            copied.select(trial=other, verbose=0)
    file = copied.run / "best" / "model.keras"
    before = file.stat().st_mtime_ns
    assert finalist(copied.run)["trial"] == other
    assert "cohen_kappa" not in finalist(copied.run)
    assert "is not scored on the validation data" in summary(copied.run)
    assert small.model(copied.directory).select(trial=other, verbose=0) == other
    assert file.stat().st_mtime_ns == before
    assert "cohen_kappa" in finalist(copied.run)
    assert "fit has nothing to repair" in summary(copied.run)


def test_rules_and_limits_select_as_after_fit(copied):
    least = int(copied.pareto_front()["params"].min())
    number = copied.select(max_params=least, verbose=0)
    assert copied.export_model().count_params() == least
    assert finalist(copied.run)["trial"] == number
    number = copied.select("knee", refit=True, verbose=0)
    assert number in list(copied.pareto_front()["trial"])
    assert finalist(copied.run)["trained_on"] == "training and validation"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"trial": 99}, "expected a complete trial, found trial 99 to be missing"),
        ({"max_params": 1}, "found none of"),
        ({"trial": 0, "max_params": 9}, "expected a trial, or a rule and limits"),
    ],
)
def test_a_wrong_choice_changes_nothing(copied, how, message):
    before = (copied.run / "study.db").read_bytes()
    with pytest.raises(UserError, match=message):
        copied.select(**how, verbose=0)
    assert (copied.run / "study.db").read_bytes() == before


def test_data_that_are_gone_or_changed_are_named(copied, searched):
    other, *_ = others(copied)
    file = searched.run.parent / "data.h5"
    aside = file.rename(file.with_suffix(".aside"))
    try:
        with pytest.raises(UserError, match=r"training data at .*data.h5, found not"):
            copied.select(trial=other, verbose=0)
        small.write(file, 96, seed=4)
        with pytest.raises(UserError, match=r"data of this run in .*, found others"):
            copied.select(trial=other, verbose=0)
        small.write(file, 10)
        with pytest.raises(UserError, match=r"expected .* samples or more, found 10"):
            copied.select(trial=other, verbose=0)
    finally:
        aside.rename(file)
    assert open_study(copied.run).user_attrs.get("finalist") is None


def test_the_samples_of_each_part_are_found_again(searched):
    train, validation = training_data(searched.run), validation_data(searched.run)
    assert not set(train.rows) & set(validation.rows)
    whole = ae.open_dataset(searched.run.parent / "data.h5")
    np.testing.assert_array_equal(train.labels, whole.labels[train.rows])


def test_a_run_of_an_earlier_version_has_its_default_split(tmp_path):
    file = small.write(tmp_path / "data.h5")
    model = small.model(tmp_path, max_trials=1)
    model.fit(file, epochs=1, verbose=0)
    known = training_data(model.run)
    (model.run / "samples.npz").unlink()
    again = training_data(model.run)
    np.testing.assert_array_equal(known.rows, again.rows)


def test_what_no_file_holds_is_named(tmp_path):
    import keras

    file = small.write(tmp_path / "data.h5")
    model = small.model(tmp_path, max_trials=2)
    with_own = {"callbacks": [keras.callbacks.TerminateOnNaN()]}
    model.fit(file, epochs=1, verbose=0, **with_own)
    again = small.model(tmp_path)
    with pytest.raises(UserError, match=r"found one with callbacks; call fit with"):
        again.select(trial=others(model)[0], verbose=0)


def test_an_opened_run_predicts_exports_and_reports(searched, tmp_path):
    folder = shutil.copytree(searched.run, tmp_path / "run")
    model = ae.open_run(str(folder))
    assert isinstance(model, ae.ImageClassifier)
    np.testing.assert_allclose(
        model.predict_proba(TEST), searched.predict_proba(TEST), atol=1e-6
    )
    assert model.evaluate(TEST)["accuracy"] == searched.evaluate(TEST)["accuracy"]
    assert list(model.trials()["trial"]) == list(searched.trials()["trial"])
    assert [o.name for o in model.objectives] == ["val_cohen_kappa", "params"]
    assert model.report().is_file()
    assert model.export(tmp_path / "m.keras", "keras").is_file()
    # the blocks of the search are not those of an ImageClassifier
    with pytest.raises(UserError, match=r"blocks of this class, found networks of oth"):
        model.select(trial=others(model)[0], verbose=0)


def test_an_opened_run_has_the_class_of_its_target(segmented, tmp_path):
    assert type(ae.open_run(segmented.run)) is ae.ImageSegmenter
    with pytest.raises(UserError, match=r"expected a run folder with run.json in it"):
        ae.open_run(tmp_path)


@pytest.mark.slow
def test_an_opened_classifier_trains_another_trial(tmp_path):
    data = small.write(tmp_path / "data.h5", 24)
    with h5py.File(data, "a") as file:
        pixels = file["sen2"][:]
        del file["sen2"]
        file["sen2"] = np.tile(pixels, (1, 2, 2, 1))
    model = ae.ImageClassifier(
        ["sen2"], directory=tmp_path, project_name="run", max_trials=2, tuner="random"
    )
    model.fit(data, epochs=1, verbose=0, references=False)
    opened = ae.open_run(tmp_path / "run")
    assert opened.input_names == ["sen2"]
    other, *_ = others(model)
    assert opened.select(trial=other, verbose=0) == other
    assert finalist(model.run)["trial"] == other


def test_a_choice_has_limits_of_costs():
    assert Choice("knee", limits={"max_params": 3}).within == {"params": 3}
    with pytest.raises(UserError, match=r"expected max_COST=LIMIT, got params"):
        Choice(limits={"params": 3})
    for wrong in (0, -1, float("nan")):
        with pytest.raises(UserError, match="expected max_params above 0, got"):
            Choice(limits={"max_params": wrong})
