"""Proposals are within the limits, or teach what is."""

import numpy as np
from optuna.trial import create_trial

from autoai4eo.search.strategies.limits import Limits

FITTING = 7  # the only width of ten that is within the limit


class Widths:
    """Networks of ten widths, each trained in two ways; costs are known once built."""

    costs = ("params",)

    def __init__(self):
        self.built: dict[int, float] = {}

    def estimate(self, several):
        guess = np.mean([*self.built.values()]) if self.built else 1.0
        found = [self.built.get(v["width"], guess) for v in several]
        return np.array(found)[:, None]

    def features(self, several):
        return np.array([[v["width"]] for v in several], float)

    def build_and_count(self, several):
        new = [v for v in several if v["width"] not in self.built]
        for values in new:
            width = values["width"]
            self.built[width] = 1.0 if width == FITTING else 20.0 + width
        return [{"values": values} for values in new]

    def vary(self, parents, number, rng):
        width = parents[0]["width"]
        # most mutations change the training only
        return [
            {"width": int(rng.integers(10)) if i % 10 == 9 else width, "rate": i % 2}
            for i in range(number)
        ]


def test_networks_that_exceed_a_limit_do_not_hold_up_the_search():
    """Their cost is the least that is known, so that they seem to be the nearest."""
    candidates, rng = Widths(), np.random.default_rng(0)
    trials = []
    for _ in range(6):
        limits = Limits(candidates, {"params": 10.0})  # as a new worker makes them
        limits.begin(trials)
        drawn = ({"width": 0, "rate": int(rng.integers(2))} for _ in range(50))
        found = limits.first(drawn, rng)
        if found["width"] == FITTING:
            break
        proposed = {"values": found, **limits.record(found)}
        trials.append(create_trial(value=1.0, user_attrs={"proposed": proposed}))
    assert found["width"] == FITTING
