"""The options of a search, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from autoai4eo.devices.client import address_of
from autoai4eo.errors import UserError
from autoai4eo.learning.figures import MEASURED
from autoai4eo.learning.objectives import (
    MAP_COST,
    Objective,
    check_map_step,
    parse_constraints,
    parse_objectives,
)
from autoai4eo.learning.registry import TASKS
from autoai4eo.learning.training import Proxy
from autoai4eo.runs import databases
from autoai4eo.runs.database_urls import without_password
from autoai4eo.runs.front import KNEE
from autoai4eo.runs.selection import ONE_SE
from autoai4eo.runtimes import runtime_of
from autoai4eo.runtimes.base import FLOAT32
from autoai4eo.search import strategies

#: Number of finalists that are trained again, unless the user gives one.
REPEATED = 3
RULES = (ONE_SE, KNEE)
COST_AWARE = "cost-aware"
#: In run.json these are part of the constraints, of the data, and of the objective.
_NOT_RECORDED = ("max_model_size", "kind", "objectives")


@dataclass(frozen=True)
class SearchSettings:
    """The options of a search; the attributes hold them checked and completed.

    Args:
        max_trials: number of candidates to train, without infeasible ones.
        objective: any metric or cost, a `keras_tuner.Objective`, or several of them;
            None: that of the task, ``val_cohen_kappa`` for one class per sample.
        tuner: ``"cost-aware"`` (the default), ``"greedy"``, ``"bayesian"``,
            ``"hyperband"``, ``"random"``, ``"tpe"``, ``"nsga2"``, ``"gp"``,
            ``"local-search"``, ``"policy"``, ``"cost-sorted"``; or a class: a
            `keras_tuner.Oracle`, or a strategy, see `autoai4eo.search.strategies`.
        seed: makes a search repeatable; None is 0.
        max_model_size: the same as a constraint of ``params``, as in AutoKeras.
        constraints: upper limits of costs by name, such as ``{"latency_ms": 2.0}``.
        latency_batch_size: the batch size for which latency is measured.
        map_step: pixels from one window of a map to the next, for the cost
            ``map_ms_per_km2``: milliseconds to map a square kilometre of 10 m pixels.
        workers: processes on this machine that try candidates at the same time.
        patience: the search ends after so many trainings in a row that did not enlarge
            the hypervolume of the front (with one objective: did not improve on the
            best) by 0.1 %; None: never.
        proxy: a cheaper training to judge candidates by: ``{"epochs": 5, "fraction":
            0.25}``, of which either may be missing.
        finalists: number of trials on the front that are trained in full after a
            `proxy`, and again with `folds` or `seeds`; 0: the search ends with its
            trials, without a finalist.
        folds: the finalists are judged by a cross-validation of so many folds of whole
            groups, over training and validation data together; the selected one is then
            trained on all of them. None: no cross-validation.
        seeds: the finalists are trained so many times, with other seeds; 1: once.
        rule: that selects the finalist: None: the best by the first objective;
            ``"one-se"``: the cheapest that is not worse by more than one standard
            error, over the folds or seeds, otherwise over resamples of the validation
            data; ``"knee"``: where the front bends most.
        prune: ends a training that cannot reach the front: even if it improved from
            this epoch on as much as the best of five or more whole trainings did, it
            would be dominated. Not in the first third of the epochs.
        storage: ``postgresql://USER@HOST/DATABASE`` if several machines that share the
            run's folder work on one search; None: ``study.db`` in the folder. The
            password comes from ``PGPASSWORD``, ``~/.pgpass`` or the URL; it is kept in
            memory only.
        runtime: that latency is measured in: ``"onnx"``, ``"tensorflow"``, ``"jax"``,
            ``"litert"`` or ``"openvino"``; None: that of a resumed search, otherwise
            ONNX Runtime on a CPU and Keras's own backend on a GPU.
        precision: of the runtime's computations: ``"float32"`` (the default),
            ``"float16"``, ``"bfloat16"`` or ``"int8"``.
        threads: of the runtime on a CPU; None: a thread for each core.
        device: ``http://HOST:PORT`` of ``autoai4eo device serve``, which measures
            latency instead of this machine; its token is in the environment variable
            ``AUTOAI4EO_DEVICE_TOKEN``, see docs/devices.md.
        device_profile: the file that ``autoai4eo device profile`` wrote: latency is
            predicted from it, not measured.
        judge_quantized: scores candidates on the validation data as the runtime
            computes in `precision`, which is then another one than float32. The network
            is trained in float32.
        fine_tune_quantized: epochs for which the finalist is trained further while it
            rounds as in int8, which is then the `precision`. The best epoch, as the
            runtime computes in int8, is kept if it is better than before; None: none.
        prior: earlier searches that ``cost-aware`` learns from: folders of runs,
            databases of networks or CSV files, see `autoai4eo.tasks.priors`.
        kind: of the target, see `autoai4eo.data.target.Target`.

    Attributes:
        objectives: the parsed objectives, in order.

    Raises:
        UserError: an option is unknown or out of range.
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
    finalists: int | None = None
    folds: int | None = None
    seeds: int = 1
    rule: str | None = None
    prune: bool = False
    storage: str | None = None
    runtime: str | None = None
    precision: str | None = None
    threads: int | None = None
    device: str | None = None
    device_profile: str | Path | None = None
    judge_quantized: bool = False
    fine_tune_quantized: int | None = None
    prior: Sequence[str | Path] = ()
    kind: str = "class"
    objectives: tuple[Objective, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name in (
            *("max_trials", "workers", "patience", "map_step", "finalists", "seeds"),
            *("threads", "fine_tune_quantized"),
        ):
            number, least = getattr(self, name), int(name != "finalists")
            if number is not None and number < least:
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option}: expected {least} or more, got {number}")
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
        if self.device is not None:
            address_of(self.device)
            if self.mapped_every is not None or MAP_COST in names:
                raise UserError(
                    "--device: expected costs that a device measures, found "
                    f"{MAP_COST}, which this machine does; leave it, --map-step or "
                    "--device out"
                )
        check_map_step(names, self.map_step, self.kind)
        if self.device_profile is not None:
            _check_profiled(names, self.device)
            if self.map_step is not None:
                raise UserError(
                    "--device-profile: expected a search without --map-step, found one "
                    "with it: a profile is of other networks; leave out --map-step or "
                    "--device-profile"
                )
            self._keep(device_profile=str(self.device_profile))
        if self.judge_quantized and (self.precision or FLOAT32) == FLOAT32:
            raise UserError(
                "--judge-quantized: expected a precision to score in, found float32; "
                "add --precision int8"
            )
        if self.fine_tune_quantized is not None and self.precision != "int8":
            raise UserError(
                "--fine-tune-quantized: expected the precision int8, found "
                f"{self.precision or FLOAT32}; add --precision int8"
            )
        if self.runtime is not None:
            runtime_of(self.runtime, self.precision or FLOAT32)
        _check_selection(self.folds, self.seeds, self.rule)
        again = self.folds is not None or self.seeds > 1
        tuned = self.fine_tune_quantized is not None
        if self.finalists == 0 and (again or self.rule or self.proxy or tuned):
            raise UserError(
                "--finalists: expected 1 or more with folds, seeds, a rule, a proxy or "
                "fine_tune_quantized, got 0; leave them out for a search without a "
                "finalist"
            )
        if self.judge_quantized and (again or self.rule == ONE_SE):
            raise UserError(
                "--judge-quantized: expected a search without folds, seeds and the "
                f"rule {ONE_SE}, which score networks in float32, found one with them; "
                "leave them or --judge-quantized out"
            )
        self._keep(
            finalists=(REPEATED if again else 1)
            if self.finalists is None
            else self.finalists,
            seed=0 if self.seed is None else int(self.seed),
            proxy=_proxy(self.proxy),
            storage=self.storage and databases.name(self.storage),
            tuner=strategies.check(self.tuner or strategies.DEFAULT),
            prior=[str(Path(path).absolute()) for path in _listed(self.prior)],
        )
        if self.prior and self.tuner != COST_AWARE:
            raise UserError(
                f"--prior: expected the strategy {COST_AWARE}, which learns from "
                f"earlier searches, found {self.record()['tuner']}; leave one of them "
                "out"
            )

    def _keep(self, **checked: Any) -> None:
        for name, value in checked.items():
            object.__setattr__(self, name, value)  # the class is frozen

    @property
    def monitor(self) -> Objective:
        """The metric that determines the best epoch of a trial."""
        trained = (o for o in self.objectives if not o.is_cost)
        return next(trained, TASKS[self.kind].objective)

    @property
    def mapped_every(self) -> int | None:
        """Pixels from one class of a map to the next, if its cost is measured.

        That is `map_step`, or of masks 1 if an objective or constraint names the cost.
        """
        names = {*(o.name for o in self.objectives), *self.constraints}
        return 1 if self.kind == "mask" and MAP_COST in names else self.map_step

    @property
    def is_shared(self) -> bool:
        """Whether several machines may work on the search."""
        return self.storage is not None

    def record(self) -> dict[str, Any]:
        """Returns the settings for run.json, without passwords."""
        named = isinstance(self.tuner, str)
        kept = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in _NOT_RECORDED:
            del kept[name]
        return {
            **kept,
            "objective": [o.name for o in self.objectives],
            "constraints": dict(self.constraints),
            "tuner": self.tuner if named else self.tuner.__name__,
            "proxy": self.proxy and asdict(self.proxy),
            "storage": self.storage and without_password(self.storage),
        }


def _listed(paths: Any) -> list[Any]:
    return [paths] if isinstance(paths, str | Path) else list(paths or ())


def _check_selection(folds: int | None, seeds: int, rule: str | None) -> None:
    """Checks how the finalist is selected.

    Raises:
        UserError: there are fewer than 2 folds, the rule is not known, or it does not
            use folds and seeds, which are given.
    """
    if folds is not None and folds < 2:
        raise UserError(
            f"--folds: expected 2 or more, got {folds}; leave it out for no folds"
        )
    if rule not in (None, *RULES):
        raise UserError(f"--rule: expected {' or '.join(RULES)}, got {rule!r}")
    if rule == KNEE and (folds is not None or seeds > 1):
        raise UserError(
            f"--rule: expected {ONE_SE} or none with folds or seeds, got {rule}, which "
            "does not use them; leave one of them out"
        )


def _check_profiled(costs: Sequence[str], device: str | None) -> None:
    if device is not None:
        raise UserError(
            "--device-profile: expected a device that measures or a profile that "
            "predicts, found both; leave out --device or --device-profile"
        )
    for name in costs:
        if name in MEASURED and name != "latency_ms":
            raise UserError(
                "--device-profile: expected costs that a profile predicts, found "
                f"{name}; use latency_ms, or leave --device-profile out"
            )


def _proxy(given: Mapping[str, float] | Proxy | None) -> Proxy | None:
    if given is None or isinstance(given, Proxy):
        return given
    epochs, fraction = given.get("epochs"), given.get("fraction", 1.0)
    known = given.keys() <= {"epochs", "fraction"}
    if not known or not 0 < fraction <= 1 or (epochs is not None and epochs < 1):
        raise UserError(
            "--proxy: expected epochs of 1 or more, or a fraction of the training data "
            f"above 0, or both, got {dict(given)}"
        )
    return Proxy(None if epochs is None else int(epochs), fraction)
