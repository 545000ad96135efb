"""Ensembles of a search: made, used like any other network, and refused."""

import json
import shutil

import keras
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo import deploy
from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.learning import evaluation
from autoai4eo.locks import locked
from autoai4eo.networks.ensemble import weighted_mean
from autoai4eo.runs import ensembles, scoring, soundness
from autoai4eo.runs.folder import Run
from autoai4eo.search.ensembles import library
from autoai4eo.search.tuner import Tuner
from autoai4eo.tasks import finalists

pytestmark = pytest.mark.usefixtures("in_process", "checked_here")
DATA, VALIDATION = small.dataset(), small.dataset(samples=60, seed=1)
TEST = small.dataset(samples=40, seed=2)


def search(folder, **arguments):
    return small.model(
        folder,
        **{"max_trials": 3, "objective": ["val_cohen_kappa", "params"], **arguments},
    )


def fit(model, **how):
    given = {"x": DATA, "validation_data": VALIDATION, "epochs": 1, "verbose": 0}
    model.fit(**{**given, **how})
    return model


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return fit(search(tmp_path_factory.mktemp("searched")))


@pytest.fixture
def model(fitted, tmp_path):
    """The same search in a copy of its folder, with its data."""
    shutil.copytree(fitted.run, tmp_path / "run")
    found = search(tmp_path)
    found._training = fitted._training
    return found


@pytest.fixture
def made(model):
    """An ensemble of two or three trials, which one epoch leaves far from perfect."""
    assert model.ensemble(size=6, verbose=0) == 0
    assert len(ensembles.read(model.run, 0).members) > 1
    return model


def predicted(network, dataset=TEST):
    return network.predict(dataset.read(np.arange(len(dataset))), verbose=0)


def test_it_predicts_the_weighted_mean_of_its_members(made):
    kept = ensembles.read(made.run, 0)
    found = predicted(deploy.load_network(made.run, "ensemble-0"))
    expected = sum(
        weight * predicted(deploy.load_network(made.run, trial))
        for trial, weight in kept.weights.items()
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_its_score_is_that_of_the_search_and_no_worse_than_any_trials(made):
    """Users rely on: trials and ensembles are judged alike."""
    network = deploy.load_network(made.run, "ensemble-0")
    scores = evaluation.evaluate(network, VALIDATION)
    (row,) = made.ensembles().to_dict("records")
    for name in ("accuracy", "average_accuracy", "cohen_kappa"):
        assert row[f"val_{name}"] == pytest.approx(scores[name], abs=1e-6)
    assert row["val_cohen_kappa"] >= made.trials()["val_cohen_kappa"].max() - 1e-6
    assert row["on_front"] in (True, False)


def test_costs_are_summed_over_members_and_measured_as_a_whole(made):
    kept = ensembles.read(made.run, 0)
    trials = made.trials(all=True).set_index("trial").loc[[*kept.members]]
    for name in ("params", "macs", "latency_ms"):
        assert kept.summed[name] == pytest.approx(trials[name].sum())
    assert kept.cost["params"] == kept.summed["params"]
    assert kept.cost["macs"] == kept.summed["macs"]
    assert kept.cost["latency_ms"] > 0
    assert kept.cost["runtime"] == trials["runtime"].iloc[0]


def test_a_budget_for_one_network_gives_that_network(model):
    trials = model.trials(all=True)
    least = trials.loc[trials["params"].idxmin()]
    number = model.ensemble(max_params=float(least["params"]), verbose=0)
    kept = ensembles.read(model.run, number)
    assert [*kept.members] == [least["trial"]]
    found = predicted(deploy.load_network(model.run, f"ensemble-{number}"))
    alone = predicted(deploy.load_network(model.run, int(least["trial"])))
    np.testing.assert_array_equal(found, alone)


def test_the_budget_holds_for_the_sum_of_members(model):
    params = model.trials()["params"]
    limit = float(params.nsmallest(2).sum())
    assert limit < params.sum()
    kept = ensembles.read(model.run, model.ensemble(max_params=limit, verbose=0))
    assert kept.summed["params"] <= limit and kept.limits == {"params": limit}


def test_it_can_be_the_finalist_and_a_trial_again(made):
    before = made.predict_proba(TEST)
    # not 0, which is trial 0, as `export` and others take it
    assert made.select(ensemble=0) == "ensemble-0" == made.select(ensemble=0)
    ensemble = predicted(deploy.load_network(made.run, "ensemble-0"))
    np.testing.assert_allclose(made.predict_proba(TEST), ensemble, atol=1e-6)
    told = json.loads((made.run / "best" / "evaluation.json").read_text())
    assert told["ensemble"] == 0 and "trial" not in told
    assert told["cohen_kappa"] == pytest.approx(told["metrics"]["val_cohen_kappa"])
    assert "temperature" in told and (made.run / "best" / "mistakes.npz").is_file()
    assert made.evaluate(TEST)["confusion_matrix"]
    assert soundness.findings(made.run) == []
    assert "ensemble 0 is the finalist" in soundness.summary(made.run)
    again = fit(search(made.directory))
    trial = again.select()
    np.testing.assert_allclose(again.predict_proba(TEST), before, atol=1e-6)
    told = json.loads((made.run / "best" / "evaluation.json").read_text())
    assert told["trial"] == trial and "ensemble" not in told


def test_an_interrupted_choice_of_it_is_scored_by_the_same_choice(made, monkeypatch):
    """Users rely on: the same select again only does what is missing."""

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(finalists, "validate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            made.select(ensemble=0)
    file = made.run / "best" / "model.keras"
    before = file.stat().st_mtime_ns
    assert "is not scored on the validation data" in soundness.summary(made.run)
    made.select(ensemble=0)
    assert file.stat().st_mtime_ns == before
    assert "fit has nothing to repair" in soundness.summary(made.run)


def test_a_resumed_search_keeps_it_and_makes_its_file_again(made):
    made.select(ensemble=0)
    file = made.run / "best" / "model.keras"
    kept = predicted(made.export_model())
    before = file.stat().st_mtime_ns
    fit(search(made.directory))
    assert file.stat().st_mtime_ns == before
    file.write_bytes(b"")
    np.testing.assert_array_equal(
        predicted(fit(search(made.directory)).export_model()), kept
    )


@pytest.mark.slow
def test_a_new_process_finds_the_data_at_their_path(tmp_path):
    paths = [small.write(tmp_path / f"{n}.h5", 48 + n, n) for n in range(3)]
    fit(search(tmp_path, max_trials=1), x=paths[0], validation_data=paths[1])
    again = search(tmp_path)
    assert again.ensemble(verbose=0) == 0
    with pytest.raises(UserError, match="expected the validation data of this run"):
        again.ensemble(validation_data=paths[2], verbose=0)
    paths[1].unlink()
    with pytest.raises(UserError, match="found nothing there; give validation_data"):
        again.ensemble(verbose=0)


@pytest.mark.slow
def test_the_export_says_that_it_is_an_ensemble(made, tmp_path):
    out = made.export(tmp_path / "m.keras", "keras", trial="ensemble-0")
    network = keras.models.load_model(out)
    expected = predicted(deploy.load_network(made.run, "ensemble-0"))
    np.testing.assert_allclose(predicted(network), expected, atol=1e-6)
    told = json.loads((tmp_path / "model.json").read_text())["properties"]
    kept = ensembles.read(made.run, 0)
    assert told["autoai4eo:ensemble"] == 0 and "autoai4eo:trial" not in told
    weights = {m["trial"]: m["weight"] for m in told["autoai4eo:members"]}
    assert weights == kept.weights
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert f"weighted mean of the outputs of {len(weights)} networks" in card
    assert "members were chosen by the validation data" in card


@pytest.mark.slow
@pytest.mark.parametrize("name", small.EXPORTS)
def test_every_format_takes_it(made, tmp_path, name):
    format, quantize = small.EXPORTS[name]
    out = tmp_path / name
    done = deploy.export(
        made.run,
        out,
        format,
        trial="ensemble-0",
        quantize=quantize,
        data={"training": DATA, "validation": VALIDATION},
    )
    assert done.max_difference <= done.tolerance


def test_a_calibrated_export_is_refused_in_a_line(made, tmp_path):
    made.select(ensemble=0)
    with pytest.raises(UserError, match="expected a network that ends with a dense"):
        made.export(tmp_path / "m.keras", "keras", calibrated=True)


def test_a_trial_whose_network_is_gone_is_left_out_and_told(model):
    (model.run / "trials" / "0" / "model.keras").unlink()
    with pytest.warns(UserWarning, match="trial 0 is left out"):
        number = model.ensemble(verbose=0)
    assert 0 not in ensembles.read(model.run, number).members


def test_without_any_network_nothing_is_made(model):
    for number in range(3):
        (model.run / "trials" / str(number) / "model.keras").unlink()
    with (
        pytest.warns(UserWarning, match="is left out"),
        pytest.raises(UserError, match="found no sound file; restore"),
    ):
        model.ensemble(verbose=0)
    assert not (model.run / "ensembles").exists()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            {"max_params": 10},
            r"below that of each of 3; the cheapest are trial \d \(par",
        ),
        ({"max_accuracy": 1}, "expected a limit of params"),
        ({"params": 9}, "ensemble: expected max_COST=LIMIT, got params"),
        ({"size": 0}, "size: expected 1 or more, got 0"),
        ({"validation_data": DATA}, "expected the validation data of this run"),
    ],
)
def test_a_call_that_cannot_be_met_is_refused_and_writes_nothing(model, how, message):
    with pytest.raises(UserError, match=message):
        model.ensemble(verbose=0, **how)
    assert not (model.run / "ensembles").exists()


def test_a_search_at_work_is_left_alone(model):
    with locked(model.run / ".lock"):
        for call in (model.ensemble, lambda: model.select(ensemble=0)):
            with pytest.raises(UserError, match="expected a folder that is not in use"):
                call()


def test_an_unknown_ensemble_changes_nothing(made):
    before = (made.run / "best" / "evaluation.json").read_bytes()
    with pytest.raises(UserError, match="expected the ensemble 7, found 0"):
        made.select(ensemble=7)
    assert (made.run / "best" / "evaluation.json").read_bytes() == before
    assert fit(search(made.directory)).export_model()


def test_memory_for_some_networks_uses_the_best(model, monkeypatch):
    ranked = model.trials(all=True).sort_values("val_cohen_kappa", ascending=False)
    two = 2 * 4 * len(VALIDATION) * small.CLASSES
    monkeypatch.setattr(library, "max_bytes", lambda: two)
    with pytest.warns(UserWarning, match="the best 2 are used"):
        kept = ensembles.read(model.run, model.ensemble(verbose=0))
    assert kept.members.keys() <= set(ranked["trial"][:2])


@pytest.mark.slow
def test_of_values_the_mean_of_values_is_taken_without_their_spread(tmp_path):
    node = ae.ImageInput("sen2")
    head = ae.blocks.PooledRegressionHead(pooling="average", hidden=0, dropout=0.0)
    model = ae.AutoModel(
        node,
        head(small.TinyBlock()(node)),
        directory=tmp_path,
        project_name="run",
        max_trials=2,
        seed=0,
        tuner="random",
    )
    pixels = DATA.read(np.arange(len(DATA)))["sen2"]
    values = pixels[..., :2].mean((1, 2)) * [5, 1] + [300, 0]
    halves = slice(0, 30), slice(30, 48)
    model.fit(
        pixels[halves[0]],
        values[halves[0]],
        validation_data=(pixels[halves[1]], values[halves[1]]),
        epochs=2,
        loss="gaussian",
        verbose=0,
    )
    model.ensemble(size=4, verbose=0)
    kept = ensembles.read(model.run, 0)
    network = deploy.load_network(model.run, "ensemble-0")
    assert network.output_shape == (None, 2)
    expected = sum(
        weight * deploy.load_network(model.run, trial).predict(pixels, verbose=0)[:, :2]
        for trial, weight in kept.weights.items()
    )
    found = network.predict(pixels, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)
    scores = evaluation.score(model._training.validation, found[halves[1]])
    for name in ("rmse", "mae", "r2"):
        assert kept.metrics[f"val_{name}"] == pytest.approx(scores[name], rel=1e-4)
    model.select(ensemble=0)
    assert model.predict(pixels).shape == (48, 2)


@pytest.mark.slow
def test_members_can_be_trained_anew_on_all_data(model, fitted):
    model.tuner = Tuner(fitted.tuner.graph, model.settings, model.run)
    model.tuner.connect()
    assert model.ensemble(size=6, refit=True, verbose=0) == 0
    kept = ensembles.read(model.run, 0)
    assert kept.trained_on == "training and validation"
    before = sum(
        weight * predicted(deploy.load_network(model.run, trial), VALIDATION)
        for trial, weight in kept.weights.items()
    )
    after = predicted(deploy.load_network(model.run, "ensemble-0"), VALIDATION)
    assert np.abs(after - before).max() > 1e-3
    scores = evaluation.score(VALIDATION, before)
    assert kept.metrics["val_cohen_kappa"] == pytest.approx(scores["cohen_kappa"])
    with pytest.warns(AutoAI4EOWarning, match="which the ensemble 0 learned from"):
        how = (deploy.load_network(model.run, "ensemble-0"), VALIDATION, 64, {})
        scoring.evaluate(model.run, *how, trial="ensemble-0")
    one = str(next(iter(kept.weights)))
    with pytest.warns(AutoAI4EOWarning, match=f"which the trial {one} learned from"):
        how = (deploy.load_network(model.run, one), DATA, 64, {})
        scoring.evaluate(model.run, *how, trial=one)
    model.select(ensemble=0)
    evaluated = Run(model.run).read_evaluation()
    assert evaluated["cohen_kappa"] == pytest.approx(scores["cohen_kappa"])
    with pytest.warns(AutoAI4EOWarning, match="validation data .* learned from"):
        model.evaluate(VALIDATION)


def test_refitting_needs_the_data_of_the_search(tmp_path):
    with pytest.raises(UserError, match=r"expected a run folder with run\.json"):
        search(tmp_path).refitting(VALIDATION, print)


def test_the_network_of_an_ensemble_is_that_of_its_members(made):
    """The kept file is what `weighted_mean` makes of the trials' files."""
    kept = ensembles.read(made.run, 0)
    members = {f"trial_{t}": deploy.load_network(made.run, t) for t in kept.members}
    expected = predicted(weighted_mean(members, [*kept.members.values()]))
    found = predicted(deploy.load_network(made.run, "ensemble-0"))
    np.testing.assert_allclose(found, expected, atol=1e-6)
