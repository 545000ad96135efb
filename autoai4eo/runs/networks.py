"""What a run knows of its trained networks: of trials and of ensembles alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna

from autoai4eo.errors import UserError
from autoai4eo.runs import ensembles
from autoai4eo.runs.belonging import file_of
from autoai4eo.runs.comparable import MeasuredWith, measured_with
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import NetworkId, Which, finalist_in, network_id
from autoai4eo.runs.phases import Phase, epochs_of, of_trial
from autoai4eo.runs.study import open_study, trial_of, trials_of


@dataclass(frozen=True)
class KnownNetwork:
    """What a run knows of a trained network.

    Attributes:
        id: its name in the run.
        metrics: on the validation data in the search.
        cost: a `Cost` as a dict; {} if it was not recorded.
        hyperparameters: of a trial.
        epochs: that its weights went through; of an ensemble those of all members.
        phases: of a trial: its training.
        weights: of an ensemble: the weight of each trial, by its number.
        scores: of an ensemble: see `Ensemble`.
    """

    id: NetworkId
    metrics: Mapping[str, float]
    cost: Mapping[str, Any]
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    epochs: int | None = None
    phases: Sequence[Phase] = ()
    weights: Mapping[int, float] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)


def known_network(run: Path, study: optuna.Study, of: NetworkId) -> KnownNetwork:
    """Returns what a run knows of one of its networks.

    Raises:
        UserError: the run has no such network, or its record is damaged.
    """
    if of.is_ensemble:
        found = ensembles.read(run, of.number, study)
        return KnownNetwork(
            of,
            found.metrics,
            found.cost,
            epochs=found.epochs,
            weights=found.weights,
            scores=found.scores,
        )
    kept = trial_of(study, run, of.number).user_attrs
    return KnownNetwork(
        of,
        kept.get("metrics", {}),
        kept.get("cost", {}),
        kept.get("hyperparameters", {}),
        epochs_of(kept),
        [of_trial(f"{of}", kept, None)],
    )


def searched_with(run: Path, which: Which) -> MeasuredWith | None:
    """Returns what measured a network's latency in the search; None: nothing did.

    Args:
        run: the folder.
        which: the network; None: the finalist.

    Raises:
        UserError: the run has no such network, or a record is damaged.
    """
    known = Run(run).read_evaluation() if which is None else {}
    of = finalist_in(known) if which is None else network_id(which)
    return measured_with(known_network(run, open_study(run), of).cost) if of else None


def network_path(run: Path, of: NetworkId) -> Path:
    """Returns the ``.keras`` file of a trial or an ensemble, checked by its digest.

    Raises:
        UserError: the run has no such network, or its file is damaged or missing.
    """
    if of.is_ensemble:
        return ensembles.network_of(run, of.number)
    path = Run(run).trial(of.number).network
    if not path.is_file():
        kept = ", ".join(map(str, Run(run).trained())) or "none"
        raise UserError(
            f"{run}: expected a trained trial {of.number}, found {kept}; `autoai4eo "
            f"trials {run}` lists them"
        )
    for found in trials_of(open_study(run)):
        if found.number == of.number:
            return file_of(run, found, path.name)
    raise UserError(
        f"{path}: expected a trial of this run, found that of another; `autoai4eo "
        f"trials {run}` lists them"
    )
