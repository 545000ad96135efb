"""Evaluations on other data are kept in the run."""

import json

import pytest
import small

from autoai4eo.deploy.export import card, metadata
from autoai4eo.errors import AutoAI4EOWarning, DamagedError
from autoai4eo.report.page import write_report
from autoai4eo.runs.evaluations import evaluations_of
from autoai4eo.runs.folder import Run
from autoai4eo.runs.reading import read
from autoai4eo.runs.scoring import evaluate

ASSETS = {
    "m.keras": {
        "title": "Keras",
        "autoai4eo:format": "keras",
        "autoai4eo:size_bytes": 1,
        "autoai4eo:latency": {"milliseconds": 1.0, "device": "CPU", "runtime": "Keras"},
        "autoai4eo:max_difference": 0.0,
        "autoai4eo:checked_on": "8 patches",
    }
}
TEST, OTHER = small.dataset(seed=2), small.dataset(samples=40, seed=3)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    model = small.model(tmp_path_factory.mktemp("evaluations"), max_trials=1)
    with small.in_this_process():
        data = small.dataset()
        model.fit(data, validation_data=small.dataset(seed=1), epochs=1, verbose=0)
    return model


@pytest.fixture(autouse=True)
def nothing_kept(searched):
    for path in Run(searched.run).evaluations.glob("*"):
        path.unlink()


def test_the_same_data_again_replace_their_own_record(searched):
    scores = searched.evaluate(TEST)
    searched.evaluate(OTHER)
    searched.evaluate(TEST)
    found = {one.data["fingerprint"]: one for one in evaluations_of(searched.run)}
    assert found.keys() == {TEST.fingerprint(), OTHER.fingerprint()}
    assert len(list(Run(searched.run).evaluations.iterdir())) == 2
    kept = found[TEST.fingerprint()]
    assert kept.scores == json.loads(json.dumps(scores))
    assert kept.scores["intervals"]["cohen_kappa"] == scores["intervals"]["cohen_kappa"]
    assert kept.data["samples"] == len(TEST) and kept.evaluated > "2026"
    assert (str(kept.of), kept.was_finalist) == ("trial 0", True)


def test_networks_are_told_apart(searched):
    run = searched.run
    searched.evaluate(TEST)
    evaluate(run, searched.export_model(), TEST, 32, {}, trial=0)
    finalist = Run(run).read_evaluation()["network"]
    told = {one.told_of(finalist) for one in evaluations_of(run)}
    assert told == {"finalist (trial 0)", "trial 0"}
    assert {one.told_of("another") for one in evaluations_of(run)} == {
        "former finalist (trial 0)",
        "trial 0",
    }


def test_report_card_and_item_show_them(searched):
    scores = searched.evaluate(TEST)
    page = write_report(searched.run).read_text("utf-8")
    fingerprint = TEST.fingerprint()
    assert fingerprint in page and "Evaluation on" in page
    known = Run(searched.run).read()
    item = metadata.item(searched.run, known, searched.export_model(), None)
    (one,) = item["properties"]["autoai4eo:evaluations"]
    assert one["data"]["fingerprint"] == fingerprint
    assert one["metrics"]["cohen_kappa"] == {
        "value": scores["cohen_kappa"],
        "interval_95": scores["intervals"]["cohen_kappa"],
    }
    written = card.render({**item, "assets": ASSETS})
    assert f"fingerprint `{fingerprint}`" in written
    assert "on others was measured on the data above only" in written


@pytest.mark.filterwarnings("ignore::autoai4eo.errors.AutoAI4EOWarning")
def test_scores_on_what_the_network_learned_from_are_told_as_such(searched):
    """Users rely on: nobody takes them for scores on other data."""
    searched.evaluate(small.dataset())
    (one,) = evaluations_of(searched.run)
    assert "training" in one.data["learned_from"]
    assert one.told_data.endswith("data)") and "(training" in one.told_data
    page = write_report(searched.run).read_text("utf-8")
    assert f"Evaluation on {one.told_data}" in page
    known = Run(searched.run).read()
    item = metadata.item(searched.run, known, searched.export_model(), None)
    assert item["properties"]["autoai4eo:evaluations"] == []


def test_a_damaged_record_is_left_out_of_the_report_and_named(searched):
    searched.evaluate(TEST)
    (path,) = Run(searched.run).evaluations.iterdir()
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "run": "another"}))
    with pytest.raises(DamagedError, match="expected the scores of a network of this"):
        evaluations_of(searched.run)
    (note,) = read(searched.run).notes
    assert str(path) in note


def test_a_run_that_cannot_be_written_is_evaluated_all_the_same(searched, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autoai4eo.runs.evaluations.write_json", full)
    with pytest.warns(AutoAI4EOWarning, match="No space left on device.*not kept"):
        assert searched.evaluate(TEST)["cohen_kappa"] is not None


def test_scores_are_not_lost_where_something_else_has_their_folder_s_name(searched):
    path = Run(searched.run).evaluations
    if path.exists():  # empty
        path.rmdir()
    path.write_text("a note of the user")
    with pytest.warns(AutoAI4EOWarning, match="found something else.*not kept"):
        assert searched.evaluate(TEST)["cohen_kappa"] is not None
    assert path.read_text() == "a note of the user"
    path.unlink()
