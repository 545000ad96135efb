"""Several commands, as on several machines, on one search in PostgreSQL."""

import json
import os
import subprocess
import sys
import textwrap
import time

import pytest
import small

from autoai4eo.errors import UserError
from autoai4eo.runs import front
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runs.study import open_study

COMMAND = """
    import sys
    from pathlib import Path
    import small
    from disturbing import KillWorker

    folder, storage, workers = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    small.model(
        folder, storage=storage, workers=workers, max_trials=6, tuner=None,
        objective=["val_cohen_kappa", "params"],
    ).fit(
        small.dataset(), validation_data=small.dataset(seed=1), epochs=3, verbose=0,
        callbacks=[KillWorker(folder, "run/trials/2", 1)],
    )
"""


def command(folder, storage, workers):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(COMMAND), folder, storage, str(workers)],
        env={**os.environ, "PYTHONPATH": "tests:."},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_commands_on_one_folder_share_a_search_and_lose_nothing(
    tmp_path, server, database
):
    both = [command(tmp_path, database, workers) for workers in (2, 1)]
    until = time.monotonic() + 120
    while not (tmp_path / "KillWorker").exists() and time.monotonic() < until:
        time.sleep(0.2)
    server.stop("fast")
    time.sleep(3)
    server.start()
    for one in both:
        _, errors = one.communicate(timeout=300)
        assert one.returncode == 0, errors
    study = open_study(tmp_path / "run", storage=database)
    trials = [t for t in study.trials if t.user_attrs.get("status") != "exhausted"]
    complete = [t for t in trials if t.state.name == "COMPLETE"]
    assert len(complete) == 6
    # the trial of the killed worker was tried again, once, and no other was
    (broken,) = (t for t in trials if t.state.name == "FAIL")
    assert "SIGKILL" in broken.user_attrs["message"]
    assert [t.user_attrs.get("retry_of") for t in complete].count(broken.number) == 1
    recipes = [json.dumps(t.user_attrs["hyperparameters"]) for t in complete]
    assert len(set(recipes)) == 6
    beaten = {
        a.number
        for a in complete
        for b in complete
        if b.values[0] >= a.values[0]
        and b.values[1] <= a.values[1]
        and b.values != a.values
    }
    found = {t.number for t in front.front(study)}
    assert found == {t.number for t in complete} - beaten
    assert (tmp_path / "run" / "best" / "model.keras").is_file()
    asked = json.loads((tmp_path / "run" / "run.json").read_text())["arguments"]
    assert asked["storage"] == without_password(database)


@pytest.mark.slow
def test_a_study_of_another_folder_is_refused(tmp_path, database, in_process):
    given = {"validation_data": small.dataset(seed=1), "epochs": 1, "verbose": 0}
    mine = small.model(tmp_path / "mine", storage=database, max_trials=1)
    mine.fit(small.dataset(), **given)
    other = small.model(tmp_path / "other", storage=database)
    with pytest.raises(UserError, match="found that of another folder"):
        other.fit(small.dataset(), **given)
    # and one's own is begun anew
    again = small.model(
        tmp_path / "mine", storage=database, max_trials=1, overwrite=True
    )
    again.fit(small.dataset(), **given)
    assert list(again.trials()["status"]) == ["complete"]
