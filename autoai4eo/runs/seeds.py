"""Seeds that depend on their purpose, not on earlier draws."""

from __future__ import annotations

from typing import Any

import numpy as np


def candidate(study: Any, trial: Any) -> int:
    """Returns the number of a trial's candidate; a repeated trial has the same one."""
    if "retry_of" in trial.user_attrs:
        return int(trial.user_attrs["candidate"])
    earlier = study.get_trials(deepcopy=False)[: trial.number]
    return int(trial.number - sum("retry_of" in t.user_attrs for t in earlier))


def derived_seed(*of: int) -> int:
    """Returns a 32-bit seed that depends on all the given numbers."""
    return int(np.random.SeedSequence(of).generate_state(1)[0])
