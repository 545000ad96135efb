"""Trains a given list of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from optuna.trial import FrozenTrial

from autoai4eo.search.space.base import Values
from autoai4eo.search.strategies.base import CandidateSampler


class GivenList(CandidateSampler):
    """Proposes each candidate of a list once, in order; then nothing is left.

    Its memory is the study: a candidate that any worker proposed is not proposed again.
    See `given`.

    Attributes:
        given: the candidates.
    """

    given: ClassVar[tuple[Values, ...]] = ()

    def propose(
        self,
        study: Any,
        trial: FrozenTrial,
        others: list[FrozenTrial],
        rng: np.random.Generator,
    ) -> dict[str, Any] | None:
        """Returns the first candidate that no other trial proposed."""
        taken = [t.user_attrs.get("proposed", {}).get("values") for t in others]
        known = {candidate_key(values) for values in taken if values is not None}
        left = (values for values in self.given if candidate_key(values) not in known)
        values = next(left, None)
        return None if values is None else {"values": dict(values)}


def given(candidates: Sequence[Values], name: str = "given") -> type[GivenList]:
    """Returns the strategy, ``tuner=``, that trains these candidates.

    A value that a candidate does not name is the default of its hyperparameter.

    Args:
        candidates: their hyperparameters.
        name: of the strategy, in ``run.json``.
    """
    return type(name, (GivenList,), {"given": tuple(candidates)})


def candidate_key(values: Values) -> frozenset[tuple[str, Any]]:
    """Returns a key that is equal for equal hyperparameters, in any order."""
    return frozenset(values.items())
