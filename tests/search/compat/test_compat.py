"""Private parts of libraries: used in one place, and reported if missing."""

import ast
import re
from pathlib import Path

import optuna
import pytest

import autoai4eo
from autoai4eo.errors import UserError
from autoai4eo.search.compat import autokeras, keras_tuner, private
from autoai4eo.search.compat import optuna as compat

PACKAGE = Path(autoai4eo.__file__).parent
PRIVATE = re.compile(r"^(autokeras|keras|keras_tuner|optuna)\b.*\.(src|_\w+)\b")


def test_the_private_parts_exist():
    """Each file looks for its private parts when it is imported."""
    assert all((autokeras, keras_tuner, compat))


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("autokeras", "autokeras.graph:Graph.no_such"),
        ("keras-tuner", "keras_tuner.src.no_such:LOCKS"),
        ("optuna", "optuna:Study.no_such"),
    ],
)
def test_another_version_is_reported_in_one_line(package, name):
    with pytest.raises(UserError) as told:
        private(package, name)
    line = str(told.value)
    assert re.fullmatch(
        rf"{package}: expected version .*\d.*, found \d[\d.]*, .+", line
    )
    assert name in line and f'pip install "{package}' in line


def test_a_study_of_another_optuna_is_reported_in_one_line():
    class Study:
        """A study that keeps its storage somewhere else."""

    with pytest.raises(UserError, match=r"^optuna: expected version .*Study\._storage"):
        compat.stored(Study(), optuna.trial.create_trial(value=1.0))


def test_trials_are_read_once_where_that_is_asked_for(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    mine = optuna.create_study(study_name="s", storage=url)
    other = optuna.load_study(study_name="s", storage=url)
    other.add_trial(optuna.trial.create_trial(value=1.0))
    with compat.read_once(mine):
        assert len(mine.trials) == 1
        other.add_trial(optuna.trial.create_trial(value=2.0))
        with compat.read_once(mine):
            assert len(mine.trials) == 1
        assert len(mine.trials) == 1
    assert len(mine.trials) == 2
    with pytest.raises(KeyError), compat.read_once(mine):
        raise KeyError
    other.add_trial(optuna.trial.create_trial(value=3.0))
    assert len(mine.trials) == 3
    in_memory = optuna.create_study()
    with compat.read_once(in_memory):
        assert in_memory.trials == []


def test_no_private_module_is_imported_elsewhere():
    """ruff's SLF001 sees private attributes; imports are looked at here."""
    for path in PACKAGE.rglob("*.py"):
        if path.parent.name == "compat":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module != "__future__":
                names = [f"{node.module}.{one.name}" for one in node.names]
            elif isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            for name in names:
                assert not PRIVATE.search(name), f"{path}: {name}"
