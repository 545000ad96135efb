"""A sample of cells is trained and recorded, as it was drawn."""

import json
import shutil

import keras
import numpy as np
import pytest
import small

from autoai4eo.blocks.cells.nasbench import Stacks, count
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.nasbench.database import Database
from autoai4eo.nasbench.recording import record_sample
from autoai4eo.nasbench.sample import walks_of
from autoai4eo.networks.cell import Cell
from autoai4eo.runs.reading import read
from autoai4eo.runs.soundness import summary
from autoai4eo.tasks.cells import train_sample

pytestmark = pytest.mark.usefixtures("in_process")
SHAPE = Stacks(channels=8, stacks=1, cells=1)
TEST = small.dataset(18, seed=2)
WALKS = [*walks_of(1, 2, np.random.default_rng(3)), [Cell.of([[0, 1], [0, 0]], ())]]


def _train(run, walks, **more):
    data = (small.dataset(), small.dataset(seed=1), TEST)
    given = {"epochs": 2, "every": 2, "shape": SHAPE, "verbose": 0, **more}
    return train_sample(walks, *data, run, **given)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that trained two cells of a walk and a single one."""
    run = tmp_path_factory.mktemp("cells") / "run"
    _train(run, WALKS).close()
    return run


def test_every_cell_has_its_costs_and_scores(run):
    with Database(run / "networks.sqlite") as database:
        frame = database.frame()
        assert len(frame) == 3 and database.epochs == [2]
        assert list(frame["walk"].fillna(-1)) == [-1, 0, 0]
        assert list(frame["step"].fillna(-1)) == [-1, 0, 1]
        for walk in WALKS:
            for cell in walk:
                known = database.query(cell)
                macs, _ = count(cell, SHAPE, 8, 8, 4)
                assert known["macs"] == macs + 8 * small.CLASSES
                assert known["latency_ms"] > 0 and known["train_seconds"] > 0
                assert known["gradient_norm"] > 0 and known["synflow"] != 0
                recalls = [known[f"test_recall_{n}"] for n in TEST.class_names]
                mean = known["test_average_accuracy"]
                assert np.mean(recalls) == pytest.approx(mean, abs=1e-6)
                for part in ("train", "val", "test"):
                    assert 0 <= known[f"{part}_accuracy"] <= 1
                    assert known[f"{part}_loss"] > 0
        about = database.about
        assert (about["bands"], about["classes"], about["size"]) == (4, 3, 8)
        assert (about["channels"], about["epochs"]) == (8, 2)


@pytest.mark.slow
def test_scores_are_those_of_the_trained_network(run):
    again = run.parent / "one"
    _train(again, WALKS[:1], epochs=1, every=1).close()
    rows = (again / "trials" / "0" / "history.csv").read_text().splitlines()
    names, last = rows[0].split(","), rows[-1].split(",")
    model = keras.models.load_model(again / "trials" / "0" / "model.keras")
    found = evaluation.score(TEST, evaluation.outputs(model, TEST))
    told = float(last[names.index("test_cohen_kappa")])
    assert told == pytest.approx(found["cohen_kappa"], abs=1e-6)


def test_a_longer_sample_trains_what_is_missing(run):
    before = json.loads((run / "trials" / "2" / "cost.json").read_text())
    more = Cell.of([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["maxpool3x3"])
    with _train(run, [*WALKS, [more]]) as database:
        assert len(database) == 4 and more in database
    assert json.loads((run / "trials" / "2" / "cost.json").read_text()) == before
    assert len(list((run / "trials").iterdir())) == 4
    assert read(run).state == "finished"


def test_a_run_is_read_as_interrupted_while_cells_are_left(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    found = json.loads((copy / "run.json").read_text())
    found["arguments"]["max_trials"] += 1
    (copy / "run.json").write_text(json.dumps(found))
    assert read(copy).state == "interrupted"


def test_another_sample_in_the_same_folder_is_trained_beside_it(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    other = [[Cell.of([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ["maxpool3x3"])]]
    with _train(copy, [*other, WALKS[1]]) as database:
        assert len(database) == 2 and other[0][0] in database


def test_a_lost_learning_curve_is_told(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "trials" / "0" / "history.csv").unlink()
    with pytest.raises(UserError, match="expected the learning curve of trial 0"):
        record_sample(copy, WALKS, "cell", 2, {})


@pytest.mark.parametrize(
    "other", [{"epochs": 3}, {"seed": 1}, {"shape": Stacks(8)}, {"every": 1}]
)
def test_other_options_in_the_same_folder_are_refused(run, other):
    with pytest.raises(UserError, match="choose another project_name"):
        _train(run, WALKS, **other)


def test_a_search_with_a_finalist_does_not_go_on_in_this_folder(run):
    with pytest.raises(UserError, match="found one that ends with its trials"):
        small.model(run.parent).fit(
            small.dataset(), validation_data=small.dataset(seed=1), epochs=1, verbose=0
        )
    assert "without a finalist" in summary(run)
