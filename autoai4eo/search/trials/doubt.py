"""Tells that latencies are too uncertain to decide a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from autoai4eo.learning.figures import LATENCY, is_uncertain, with_spread
from autoai4eo.runs.study import trials_of
from autoai4eo.search.settings import SearchSettings


def doubt(
    cost: Mapping[str, Any], number: int, study: optuna.Study, settings: SearchSettings
) -> str:
    """Returns a warning of the first uncertain latency of a search, or "".

    Latencies that decide nothing, as they are neither an objective nor limited, need
    none.

    Args:
        cost: of a trial.
        number: of this trial.
        study: of the search.
        settings: its options.
    """
    decides = LATENCY in {o.name for o in settings.objectives} | {*settings.constraints}
    if not decides or not is_uncertain(cost):
        return ""
    earlier = [t for t in trials_of(study) if t.number < number]
    if any(is_uncertain(t.user_attrs.get("cost", {})) for t in earlier):
        return ""
    return (
        f"warning: the machine is busy: latencies are uncertain, that of trial {number}"
        f" is {with_spread(cost)} ms; a limit or front on them is decided by chance"
    )
