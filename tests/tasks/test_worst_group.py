"""A search by the kappa of the worst city, its finalist and its ensemble."""

import json

import h5py
import keras
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.errors import UserError
from autoai4eo.learning.worst_group import OBJECTIVE
from autoai4eo.runs.study import open_study
from autoai4eo.search.ensembles.library import Judge
from autoai4eo.search.trials.instruments import some
from autoai4eo.search.trials.quantized import quantized_metrics

CITIES = np.array(["Berlin", "Lagos", "Nara"])


def with_cities(path, seed=0):
    """Sixty patches, of which each third is of another city."""
    small.write(path, 60, seed)
    with h5py.File(path, "a") as file:
        file["city"] = CITIES[np.arange(60) // 20].astype("S6")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return with_cities(folder / "a.h5"), with_cities(folder / "b.h5", 1)


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    train, validation = data
    with small.in_this_process():
        made = small.model(
            tmp_path_factory.mktemp("run"),
            objective=[OBJECTIVE, "params"],
            prune=True,
            max_trials=1,
        )
        made.fit(train, validation_data=validation, epochs=2, verbose=0)
    return made


def test_the_record_has_it_and_the_network_reaches_it(model, data):
    (trial,) = open_study(model.run).get_trials(deepcopy=False)
    reached = trial.user_attrs["metrics"][OBJECTIVE]
    assert reached == trial.values[0] and -1 <= reached <= 1
    assert len(trial.user_attrs["curve"]) == 2
    assert max(trial.user_attrs["curve"]) == reached
    assert model.trials()[OBJECTIVE].tolist() == [reached]
    kept = json.loads((model.run / "best" / "evaluation.json").read_text())
    assert kept["worst_group_kappa"] == pytest.approx(kept["metrics"][OBJECTIVE])
    assert kept["worst_group_kappa"] >= reached - 1e-6
    assert kept["worst_group"]["groups"] == "city"
    found = model.evaluate(data[1], by="city")
    assert found["worst_group_kappa"] == pytest.approx(kept["worst_group_kappa"])
    assert found["by_group"]["worst"] == pytest.approx(kept["worst_group_kappa"])
    assert f"{kept['worst_group_kappa']:.3f}" in model.report().read_text()


def test_an_ensemble_is_chosen_by_it(model, data):
    judge = Judge.of(open_study(model.run), ae.open_dataset(data[1]))
    assert judge.objective.name == OBJECTIVE
    number = model.ensemble(validation_data=data[1], verbose=0)
    row = model.ensembles().set_index("ensemble").loc[number]
    found = model.trials()[OBJECTIVE].max()
    assert row[OBJECTIVE] >= found - 1e-6
    model.select(ensemble=number)
    scores = model.evaluate(data[1])
    assert scores["worst_group_kappa"] == pytest.approx(row[OBJECTIVE], abs=1e-6)


def test_data_without_cities_are_refused_before_anything_is_written(data, tmp_path):
    made = small.model(tmp_path, objective=OBJECTIVE)
    with pytest.raises(UserError, match=r"two groups or more .*, found none in"):
        made.fit(data[0], validation_data=small.write(tmp_path / "c.h5"), verbose=0)
    assert not made.run.exists()


@pytest.mark.slow
def test_int8_judges_the_worst_city_too(data, tmp_path):
    with small.in_this_process():
        made = small.model(
            tmp_path,
            objective=OBJECTIVE,
            max_trials=1,
            runtime="onnx",
            precision="int8",
            judge_quantized=True,
            fine_tune_quantized=1,
        )
        made.fit(data[0], validation_data=data[1], epochs=1, verbose=0)
    (trial,) = open_study(made.run).get_trials(deepcopy=False)
    kept = trial.user_attrs
    assert kept["metrics"][OBJECTIVE] == trial.values[0]
    network = keras.models.load_model(made.run / "trials" / "0" / "model.keras")
    expected = quantized_metrics(
        network, kept["cost"], some(ae.open_dataset(data[0])), ae.open_dataset(data[1])
    )
    assert kept["metrics"][OBJECTIVE] == pytest.approx(expected[OBJECTIVE], abs=0.05)
    assert OBJECTIVE in kept["float32_metrics"]
    evaluation = json.loads((made.run / "best" / "evaluation.json").read_text())
    assert {OBJECTIVE} <= evaluation["quantized"]["before"].keys()
    assert evaluation["metrics"][OBJECTIVE] == pytest.approx(
        evaluation["worst_group_kappa"], abs=1e-6
    )
