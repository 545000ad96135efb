"""Seeds that depend on what they are for, not on what was drawn before."""

from __future__ import annotations

from typing import Any

import numpy as np


def candidate(study: Any, trial: Any) -> int:
    """Which candidate a trial is: its number, a repeated trial not counted again."""
    if "retry_of" in trial.user_attrs:
        return int(trial.user_attrs["candidate"])
    earlier = study.get_trials(deepcopy=False)[: trial.number]
    return int(trial.number - sum("retry_of" in t.user_attrs for t in earlier))


def derived_seed(*of: int) -> int:
    """A 32-bit seed that depends on all the numbers given."""
    return int(np.random.SeedSequence(of).generate_state(1)[0])
