"""Every option of a search, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from autoai4eo.errors import UserError
from autoai4eo.learning.objectives import (
    Objective,
    check_map_step,
    parse_constraints,
    parse_objectives,
)
from autoai4eo.learning.registry import TASKS
from autoai4eo.learning.training import Proxy
from autoai4eo.runs import databases
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runtimes import runtime_of
from autoai4eo.runtimes.base import FLOAT32
from autoai4eo.search import strategies


@dataclass(frozen=True)
class SearchSettings:
    """The options of a search; the attributes hold them checked and completed.

    Args:
        max_trials: how many candidates are trained; infeasible ones do not count.
        objective: any metric or cost, a `keras_tuner.Objective`, or several of them;
            None: that of the task, ``val_cohen_kappa`` of one class per sample.
        tuner: ``"cost-aware"`` (the default), ``"greedy"``, ``"bayesian"``,
            ``"hyperband"``, ``"random"``, ``"tpe"``, ``"nsga2"``, ``"gp"``,
            ``"cost-sorted"``; or a class: a `keras_tuner.Oracle`, or a strategy, see
            `autoai4eo.search.strategies`.
        seed: makes a search repeatable; None is 0.
        max_model_size: the same as a constraint on ``params``, as in AutoKeras.
        constraints: upper limits of costs by name, such as ``{"latency_ms": 2.0}``.
        latency_batch_size: the batch size for which latency is measured.
        map_step: pixels from one window of a map to the next, for which the cost
            ``map_ms_per_km2`` is measured: milliseconds to map a square kilometre of
            10 m pixels.
        workers: processes on this machine that try candidates at the same time.
        patience: the search ends when so many trainings in a row did not enlarge the
            hypervolume that the front dominates (with one objective: did not improve
            on the best) by a thousandth; None: it does not.
        proxy: a cheaper training that candidates are judged by: ``{"epochs": 5,
            "fraction": 0.25}``, either may be missing.
        finalists: with a `proxy`, so many of the front are trained in full in the end.
        prune: ends a training that cannot reach the front any more: even if it gained,
            from this epoch on, as much as any of five or more whole trainings did, it
            would be dominated. Not before a third of the epochs.
        storage: ``postgresql://USER@HOST/DATABASE`` where several machines, which share
            the run's folder, work on one search; None: ``study.db`` in the folder. The
            password comes from ``PGPASSWORD``, ``~/.pgpass`` or the URL; it is kept in
            memory only.
        runtime: what measures latency: ``"onnx"``, ``"tensorflow"``, ``"jax"``,
            ``"litert"`` or ``"openvino"``; None: as the search began, at first ONNX
            Runtime on a CPU and Keras's own backend on a GPU.
        precision: of the runtime's computations: ``"float32"`` (the default),
            ``"float16"``, ``"bfloat16"`` or ``"int8"``.
        threads: of the runtime on a CPU; None: a thread for each core.
        kind: of the target that is learned, see `autoai4eo.data.target.Target`.

    Attributes:
        objectives: what is optimised, the first first.

    Raises:
        UserError: an option that is not understood.
    """

    max_trials: int = 100
    objective: Any = None
    tuner: Any = strategies.DEFAULT
    seed: int = 0
    max_model_size: int | None = None
    constraints: Mapping[str, float] = field(default_factory=dict)
    latency_batch_size: int = 1
    map_step: int | None = None
    workers: int = 1
    patience: int | None = None
    proxy: Any = None
    finalists: int = 1
    prune: bool = False
    storage: str | None = None
    runtime: str | None = None
    precision: str | None = None
    threads: int | None = None
    kind: str = "class"
    objectives: tuple[Objective, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name in (
            *("max_trials", "workers", "patience", "map_step", "finalists"),
            "threads",
        ):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise UserError(f"{name}: expected 1 or more, got {number}")
        limits = dict(self.constraints or {})
        if self.max_model_size is not None:
            size = limits.get("params", self.max_model_size)
            limits["params"] = min(self.max_model_size, size)
        self._keep(
            constraints=parse_constraints(limits),
            objectives=(TASKS[self.kind].objective,)
            if self.objective is None
            else parse_objectives(self.objective, self.kind),
        )
        names = [*(o.name for o in self.objectives), *self.constraints]
        check_map_step(names, self.map_step)
        if self.runtime is not None:
            runtime_of(self.runtime, self.precision or FLOAT32)
        self._keep(
            seed=0 if self.seed is None else int(self.seed),
            proxy=_proxy(self.proxy),
            storage=self.storage and databases.name(self.storage),
            tuner=strategies.check(self.tuner or strategies.DEFAULT),
        )

    def _keep(self, **checked: Any) -> None:
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # it is frozen from here on

    @property
    def monitor(self) -> Objective:
        """The figure by which the best epoch of a trial is known."""
        trained = (o for o in self.objectives if not o.is_cost)
        return next(trained, TASKS[self.kind].objective)

    @property
    def is_shared(self) -> bool:
        """Whether several machines may work on the search."""
        return self.storage is not None

    def record(self) -> dict[str, Any]:
        """The settings as run.json has them; no password is in them."""
        named = isinstance(self.tuner, str)
        return {
            "objective": [o.name for o in self.objectives],
            "constraints": dict(self.constraints),
            "tuner": self.tuner if named else self.tuner.__name__,
            "max_trials": self.max_trials,
            "seed": self.seed,
            "latency_batch_size": self.latency_batch_size,
            "map_step": self.map_step,
            "workers": self.workers,
            "patience": self.patience,
            "proxy": self.proxy and asdict(self.proxy),
            "finalists": self.finalists,
            "prune": self.prune,
            "runtime": self.runtime,
            "precision": self.precision,
            "threads": self.threads,
            "storage": self.storage and without_password(self.storage),
        }


def _proxy(asked: Mapping[str, float] | Proxy | None) -> Proxy | None:
    if asked is None or isinstance(asked, Proxy):
        return asked
    epochs, fraction = asked.get("epochs"), asked.get("fraction", 1.0)
    known = asked.keys() <= {"epochs", "fraction"}
    if not known or not 0 < fraction <= 1 or (epochs is not None and epochs < 1):
        raise UserError(
            "proxy: expected epochs of 1 or more, or a fraction of the training data "
            f"above 0, or both, got {dict(asked)}"
        )
    return Proxy(None if epochs is None else int(epochs), fraction)
