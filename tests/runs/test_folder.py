"""A run's folder: names, forms and versions of its files."""

import ast
import importlib.metadata
import json
import re
from pathlib import Path

import numpy as np
import pytest
from runs import run_folder

import autoai4eo
from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import made

PACKAGE = Path(autoai4eo.__file__).parent
#: To be emptied: these are re-cut at the same time.
OF_OLD = {"search/tuner.py", "tasks/auto_model.py"}
_FILE = re.compile(
    r"(^|/)(run|evaluation|statistics|test|cost|compact)\.json|study\.db|model\.keras$"
    r"|history\.csv|(mistakes|tiles)\.npz|report\.html|state\.npz|error\.txt"
    r"|events\.out\.tfevents"
)
_FOLDERS = {"trials", "best", "workers", "maps"}


@pytest.fixture
def run(tmp_path):
    """A run of one trial."""
    return Run(run_folder(tmp_path / "run"))


def strings(path):
    """The texts of a module that are no docstrings; of paths (``/``) the folders."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        folder = getattr(getattr(node, "right", None), "value", None)
        if isinstance(getattr(node, "op", None), ast.Div) and folder in _FOLDERS:
            yield f"{folder}/", node.lineno
        text = str(node.value) if isinstance(node, ast.Constant) else ""
        if id(node) not in docs and _FILE.search(text):
            yield text, node.lineno


def test_only_runs_names_the_files_of_a_run():
    """Developers rely on: a file of a run is renamed in one place."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = str(path.relative_to(PACKAGE))
        if not name.startswith("runs/") and (said := [*strings(path)]):
            found[name] = said
    assert {name: said for name, said in found.items() if name not in OF_OLD} == {}


def test_only_the_named_files_may_be_deleted(run):
    """Users rely on: overwriting a run deletes all of it, and nothing else."""
    trial = run.trial(3)
    files = [run.json, run.study, run.statistics, run.report, run.network, run.test]
    files += [run.evaluation, run.mistakes, run.worker_log(0), run.map_picture("spain")]
    files += [run.tiles, run.compact, run.compact_checkpoint]
    files += [trial.network, trial.cost, trial.history, trial.state, trial.error]
    files += [trial.events]
    for path in [*files, run.path / "notes.txt", run.best / "notes.txt"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert {p for p in made(run.path) if p.is_file()} == set(files)
    assert run.trained() == [3]


def test_a_run_without_version_is_read_and_a_later_version_is_refused(run):
    assert run.read()["device"] == "CPU"
    known = json.loads(run.json.read_text())
    assert "schema" not in known
    run.json.write_text(json.dumps({**known, "schema": 1}))
    assert run.read()["schema"] == 1
    run.json.write_text(json.dumps({**known, "schema": 2}))
    with pytest.raises(UserError, match="found one of a later version; `pip install"):
        run.read()


def test_missing_and_damaged_files_are_distinguished(run, tmp_path):
    with pytest.raises(MissingError, match="expected a run folder with run"):
        Run(tmp_path).read()
    run.json.write_text("{")
    with pytest.raises(DamagedError, match="found a damaged file"):
        run.read()
    assert isinstance(run.damage(), DamagedError) and Run(tmp_path).damage() is None


def test_files_are_read_as_written(run):
    assert run.read_evaluation() == run.read_test() == {}
    assert run.read_mistakes() == run.read_tiles() == {}
    kept = {"trial": 0, "trained_on": "training", "metrics": {}, "epochs": 1}
    run.write_evaluation({**kept, "network": "a", "f1_macro": 0.5})
    assert run.read_evaluation() == {
        "schema": 1,
        "run": None,
        **kept,
        "network": "a",
        "f1_macro": 0.5,
    }
    arrays = {name: np.zeros(1) for name in ("truth", "prediction", "confidence")}
    run.write_mistakes({**arrays, "network": np.array("a")})
    assert run.read_mistakes().keys() == arrays.keys()
    tiles = {name: np.zeros(1) for name in ("truth", "prediction", "right", "sample")}
    run.write_tiles({**tiles, "network": np.array("a")})
    assert run.read_tiles().keys() == tiles.keys()


def test_scores_of_another_finalist_are_refused(run):
    kept = {"trial": 0, "trained_on": "training", "metrics": {}, "epochs": 1}
    run.write_evaluation({**kept, "network": "a"})
    arrays = {name: np.zeros(1) for name in ("truth", "prediction", "confidence")}
    run.write_mistakes({**arrays, "network": np.array("b")})
    with pytest.raises(UserError, match="mistakes of this run's finalist, found those"):
        run.read_mistakes()
    run.write_tiles({**arrays, "right": 0, "sample": 0, "network": np.array("b")})
    with pytest.raises(UserError, match="tiles of this run's finalist, found those"):
        run.read_tiles()
    scores = {"confusion_matrix": [[1, 0], [0, 1]], "absent_classes": []}
    run.write_test({**scores, "per_class": {}, "network": "b"})
    with pytest.raises(UserError, match="scores of this run's finalist, found those"):
        run.read_test()


def test_a_run_from_a_source_tree_names_its_version(run, monkeypatch):
    """Users rely on: a GPU machine that cannot install runs the package as it lies."""
    real = importlib.metadata.version

    def version(name):
        if name == "autoai4eo":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    run.write({}, {}, {"device": "CPU"}, "a mark", {})
    versions = json.loads(run.json.read_text())["versions"]
    assert versions["autoai4eo"] == autoai4eo.__version__
    assert versions["keras"] == real("keras")
