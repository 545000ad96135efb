"""What `fit` says in Python when it ends, and when it is interrupted."""

import pytest
import runs

from autoai4eo.callers import called_from_shell
from autoai4eo.learning.verdict import verdict
from autoai4eo.runs.folder import Run
from autoai4eo.tasks.outcome import next_step, tell_outcome, told_interrupt

AGAINST = {
    "other": "trees",
    "metric": "cohen_kappa",
    "difference": 0.05,
    "interval": [0.01, 0.1],
    "resampled_by": "city",
    "resampled_groups": 20,
}


@pytest.fixture
def run(tmp_path):
    folder = runs.run_folder(tmp_path / "run")
    (folder / "best").mkdir()
    known = {"trial": 0, "trained_on": "training", "metrics": {}, "epochs": 1}
    Run(folder).write_evaluation({**known, "against_reference": AGAINST})
    return folder


def test_in_python_the_verdict_and_the_next_step_are_told(run, capsys):
    tell_outcome(run, 1)
    first, second = capsys.readouterr().out.splitlines()
    assert first == verdict(AGAINST, "validation")
    # the variable that holds the search has a name that the user chose
    assert second == "next: evaluate(x, y) on other data, export(path), report()"
    tell_outcome(run, 0)
    with called_from_shell():
        tell_outcome(run, 1)  # a command tells more
        assert next_step(run, run).startswith(f"next: autoai4eo evaluate {run} DATA")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_interrupt_says_how_to_go_on_and_still_reaches_the_caller(
    tmp_path, capsys, overwrite
):
    for verbose in (1, 0):
        told_to_end = told_interrupt(tmp_path, overwrite, verbose)
        with pytest.raises(KeyboardInterrupt), told_to_end:
            raise KeyboardInterrupt
        told = capsys.readouterr().out
        assert (f"kept in {tmp_path}; the same fit" in told) == bool(verbose)
        assert ("without overwrite=True" in told) == (overwrite and bool(verbose))
