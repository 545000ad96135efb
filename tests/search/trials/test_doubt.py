"""A search on a busy machine is told once that chance decides."""

import optuna
import pytest

from autoai4eo.search.settings import SearchSettings
from autoai4eo.search.trials.doubt import doubt

BUSY = {"latency_ms": 1.705, "latency_spread_ms": 11.2}
CALM = {"latency_ms": 1.705, "latency_spread_ms": 0.1}


@pytest.mark.parametrize(
    "how",
    [
        {"objective": ["val_loss", "latency_ms"]},
        {"objective": "val_loss", "constraints": {"latency_ms": 5.0}},
    ],
)
def test_the_first_uncertain_latency_that_decides_is_told(how):
    study, settings, told = optuna.create_study(), SearchSettings(**how), []
    for number, cost in enumerate([CALM, BUSY, BUSY]):
        trial = study.ask()
        trial.set_user_attr("cost", cost)
        told.append(doubt(cost, number, study, settings))
    assert told[0] == "" and told[2] == ""
    assert "uncertain, that of trial 1 is 1.705 ± 11 ms" in told[1]


def test_a_latency_that_decides_nothing_needs_no_warning():
    settings = SearchSettings(objective="val_loss", constraints={"params": 9.0})
    assert doubt(BUSY, 0, optuna.create_study(), settings) == ""
