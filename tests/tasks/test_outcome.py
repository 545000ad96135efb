"""What `fit` says in Python when it ends, and when it is interrupted."""

import os
from pathlib import Path

import numpy as np
import pytest
import runs
import small

from autoai4eo.callers import called_from_shell
from autoai4eo.learning.verdict import verdict
from autoai4eo.runs.folder import Run
from autoai4eo.tasks import auto_model
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
    assert second == "next: evaluate(data) on other data, export(path), report()"
    tell_outcome(run, 0)
    with called_from_shell():
        tell_outcome(run, 1)  # a command tells more
        assert next_step(run, run).startswith(f"next: autoai4eo evaluate {run} DATA")
        Run(run).test.touch()  # `fit` scored a part of its data that it has not seen
        assert next_step(run, run).startswith(f"next: autoai4eo report {run}, ")
    assert capsys.readouterr().out == ""


def interrupted(run, capsys, overwrite, verbose=1, meanwhile=lambda _: None):
    """Returns what is told of an interrupt; `meanwhile` is called with run.json."""
    if Run(run).exists:
        os.utime(Run(run).json, (0, 0))  # of the earlier search
    with pytest.raises(KeyboardInterrupt), told_interrupt(run, overwrite, verbose):
        meanwhile(Run(run).json)
        raise KeyboardInterrupt
    return capsys.readouterr().out


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_interrupt_says_how_to_go_on_and_still_reaches_the_caller(
    run, capsys, overwrite
):
    told = interrupted(run, capsys, overwrite, meanwhile=Path.touch)
    assert f"what was finished is kept in {run}; call fit again" in told
    assert ("without overwrite=True to resume" in told) == overwrite
    assert interrupted(run, capsys, overwrite, verbose=0) == ""


@pytest.mark.parametrize("meanwhile", [Path.exists, Path.unlink])
def test_before_a_search_began_an_interrupt_says_so(run, capsys, meanwhile):
    """Users rely on: nobody is told to go on with the search that was to be deleted."""
    told = interrupted(run, capsys, overwrite=True, meanwhile=meanwhile)
    anew = "interrupted: nothing was searched yet; call fit again to begin anew\n"
    assert told == anew
    if meanwhile == Path.exists:  # the earlier search is to go on
        assert "what was finished is kept" in interrupted(run, capsys, overwrite=False)


def test_an_interrupt_while_data_are_read_is_told(tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(auto_model, "cached_statistics", interrupt)
    model = small.model(tmp_path, max_trials=1)
    data = small.dataset()
    pixels = data.read(np.arange(len(data)))["sen2"]
    with pytest.raises(KeyboardInterrupt):
        model.fit(pixels, data.labels, validation_split=0.25)
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.startswith("interrupted: nothing was searched yet")
