"""A search for networks that are made for maps."""

import json

import pytest
import small

import autoai4eo as ae
from autoai4eo.errors import UserError
from autoai4eo.networks.dense import dense_classifier
from autoai4eo.search.trials.feasibility import Budget

pytestmark = pytest.mark.usefixtures("in_process")
BOTH = ["val_cohen_kappa", "map_ms_per_km2"]


def classifier(folder, **arguments):
    return ae.ImageClassifier(
        directory=folder, project_name="run", max_trials=1, seed=0, **arguments
    )


def fit(model):
    validation = small.dataset(seed=1)
    how = {"epochs": 1, "references": False, "verbose": 0}
    model.fit(small.dataset(), validation_data=validation, **how)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    model = classifier(
        tmp_path_factory.mktemp("maps"),
        map_step=4,
        objective=BOTH,
        constraints={"map_ms_per_km2": 1e6},
    )
    fit(model)
    return model


def test_found_networks_share_the_work_of_windows(fitted):
    found = dense_classifier(fitted.export_model(), 4)
    assert found.exact and found.phases == 1


def test_the_step_and_what_a_map_costs_are_recorded(fitted):
    asked = json.loads((fitted.run / "run.json").read_text())["arguments"]
    assert asked["map_step"] == 4
    trials = fitted.trials(all=True)
    names = list(trials.columns)
    assert names[names.index("latency_batch_size") + 1] == "map_ms_per_km2"
    assert names.count("map_ms_per_km2") == 1
    (cost,) = trials["map_ms_per_km2"]
    assert 0 < cost < 1e6
    assert fitted.tuner.study.trials[0].values[1] == cost
    assert fitted.pareto_front(all=True)["map_ms_per_km2"].tolist() == [cost]


def test_a_search_resumes_only_with_its_own_step(fitted):
    model = classifier(fitted.directory, map_step=2, objective=BOTH)
    with pytest.raises(UserError, match=r"map step .*\(4\), found 2"):
        fit(model)


def test_one_over_the_limit_is_infeasible(fitted):
    budget = Budget({"map_ms_per_km2": 1e-9}, 1, [], map_step=4)
    found = budget.assess(fitted.export_model())
    cost = found.cost["map_ms_per_km2"]
    assert found.reason == f"map_ms_per_km2 {cost:.4g} > 1e-09"


@pytest.mark.parametrize(
    "asked", [{"objective": BOTH}, {"constraints": {"map_ms_per_km2": 50}}]
)
def test_a_map_without_a_step_has_no_cost(tmp_path, asked):
    with pytest.raises(UserError, match="map_step"):
        classifier(tmp_path, **asked)
