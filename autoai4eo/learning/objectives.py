"""What a search optimises and what it must not exceed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from autoai4eo.errors import UserError
from autoai4eo.learning.figures import (
    COSTS,
    MAP_COST,
    MEASURED,
    THROUGHPUT,
    VALIDATION,
    objectives_for,
    rounded,
)

DEFAULT = f"{VALIDATION}cohen_kappa"
#: As search/ and the tests of earlier versions call it.
figure = rounded


class Objective(NamedTuple):
    """A figure of a trial and which way is better, ``"min"`` or ``"max"``."""

    name: str
    direction: str

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is strictly better than `b`."""
        return a > b if self.direction == "max" else a < b

    @property
    def is_cost(self) -> bool:
        """Whether the figure is known before training."""
        return self.name in COSTS

    @property
    def is_measured(self) -> bool:
        """Whether the figure depends on the device."""
        return self.name in MEASURED


def parse_objectives(asked: Any, kind: str = "class") -> tuple[Objective, ...]:
    """Names, `keras_tuner.Objective`s or a list of them, as `Objective`s.

    Args:
        asked: one or several.
        kind: of the target, which names are known for, see `Target`.

    Raises:
        UserError: a bare name that is not known (a metric of one's own needs
            ``keras_tuner.Objective(name, "max")``), none at all, or one twice.
    """
    several = isinstance(asked, Sequence) and not isinstance(asked, str | Objective)
    found = tuple(_parse(one, kind) for one in (asked if several else [asked]))
    names = [objective.name for objective in found]
    if not found or len(set(names)) < len(names):
        raise UserError(
            f"objective: expected one or several different ones, got {names}"
        )
    return found


def _parse(asked: Any, kind: str) -> Objective:
    if isinstance(asked, str):
        known = objectives_for(kind)
        if asked in known:
            return Objective(asked, known[asked])
        raise UserError(
            f"objective: expected one of {', '.join(known)}, got "
            f"{asked!r}; a metric of your own needs "
            f'keras_tuner.Objective("val_…", "max")'
        )
    if hasattr(asked, "name") and hasattr(asked, "direction"):
        return Objective(asked.name, asked.direction)
    raise UserError(f"objective: expected a name or keras_tuner.Objective, got {asked}")


def parse_constraints(asked: Mapping[str, float] | None) -> dict[str, float]:
    """Upper limits of costs by name, checked.

    Raises:
        UserError: a name that is no cost, or a limit that is not above zero.
    """
    limits = dict(asked or {})
    for name, limit in limits.items():
        if name not in COSTS:
            raise UserError(
                f"constraint: expected one of {', '.join(COSTS)}, got {name!r}"
            )
        if name == THROUGHPUT:
            raise UserError(
                f"constraint: expected a cost that is better when smaller, got {name}; "
                "make it an objective, or limit latency_ms"
            )
        if not limit > 0:
            raise UserError(f"constraint: {name} must be above 0, got {limit}")
    return limits


def check_map_step(names: Iterable[str], map_step: int | None) -> None:
    """Refuses the cost of a map where its step is not given.

    Raises:
        UserError: it is among the objectives and constraints, and there is no step.
    """
    if map_step is None and MAP_COST in names:
        raise UserError(
            f"{MAP_COST}: expected the pixels from one window of the map to the next, "
            "got none; give them with --map-step (map_step=…)"
        )


def violation(cost: Mapping[str, Any], limits: Mapping[str, float]) -> str | None:
    """Why a candidate of this cost is infeasible, or None where it is not."""
    over = [
        f"{name} {rounded(cost[name])} > {rounded(limit)}"
        for name, limit in limits.items()
        if cost.get(name) is not None and cost[name] > limit
    ]
    return "; ".join(over) or None
