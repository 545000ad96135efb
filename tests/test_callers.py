"""A message speaks of options in the shell, and of arguments in Python."""

import ast
import re
from pathlib import Path

import pytest
from commands import run as run

import autoai4eo as ae
from autoai4eo.callers import called_from_shell, either, in_callers_words
from autoai4eo.errors import AutoAI4EOWarning, SearchError, UserError
from autoai4eo.search.settings import SearchSettings

ROOT = Path(ae.__file__).parent


@pytest.mark.parametrize(
    ("told", "in_python"),
    [
        ("leave --min-agreement out", "leave min_agreement out"),
        ("give --scale 0.0001, here", "give scale=0.0001, here"),
        ("with --ignored 7.", "with ignored=7."),
        ("or leave --runtime out", "or leave runtime out"),
        ("check --scale and --offset", "check scale and offset"),
        ("give --scale 0.1 --offset -1", "give scale=0.1, offset=-1"),
        ("rio edit-info --nodata 0 FILE", "rio edit-info --nodata 0 FILE"),
        ("add --precision int8", "add precision='int8'"),
        ("leave --task class out", "leave kind='class' out"),
        ("split by --group city, or", "split by group='city', or"),
        ("allow that with --allow-remote", "allow that with allow_remote=True"),
        ("give --val or --bands B02,B03,…", "give validation_data or bands B02,B03,…"),
        ("`autoai4eo fit … --out` makes one", "`autoai4eo fit … --out` makes one"),
        ("a-b -- c --- d, -x", "a-b -- c --- d, -x"),
    ],
)
def test_options_become_arguments_in_python(told, in_python):
    for kind in (UserError, SearchError, AutoAI4EOWarning):
        assert str(kind(told)) == in_python
        with called_from_shell():
            assert str(kind(told)) == told
    assert in_callers_words(in_python) == in_python  # of a worker: said once more


def test_the_caller_is_who_called_last():
    assert either("shell", "python") == "python"
    with called_from_shell():
        with called_from_shell():
            assert either("shell", "python") == "shell"
        assert either("shell", "python") == "shell"
    assert either("shell", "python") == "python"


def test_settings_are_named_as_they_were_given(run, tmp_path):
    with pytest.raises(UserError, match=r"^max_trials: expected 1 or more, got 0$"):
        SearchSettings(max_trials=0)
    data = tmp_path / "training.h5"
    done = run("fit", data, "--out", tmp_path / "run", "--constraint", "macs")
    assert done.err.startswith("error: --constraint: expected NAME=LIMIT")


def arguments_of_errors():
    """The constant texts of every error that the package raises, with their places."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name.endswith("Error"):
                texts = [
                    part.value
                    for argument in node.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant)
                    and isinstance(part.value, str)
                    and not _is_in_either(argument, part)
                ]
                yield f"{path.relative_to(ROOT)}:{node.lineno}", "".join(texts)


def _is_in_either(argument, part):
    calls = (n for n in ast.walk(argument) if isinstance(n, ast.Call))
    return any(
        getattr(call.func, "id", "") == "either" and part in ast.walk(call)
        for call in calls
    )


#: Errors that only Python can cause: of blocks, networks and arrays.
ONLY_PYTHON = ("blocks/", "networks/", "data/readers/opening.py", "tasks/regression.py")


def test_no_error_that_reaches_the_shell_names_arguments_of_python():
    """To change it, write the option, ``--ignored 7``; or say `either`."""
    found = [
        (place, text)
        for place, text in arguments_of_errors()
        if re.search(r"\b[a-z_]+=(…|\[…|\'|$|\"|True|\()", text)
        and not place.startswith(ONLY_PYTHON)
    ]
    assert found == []
