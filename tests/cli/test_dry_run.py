"""What `fit --dry-run` prints."""

from dataclasses import replace

import pytest
import small

from autoai4eo.cli.dry_run import print_plan
from autoai4eo.search.rehearsal import Rehearsal
from autoai4eo.tasks.planning import Plan

FOUND = Rehearsal(
    choices={"width": "8, 12"},
    networks=2,
    cost={"params": 10, "macs": 90_000_000},
    start_s=1.0,
    epoch_s=2.0,
    share=1.0,
    epochs=1,
    trial_s=3.0,
    finalist_s=3.0,
    left=1,
    search_s=6.0,
    over=None,
)


@pytest.fixture
def told(tmp_path, capsys):
    def shown(found, **settings):
        data = small.dataset()
        print_plan(Plan(small.model(tmp_path, **settings), data, data, found))
        return " ".join(capsys.readouterr().out.split())

    return shown


def test_one_is_no_plural(told):
    words = told(FOUND, max_trials=1)
    assert "a trial of 1 epoch 3 s; 1 trial 3 s, what is trained after" in words
    assert "over the constraints" not in words


def test_only_what_is_left_is_counted(told):
    found = replace(FOUND, epochs=2, left=3)
    assert "a trial of 2 epochs 3 s; the 3 trials left of 8 3 s" in told(
        found, max_trials=8
    )


def test_a_default_network_over_the_constraints_is_told(told):
    found = replace(FOUND, over="macs 90,000,000 > 60,000,000")
    words = told(found, constraints={"macs": 60e6})
    assert "over the constraints (macs 90,000,000 > 60,000,000): the search" in words
