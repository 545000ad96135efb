"""Earlier searches are read from runs, databases and tables, and used by `fit`."""

import warnings
from types import SimpleNamespace

import keras_tuner
import numpy as np
import pytest
import small

from autoai4eo.errors import AutoAI4EOWarning, UserError
from autoai4eo.learning.objectives import parse_objectives
from autoai4eo.nasbench.database import CHOICES, NASBENCH101, Database, Entry
from autoai4eo.nasbench.space import random_cells
from autoai4eo.search.settings import SearchSettings
from autoai4eo.tasks.priors import priors_of, read_priors

KAPPA = parse_objectives("val_cohen_kappa")
BOTH = parse_objectives(["val_cohen_kappa", "val_loss", "macs"])
NAMES = ["tiny_block_1/width", "learning_rate"]
TABLE = (
    "width,learning_rate,val_cohen_kappa,val_loss\n8,0.003,0.2,1.5\n16,0.01,0.6,0.9\n"
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def test_a_table_has_hyperparameters_by_the_end_of_their_names(table):
    (prior,) = read_priors([table], BOTH, NAMES)
    assert [v["tiny_block_1/width"] for v in prior.values] == [8, 16]
    assert [v["learning_rate"] for v in prior.values] == [0.003, 0.01]
    assert prior.figures["val_cohen_kappa"].tolist() == [-0.2, -0.6]
    assert prior.figures["val_loss"].tolist() == [1.5, 0.9]
    assert set(prior.figures) == {"val_cohen_kappa", "val_loss"}


def test_a_database_of_choices_or_cells_is_read_after_its_last_epoch(tmp_path):
    def entries(several):
        return [
            Entry(one, {1: {"val_cohen_kappa": 0.9}, 2: {"val_cohen_kappa": i / 10}})
            for i, one in enumerate(several)
        ]

    with Database.create(tmp_path / "a.sqlite", CHOICES, {}) as database:
        database.add(entries([{"width": 8}, {"width": 16}]))
    (prior,) = read_priors([tmp_path / "a.sqlite"], KAPPA, NAMES)
    assert sorted(-prior.figures["val_cohen_kappa"]) == [0, 0.1]
    with Database.create(tmp_path / "b.sqlite", NASBENCH101, {}) as database:
        database.add(entries(random_cells(3, np.random.default_rng(0))))
    names = ["cell/edge_0_1", "cell/operation_1"]
    (prior,) = read_priors([tmp_path / "b.sqlite"], KAPPA, names)
    assert len(prior.values) == 3 and {"cell/edge_0_1"} <= prior.values[0].keys()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("width,f\n8,1\n16,2\n", "numbers in val_cohen_kappa, found none"),
        (
            "depth,val_cohen_kappa\n8,1\n16,2\n",
            "found depth, val_cohen_kappa; name",
        ),
        ("width,val_cohen_kappa\n8,?\n", "numbers in val_cohen_kappa, found none"),
        ("width,val_cohen_kappa\n8,\n", "numbers in val_cohen_kappa, found none"),
    ],
)
def test_a_table_that_tells_nothing_is_refused(tmp_path, text, expected):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=expected):
        read_priors([path], KAPPA, NAMES)


def test_a_prior_that_is_not_there_is_told():
    with pytest.raises(UserError, match=r"RUN_LNG: expected a run, .*check the path"):
        read_priors(["RUN_LNG"], KAPPA, NAMES)


def test_only_cost_aware_learns_from_priors(tmp_path, table):
    with pytest.raises(UserError, match="prior: expected the strategy cost-aware"):
        small.model(tmp_path, tuner="random", prior=[table])


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A search on other data, with a prior of one network, which tells little."""
    folder = tmp_path_factory.mktemp("earlier")
    (folder / "one.csv").write_text("width,val_cohen_kappa\n16,0.5\n")
    model = small.model(folder, tuner="cost-aware", prior=[folder / "one.csv"])
    with small.in_this_process(), warnings.catch_warnings():
        warnings.simplefilter("ignore", AutoAI4EOWarning)
        data = (small.dataset(seed=8), small.dataset(seed=9))
        model.fit(data[0], validation_data=data[1], epochs=1, verbose=0)
    return model


def test_an_earlier_run_is_read(earlier):
    (prior,) = read_priors([earlier.run], KAPPA, NAMES)
    known = earlier.trials(all=True)
    assert (-prior.figures["val_cohen_kappa"]).tolist() == list(
        known["val_cohen_kappa"]
    )
    assert [v["tiny_block_1/width"] for v in prior.values] == list(
        known["tiny_block_1/width"]
    )


def test_a_search_begins_with_the_best_network_of_an_earlier_one(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{w},{r},{w / 24 - r}" for w in (8, 12, 16, 24) for r in (0.001, 0.003)]
    path.write_text("\n".join(["width,learning_rate,val_cohen_kappa", *rows]))
    model = small.model(tmp_path, tuner="cost-aware", prior=[path])
    with small.in_this_process(), warnings.catch_warnings():
        warnings.simplefilter("ignore", AutoAI4EOWarning)
        data = (small.dataset(), small.dataset(seed=1))
        model.fit(data[0], validation_data=data[1], epochs=1, verbose=0)
    trials = model.trials(all=True)
    assert trials["tiny_block_1/width"].tolist() == [8, 24]  # after the default


def test_a_damaged_prior_ends_the_search_before_anything_is_written(tmp_path):
    (tmp_path / "none").mkdir()
    model = small.model(tmp_path, tuner="cost-aware", prior=[tmp_path / "none"])
    with small.in_this_process(), pytest.raises(UserError, match="none"):
        model.fit(
            small.dataset(), validation_data=small.dataset(seed=1), epochs=1, verbose=0
        )
    assert not model.run.exists()


def test_words_in_place_of_numbers_are_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("rate,width,val_cohen_kappa\nfast,8,0.1\n")
    space = keras_tuner.HyperParameters()
    space.Choice("tiny_block_1/width", [8, 16])
    space.Float("rate", 1e-4, 1e-1, sampling="log")
    graph = SimpleNamespace(build=lambda hp: hp.merge(space))
    settings = SearchSettings(prior=path)
    with pytest.raises(UserError, match="expected numbers above 0 in rate"):
        priors_of(graph, settings)
    path.write_text("rate,width,val_cohen_kappa\n0.01,8,0.1\n,16,0.2\n")
    (prior,) = priors_of(graph, settings)
    assert [*prior.values[1]] == ["tiny_block_1/width", "val_cohen_kappa"]


def test_a_prior_of_other_networks_is_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("width,val_cohen_kappa\n8,0.1\n")
    names = ["a/width", "a/depth", "b/kernel"]
    with pytest.warns(AutoAI4EOWarning, match="its networks have no a/depth, b/kernel"):
        read_priors([path], KAPPA, names)


def test_a_search_does_not_delete_its_prior(earlier):
    again = small.model(
        earlier.directory, tuner="cost-aware", prior=[earlier.run], overwrite=True
    )
    with small.in_this_process(), pytest.raises(UserError):
        again.fit(
            small.dataset(), validation_data=small.dataset(seed=1), epochs=1, verbose=0
        )
    assert earlier.run.exists() and len(earlier.trials()) == 2
