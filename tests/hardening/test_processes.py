"""Workers that are killed, stopped or stall: nobody waits for ever, nothing is lost."""

import pytest
import small
from disturbing import KillEveryWorker, Stall, StopWorker

from autoai4eo.errors import SearchError
from autoai4eo.search.trials import retries
from autoai4eo.search.workers import pool, watching

pytestmark = pytest.mark.slow
DATA, OTHER = small.dataset(), small.dataset(seed=1)


def search(folder, callback, **arguments):
    model = small.model(folder, **{"max_trials": 1, **arguments})
    model.fit(DATA, validation_data=OTHER, epochs=1, callbacks=[callback], verbose=0)
    return model.trials(all=True)


def test_a_training_that_stalls_is_given_to_another_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "STALLED_S", 3.0)
    trials = search(tmp_path, Stall(tmp_path))
    assert list(trials["status"]) == ["interrupted", "complete"]
    assert trials["message"][0].startswith("interrupted: no batch for")


def test_a_worker_that_is_stopped_for_minutes_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "STOPPED_S", 3.0)
    trials = search(tmp_path, StopWorker(tmp_path))
    assert list(trials["status"]) == ["interrupted", "complete"]
    assert trials["message"][0].startswith("interrupted: stopped for")


@pytest.fixture
def once_again(monkeypatch):
    """A trial is tried once more, not three times: each try begins a process."""
    monkeypatch.setattr(retries, "MAX_RETRIES", 1)


def test_another_candidate_takes_the_place_of_one_that_is_given_up(
    tmp_path, once_again
):
    trials = search(tmp_path, KillEveryWorker(tmp_path, 2))
    assert list(trials["status"]) == ["interrupted", "interrupted", "complete"]
    assert trials["message"][1].endswith("not tried again")


def test_a_search_without_memory_ends_with_advice_and_goes_on_later(
    tmp_path, monkeypatch
):
    # each kill costs the start of a process: two in all, not twelve
    monkeypatch.setattr(retries, "MAX_RETRIES", 0)
    monkeypatch.setattr(pool, "_GIVEN_UP", 2)
    starved = KillEveryWorker(tmp_path, 2)
    with pytest.raises(SearchError, match=r"smaller batches .*or fewer workers") as end:
        search(tmp_path, starved)
    assert "\n" not in str(end.value)
    trials = search(tmp_path, starved)
    assert list(trials["status"]) == ["interrupted", "interrupted", "complete"]
