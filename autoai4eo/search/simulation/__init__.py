"""Strategies on recorded networks: how many trainings each would have needed."""

from autoai4eo.search.simulation.replay import (
    check_strategies,
    replay,
    replay_all,
)
from autoai4eo.search.simulation.summary import results
from autoai4eo.search.simulation.table import Table, read_table

__all__ = [
    "Table",
    "check_strategies",
    "read_table",
    "replay",
    "replay_all",
    "results",
]
