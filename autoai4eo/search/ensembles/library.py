"""The library that an ensemble is selected from: the trained networks of a search.

What counts of each is its output for the validation data, which is computed once and
kept in memory, and its cost as the search measured it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError, warn
from autoai4eo.files import MAX_GIB, max_bytes
from autoai4eo.learning import evaluation
from autoai4eo.learning.figures import VALIDATION, find, rounded
from autoai4eo.learning.objectives import Objective
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.task import Task
from autoai4eo.learning.worst_group import OBJECTIVE, CountedGroups, is_asked_for
from autoai4eo.networks.outputs import without_spread
from autoai4eo.runs.belonging import file_of
from autoai4eo.runs.front import check_comparable
from autoai4eo.runs.study import judged, objectives_of
from autoai4eo.runs.trial_folder import NETWORK
from autoai4eo.runs.trials import trials_of
from autoai4eo.search.ensembles.pixels import PixelSample
from autoai4eo.text import counted

_BLOCK = 1 << 16  # samples that are scored at a time

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Judge:
    """Scores outputs for the validation data, with the metrics of the trials.

    Attributes:
        task: of the search.
        objective: the metric that ensembles are selected by.
        targets: of the validation data, see `Target`.
        groups: of the validation data, if the kappa of the worst one is an objective.
    """

    task: Task
    objective: Objective
    targets: np.ndarray
    groups: CountedGroups | None = None

    @classmethod
    def of(
        cls,
        study: optuna.Study,
        validation: Dataset,
        pixels: PixelSample | None = None,
    ) -> Judge:
        """Returns the judge by the first objective that scores outputs, of masks of
        a sample of their pixels.

        A cost, a loss or a metric of the user's own scores no outputs; without another
        objective it is the default one of the task.

        Warns:
            AutoAI4EOWarning: it is not the first objective that is no cost.
        """
        task = task_of(validation.target)
        known = {f"{VALIDATION}{name}" for name in task.metrics}
        metrics = [o for o in objectives_of(study) if not o.is_cost]
        groups = CountedGroups.of(validation) if is_asked_for(metrics) else None
        if groups is not None:
            known.add(OBJECTIVE)
        found = next((o for o in metrics if o.name in known), task.objective)
        if metrics and metrics[0] != found:
            warn(
                f"{metrics[0].name} cannot be computed of an ensemble: members are "
                f"chosen by {found.name}"
            )
        targets = validation.targets if pixels is None else pixels.targets
        return cls(task, found, targets, groups)

    def metrics(self, output: np.ndarray) -> dict[str, float]:
        """Returns all metrics of a training, such as ``val_cohen_kappa``."""
        found = self._computed(output, self.task.keras_metrics(self.targets))
        if self.groups is not None:
            found[OBJECTIVE] = self.groups.worst(output)
        return found

    def score(self, output: np.ndarray) -> float:
        """Returns the value of the objective; larger is better."""
        if self.groups is not None and self.objective.name == OBJECTIVE:
            return self.groups.worst(output)
        (value,) = self._computed(output, [self._metric]).values()
        return value if self.objective.direction == "max" else -value

    @cached_property
    def _metric(self) -> Any:
        name = self.objective.name.removeprefix(VALIDATION)
        metrics = self.task.keras_metrics(self.targets)
        return next(metric for metric in metrics if metric.name == name)

    def _computed(self, output: np.ndarray, metrics: Sequence[Any]) -> dict[str, float]:
        for metric in metrics:
            metric.reset_state()
        for start in range(0, len(output), _BLOCK):
            rows = slice(start, start + _BLOCK)
            truth = self.task.encode(self.targets[rows])
            for metric in metrics:
                metric.update_state(truth, output[rows])
        return {f"{VALIDATION}{m.name}": float(m.result()) for m in metrics}


@dataclass(frozen=True)
class Candidate:
    """A trained network that may be a member.

    Attributes:
        trial: of the search.
        file: its ``.keras`` file.
    """

    trial: FrozenTrial
    file: Path

    def cost(self, name: str) -> float:
        """Returns a cost; infinity if it is not known."""
        value = self.trial.user_attrs.get("cost", {}).get(name)
        return np.inf if value is None else float(value)

    def load(self) -> keras.Model:
        """Returns the trained network."""
        return keras.models.load_model(self.file, compile=False)


def candidates(
    run: Path, study: optuna.Study, limits: Mapping[str, float]
) -> list[Candidate]:
    """Returns the trained networks of a search within the limits, in order of trials.

    Args:
        run: the folder.
        study: of the run.
        limits: upper limits of costs by name.

    Warns:
        AutoAI4EOWarning: a network is left out, as its file is damaged or missing.

    Raises:
        UserError: there is none, or latencies of several devices are limited.
    """
    complete = judged(study)
    if not complete:
        raise UserError(
            f"{run}: expected a search with trained networks, found none; "
            "`autoai4eo fit` with the same folder resumes it"
        )
    every = sum(t.state == TrialState.COMPLETE for t in trials_of(study))
    if cheaper := every - len(complete):
        warn(
            f"{run}: {counted(cheaper, 'network')} that --proxy trained left out: only "
            "those that were trained in full compare"
        )
    check_comparable("ensemble", complete, limits)
    found = []
    for trial in complete:
        try:
            found.append(Candidate(trial, file_of(run, trial, NETWORK)))
        except UserError as error:
            warn(f"trial {trial.number} is left out: {error}")
    if not found:
        raise UserError(
            f"{run}: expected the networks of its {len(complete)} trials in "
            f"{run}/trials, found no sound file; restore them from a copy"
        )
    within = [c for c in found if all(c.cost(n) <= v for n, v in limits.items())]
    if not within:
        raise UserError(
            f"ensemble: expected a budget for at least one network, found "
            f"{_told(limits)}, below that of each of {len(found)}; the cheapest "
            f"are {_cheapest(found, limits)}"
        )
    return within


def validation_outputs(
    study: optuna.Study,
    found: Sequence[Candidate],
    validation: Dataset,
    batch_size: int,
    tell: Tell,
    pixels: PixelSample | None = None,
) -> tuple[list[Candidate], list[np.ndarray]]:
    """Computes the outputs of networks for the validation data, once each.

    Of masks they are of a sample of their pixels.

    If all of them need more memory than `autoai4eo.files.max_bytes`, those of the
    trials with the worst first objective are left out, with a warning.

    Returns:
        The networks that were not left out, and the output of each, float32 (N, …).
    """
    width = task_of(validation.target).widths[0]
    number = len(validation) if pixels is None else len(pixels.numbers)
    room = max(1, int(max_bytes() // (4 * number * width)))
    if room < len(found):
        warn(
            f"the outputs of {len(found)} networks need more memory than allowed: the "
            f"best {room} are used (allow more with {MAX_GIB})"
        )
        (first, *_) = objectives_of(study)
        found = [found[i] for i in sorted(_best(found, first, room))]
    outputs = []
    for i, candidate in enumerate(found, 1):
        tell(f"trial {candidate.trial.number}   predicting   {i} of {len(found)}")
        network = without_spread(candidate.load(), validation.target)
        outputs.append(
            evaluation.outputs(network, validation, batch_size)
            if pixels is None
            else pixels.outputs(network, batch_size)
        )
        del network
        gc.collect()
    return list(found), outputs


def _best(found: Sequence[Candidate], by: Objective, number: int) -> list[int]:
    """Returns the rows of the networks that are best by the first objective."""
    sign = -1 if by.direction == "max" else 1
    values = np.array([sign * c.trial.values[0] for c in found])
    return [int(row) for row in np.argsort(values, kind="stable")[:number]]


def _told(limits: Mapping[str, float]) -> str:
    return ", ".join(f"max_{name} {rounded(v)}" for name, v in limits.items())


def _cheapest(found: Sequence[Candidate], limits: Mapping[str, float]) -> str:
    least = {name: min(found, key=lambda c: c.cost(name)) for name in limits}
    return ", ".join(
        f"trial {c.trial.number} ({find(name).label} {rounded(c.cost(name))})"
        for name, c in least.items()
    )
