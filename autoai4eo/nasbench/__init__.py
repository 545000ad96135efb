"""Tables of trained networks, and strategies replayed on them.

A replay counts the trainings that a strategy would have needed.
"""

from autoai4eo.nasbench.recorded import Table
from autoai4eo.nasbench.replay import (
    check_strategies,
    replay,
    replay_all,
)
from autoai4eo.nasbench.summary import results
from autoai4eo.nasbench.table import read_prior, read_table

__all__ = [
    "Table",
    "check_strategies",
    "read_prior",
    "read_table",
    "replay",
    "replay_all",
    "results",
]
