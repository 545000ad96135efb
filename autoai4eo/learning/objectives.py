"""The objectives and constraints of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from autoai4eo.callers import either
from autoai4eo.errors import UserError
from autoai4eo.learning.figures import (
    COSTS,
    MAP_COST,
    THROUGHPUT,
    VALIDATION,
    find,
    objectives_for,
    rounded,
)
from autoai4eo.text import with_nearest


class Objective(NamedTuple):
    """A figure of a trial and its better direction, ``"min"`` or ``"max"``."""

    name: str
    direction: str

    def better(self, a: float, b: float) -> bool:
        """Returns whether `a` is strictly better than `b`."""
        return a > b if self.direction == "max" else a < b

    def best(self, values: Sequence[float]) -> float | None:
        """Returns the best of some values; None if there are none."""
        choose = max if self.direction == "max" else min
        return choose(values, default=None)

    @property
    def is_cost(self) -> bool:
        """Whether the figure is known before training."""
        return self.name in COSTS


#: What a search for a kind of target optimises by default.
DEFAULTS = {
    "class": Objective(f"{VALIDATION}cohen_kappa", "max"),
    "labels": Objective(f"{VALIDATION}mean_average_precision", "max"),
    "value": Objective(f"{VALIDATION}rmse", "min"),
    "mask": Objective(f"{VALIDATION}mean_iou", "max"),
}


#: For Python: the shell knows no metrics of a user.
_OWN = '; a metric of your own needs keras_tuner.Objective("val_…", "max")'


def metrics_of(kind: str) -> list[str]:
    """Returns the metrics that a search for a kind of target can optimise.

    The default one is the first.
    """
    default = DEFAULTS[kind].name
    return [default, *(n for n in objectives_for(kind) if n not in (default, *COSTS))]


def parse_objectives(asked: Any, kind: str = "class") -> tuple[Objective, ...]:
    """Parses a name, a `keras_tuner.Objective` or a list of them.

    Args:
        asked: one or several.
        kind: of the target, which decides the known names, see `Target`.

    Raises:
        UserError: a name is unknown (a user's metric needs
            ``keras_tuner.Objective(name, "max")``), none is given, or one twice.
    """
    several = isinstance(asked, Sequence) and not isinstance(asked, str | Objective)
    found = tuple(_parse(one, kind) for one in (asked if several else [asked]))
    names = [objective.name for objective in found]
    if not found or len(set(names)) < len(names):
        raise UserError(
            f"--objective: expected one or several different ones, got {names}"
        )
    return found


def _parse(asked: Any, kind: str) -> Objective:
    if isinstance(asked, str):
        known = objectives_for(kind)
        if asked in known:
            return Objective(asked, known[asked])
        of_others = find(asked).kinds
        is_of_others = of_others and kind not in of_others
        raise UserError(
            f"--objective: expected one of {', '.join(known)}, got "
            + (
                f"{asked}, which is of targets of the kind {' or '.join(of_others)}"
                if is_of_others
                else with_nearest(asked, known) + either("", _OWN)
            )
        )
    if hasattr(asked, "name") and hasattr(asked, "direction"):
        return Objective(asked.name, asked.direction)
    raise UserError(
        f"--objective: expected a name or keras_tuner.Objective, got {asked}"
    )


def parse_constraints(asked: Mapping[str, float] | None) -> dict[str, float]:
    """Checks upper limits of costs by name, and returns them.

    Raises:
        UserError: a name is not a cost, a limit is not above zero, or it is of the
            throughput.
    """
    limits = dict(asked or {})
    for name, limit in limits.items():
        if name not in COSTS:
            allowed = ", ".join(cost for cost in COSTS if cost != THROUGHPUT)
            raise UserError(
                f"--constraint: expected one of {allowed}, got "
                + with_nearest(name, [cost for cost in COSTS if cost != THROUGHPUT])
            )
        if name == THROUGHPUT:
            raise UserError(
                f"--constraint: expected a cost that is minimised, got {name}; "
                "make it an objective, or limit latency_ms"
            )
        if not limit > 0:
            raise UserError(f"--constraint: {name} must be above 0, got {limit}")
    return limits


def check_map_step(names: Iterable[str], map_step: int | None, kind: str) -> None:
    """Refuses the cost of a map without a map step, but of masks, which need none.

    Args:
        names: of objectives and constraints.
        map_step: pixels from one window of a map to the next, if any.
        kind: of target.

    Raises:
        UserError: the cost is an objective or constraint, but there is no step.
    """
    if kind != "mask" and map_step is None and MAP_COST in names:
        raise UserError(
            f"{MAP_COST}: expected the pixels from one window of the map to the next, "
            "got none; give them with --map-step"
        )


def violation(cost: Mapping[str, Any], limits: Mapping[str, float]) -> str | None:
    """Returns why a candidate of this cost is infeasible; None if it is feasible."""
    over = [
        f"{name} {rounded(cost[name])} > {rounded(limit)}"
        for name, limit in limits.items()
        if cost.get(name) is not None and cost[name] > limit
    ]
    return "; ".join(over) or None
