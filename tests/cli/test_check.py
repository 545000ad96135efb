"""``check``: its exit status says whether a run is whole and finished."""

import json
import shutil

from autoai4eo.files import write_json


def test_the_status_says_whether_something_is_left_to_do(run, classified, tmp_path):
    """Users rely on: a script goes on only where the finalist is there and scored."""
    folder = shutil.copytree(classified / "run", tmp_path / "run")
    assert run("check", folder).status == 0
    path = folder / "best" / "evaluation.json"
    known = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in known.items() if k != "evaluated_on"}))
    done = run("check", folder)
    assert done.status == 1 and not done.err
    assert "whole; " in done.out and "is not scored on the validation" in done.out
    path.write_text("{")
    assert run("check", folder).status == 2


def test_a_run_without_a_finalist_is_not_finished(run, classified, tmp_path):
    folder = shutil.copytree(classified / "run", tmp_path / "run")
    shutil.rmtree(folder / "best")
    done = run("check", folder)
    assert done.status == 1 and "no finalist yet" in done.out


def test_a_search_that_ends_with_its_trials_is_not_finished_before(
    run, classified, tmp_path
):
    folder = shutil.copytree(classified / "run", tmp_path / "run")
    shutil.rmtree(folder / "best")
    known = json.loads((folder / "run.json").read_text())
    for trials, status, told in (
        (1, 0, "it ends with its trials"),
        (2, 1, "it was interrupted: fit with the same arguments resumes it"),
    ):
        known["arguments"] |= {"finalists": 0, "max_trials": trials}
        write_json(folder / "run.json", known)
        done = run("check", folder)
        assert done.status == status and told in done.out
