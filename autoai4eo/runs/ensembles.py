"""The ensembles of a run, ``RUN/ensembles/NUMBER``: weighted means of trials' networks.

An ensemble is no trial: it trains nothing, and the study does not know it. Its folder
has the network, ``model.keras``, and ``ensemble.json``, and is written in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.trial import TrialState

from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.files import folder_in_one_step, read_json, write_json
from autoai4eo.learning.figures import COSTS, FIGURES
from autoai4eo.runs import schemas
from autoai4eo.runs.belonging import check_file, digest
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import check_no_links, own_folder
from autoai4eo.runs.network_id import ENSEMBLE, TRAINING, NetworkId
from autoai4eo.runs.paths import ENSEMBLE as RECORD
from autoai4eo.runs.study import open_study
from autoai4eo.runs.trial_folder import NETWORK

_CURE = "remove its folder, and make it again with `autoai4eo ensemble RUN`"

#: Costs of an ensemble that are the sums of those of its members.
SUMMED = tuple(
    name
    for name in COSTS
    if FIGURES[name].direction == "min"
    and name not in ("latency_p95_ms", "peak_memory_bytes")
)
#: Said wherever the scores of an ensemble on the validation data are shown.
CAVEAT = (
    "its members were chosen by the validation data, so that its scores on them are "
    "optimistic: judge it on other data"
)


@dataclass(frozen=True)
class Ensemble:
    """An ensemble of a run, and what it costs.

    Attributes:
        number: of the ensemble.
        members: how often each trial was selected, by its number.
        metrics: on the validation data, such as ``val_cohen_kappa``.
        cost: of the whole network, a `Cost` as a dict, measured as the costs of trials.
        summed: the sums of its members' costs, by name.
        limits: upper limits of these sums that it was selected within, by name.
        size: the largest number of selections.
        chosen_by: the metric that chose the members.
        epochs: that the weights of its members went through, in total.
        scores: of the whole on the validation data, with intervals and the references
            beside, the result of `autoai4eo.runs.scoring.score_beside`; {} if an
            earlier version made it.
        trained_on: ``"training"``, or ``"training and validation"`` if its members were
            trained anew after they were selected; metrics and scores are of before.
    """

    number: int
    members: dict[int, int]
    metrics: dict[str, float]
    cost: dict[str, Any]
    summed: dict[str, float]
    limits: dict[str, float]
    size: int
    chosen_by: str
    epochs: int
    scores: dict[str, Any] = field(default_factory=dict)
    trained_on: str = TRAINING

    @property
    def id(self) -> NetworkId:
        """The name among the networks of the run."""
        return NetworkId(ENSEMBLE, self.number)

    @property
    def weights(self) -> dict[int, float]:
        """The weight of each trial's network; their sum is 1."""
        total = sum(self.members.values())
        return {trial: count / total for trial, count in self.members.items()}

    @property
    def told(self) -> str:
        """The members in words, the heaviest first."""
        heaviest = sorted(self.weights.items(), key=lambda pair: (-pair[1], pair[0]))
        return ", ".join(f"trial {trial} ({weight:.2f})" for trial, weight in heaviest)


def check_limits(limits: Mapping[str, float]) -> None:
    """Checks upper limits of summed costs.

    Raises:
        UserError: a cost is unknown or cannot be summed, or a limit is not above 0.
    """
    for name, limit in limits.items():
        if name not in SUMMED:
            raise UserError(
                f"ensemble: expected a limit of {', '.join(SUMMED)}, found one of "
                f"{name}; choose among these"
            )
        if not limit > 0:
            raise UserError(
                f"ensemble: expected a limit of {name} above 0, found {limit:g}"
            )


def numbers(run: Path) -> list[int]:
    """Returns the sorted numbers of the ensembles of a run."""
    check_no_links(run)
    found = Run(run).ensembles.glob(f"*/{RECORD}")
    return sorted(int(p.parent.name) for p in found if p.parent.name.isdecimal())


def read(run: Path, number: int, study: optuna.Study | None = None) -> Ensemble:
    """Returns an ensemble of a run.

    Args:
        run: the folder.
        number: of the ensemble.
        study: of the run; None: it is opened.

    Raises:
        MissingError: the run has no such ensemble.
        DamagedError: its record is damaged, of another run, or has members that are no
            trained trials of the run.
    """
    known = _read(run, number)
    members = {int(trial): count for trial, count in known["members"].items()}
    _check_members(run, number, members, study or open_study(run))
    names = Ensemble.__dataclass_fields__.keys() - {"number", "members"}
    return Ensemble(
        number, members, **{name: known[name] for name in names if name in known}
    )


def ensembles_of(run: Path, study: optuna.Study | None = None) -> list[Ensemble]:
    """Returns the ensembles of a run, oldest first.

    Args:
        run: the folder.
        study: of the run; None: it is opened.

    Raises:
        DamagedError: see `read`.
    """
    return [read(run, number, study) for number in numbers(run)]


def network_of(run: Path, number: int) -> Path:
    """Returns the path of an ensemble's network, checked against its record.

    Raises:
        MissingError: the run has no such ensemble, or its network is missing.
        DamagedError: network or record are damaged, or do not belong together; see
            `read`.
    """
    known = _read(run, number)
    _check_members(run, number, map(int, known["members"]), open_study(run))
    path = _folder(run, number) / NETWORK
    check_file(path, known["network"], f"the network of ensemble {number}", _CURE)
    return path


def add(run: Path, write: Callable[[Path], None], **found: Any) -> Ensemble:
    """Keeps a new ensemble in a run, under the next free number, in one step.

    The caller must hold a lock of the run.

    Args:
        run: the folder.
        write: writes the network to a path.
        **found: the attributes of the `Ensemble`, except its number.
    """
    parent = own_folder(Run(run).ensembles)
    taken = [int(path.name) for path in parent.iterdir() if path.name.isdecimal()]
    ensemble = Ensemble(max(taken, default=-1) + 1, **found)
    with folder_in_one_step(_folder(run, ensemble.number)) as folder:
        folder.mkdir()
        write(folder / NETWORK)
        content = asdict(ensemble)
        del content["number"]
        about = {"schema": schemas.VERSION, "run": Run(run).mark()}
        of_network = {"network": digest(folder / NETWORK)}
        write_json(folder / RECORD, {**about, **of_network, **content})
    return ensemble


def table(ensembles: list[Ensemble], optimal: set[NetworkId]) -> pd.DataFrame:
    """Returns a row per ensemble: members, metrics, measured and summed costs.

    Args:
        ensembles: of a run.
        optimal: the Pareto-optimal networks among its trials and ensembles.

    Returns:
        ``ensemble``, ``members`` (trials with their weights), ``on_front``, metrics and
        costs of the whole, named as in the table of trials, and ``summed_COST``.
    """
    metrics = dict.fromkeys(name for e in ensembles for name in e.metrics)
    costs = [n for n in COSTS if any(e.cost.get(n) is not None for e in ensembles)]
    costs = [name for name in costs if FIGURES[name].column]
    costs += ["latency_spread_ms", "latency_batch_size", "device", "runtime"]
    summed = dict.fromkeys(name for e in ensembles for name in e.summed)
    columns = ["ensemble", "members", "on_front", *metrics, *costs]
    rows = [
        {
            "ensemble": e.number,
            "members": e.told,
            "on_front": e.id in optimal,
            **{name: e.metrics.get(name) for name in metrics},
            **{name: e.cost.get(name) for name in costs},
            **{f"summed_{name}": e.summed.get(name) for name in summed},
        }
        for e in ensembles
    ]
    return pd.DataFrame(rows, columns=[*columns, *(f"summed_{n}" for n in summed)])


def _check_members(
    run: Path, number: int, members: Iterable[int], study: optuna.Study
) -> None:
    trained = [
        trial.number
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    ]
    if lost := sorted(set(members) - set(trained)):
        raise DamagedError(
            f"{_folder(run, number) / RECORD}: expected trained trials of this run as "
            f"members ({', '.join(map(str, trained)) or 'it has none'}), found "
            f"{', '.join(map(str, lost))}; {_CURE}"
        )


def _folder(run: Path, number: int) -> Path:
    return Run(run).ensembles / str(number)


def _read(run: Path, number: int) -> dict[str, Any]:
    path = _folder(run, number) / RECORD
    if not path.is_file():
        kept = ", ".join(map(str, numbers(run))) or "none"
        raise MissingError(
            f"{run}: expected the ensemble {number}, found {kept}; `autoai4eo ensemble "
            f"{run}` makes one"
        )
    known: dict[str, Any] = read_json(path, _CURE, schemas.ENSEMBLE)
    own = Run(run).mark()
    members = known["members"]
    if not members or not all(n.isdecimal() and c > 0 for n, c in members.items()):
        raise DamagedError(
            f"{path}: expected how often each trial is a member, found {members}; "
            f"{_CURE}"
        )
    if own is not None and known.get("run", own) != own:
        raise DamagedError(
            f"{path}: expected an ensemble of this run, found that of another; {_CURE}"
        )
    return known
