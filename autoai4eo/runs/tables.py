"""The trials of a study as a table, and the errors of its estimated costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.errors import UserError
from autoai4eo.learning.figures import (
    COSTS,
    ENERGY,
    FIGURES,
    MAP_COST,
    MEASURED,
    METRICS,
    PREDICTED,
    THROUGHPUT,
    VALIDATION,
    find,
)
from autoai4eo.runs.trials import networks_built, status, trainings, trials_of
from autoai4eo.text import with_nearest

#: Costs that are measured only on request.
_IF_ANY = (MAP_COST, THROUGHPUT, ENERGY)
#: Fewest networks for a median error of estimates.
_FEWEST = 5


def trials_table(study: optuna.Study, at_work: bool | None = None) -> pd.DataFrame:
    """Returns a row per trial: status, objectives, metrics, costs, hyperparameters.

    Times are in seconds, latencies in milliseconds, sizes in bytes; metrics are those
    of the trial's best epoch. If cheaper trainings judge candidates, ``training`` says
    which they are. Columns ``map_ms_per_km2``, ``samples_per_second`` and
    ``energy_mj`` exist if the run measures them; ``predicted`` if latencies are
    predicted from a device profile: the digest of the profile, see
    `autoai4eo.devices.profile.DeviceProfile`.

    Args:
        study: of the run.
        at_work: whether a search is working on it, see `Run.is_at_work`; if not, what
            is recorded as running was interrupted. None: unknown.
    """
    went_on = {
        trial.user_attrs["retry_of"]: trial.number
        for trial in study.get_trials(deepcopy=False)
        if "retry_of" in trial.user_attrs
    }
    trials = trials_of(study)
    rows = [_row(trial, went_on.get(trial.number)) for trial in trials]
    how = trainings(trials)
    for row in rows:
        if row["status"] == "running" and at_work is False:
            row |= {"status": "interrupted", "message": "interrupted"}
    objectives = study.user_attrs["objectives"]
    metrics = dict.fromkeys(name for row in rows for name in row["metrics"])
    shown = list(dict.fromkeys([*objectives, *metrics]))
    costs = [name for name in COSTS if FIGURES[name].column and name not in _IF_ANY]
    costs += ["latency_spread_ms", "latency_batch_size"]
    for name in _IF_ANY:
        if name in objectives or any(row["cost"].get(name) for row in rows):
            costs.append(name)
    costs += ["device", "runtime", "precision", "threads"]
    costs += [PREDICTED] if any(PREDICTED in row["cost"] for row in rows) else []
    shown = [name for name in shown if name not in costs]
    hyperparameters = dict.fromkeys(n for row in rows for n in row["hyperparameters"])
    return pd.DataFrame(
        [
            {
                "trial": row["trial"],
                "status": row["status"],
                **({"training": how[row["trial"]]} if how else {}),
                **{name: row["metrics"].get(name) for name in shown},
                **{name: row["cost"].get(name) for name in costs},
                **{n: row[n] for n in ("train_seconds", "epochs", "message")},
                **{n: row["hyperparameters"].get(n) for n in hyperparameters},
            }
            for row in rows
        ],
        columns=[
            "trial",
            "status",
            *(["training"] if how else []),
            *shown,
            *costs,
            "train_seconds",
            "epochs",
            "message",
            *hyperparameters,
        ],
    )


def short(table: pd.DataFrame, objectives: Iterable[str]) -> pd.DataFrame:
    """Returns a table of trials without its less important columns.

    Status, objectives, the main metrics on the validation data and the main costs,
    epochs and message are left.

    Args:
        table: see `trials_table`.
        objectives: names of the objectives of the search.
    """
    kept = {"trial", "status", "training", "message", *objectives}
    for name in table:
        on_training = name in METRICS  # metrics on validation data begin with val_
        if find(str(name)).main and not on_training:
            kept.add(name)
    return table[[name for name in table if name in kept]]


def sorted_by(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Returns a table of trials sorted by a column, best first; trials without it last.

    Raises:
        UserError: there is no such column.
    """
    name = column if column in table else f"{VALIDATION}{column}"
    if name not in table:
        raise UserError(
            f"--sort: expected one of the columns {', '.join(map(str, table))}, got "
            + with_nearest(column, map(str, table))
        )
    up = find(name).direction != "max"
    return table.sort_values(name, ascending=up, na_position="last", kind="stable")


def _row(trial: FrozenTrial, went_on: int | None) -> dict[str, Any]:
    """Returns the parts of a row; ``went_on``: the trial that resumed this one."""
    kept = trial.user_attrs
    # no message: its worker disappeared
    failed = trial.state == TrialState.FAIL
    message = kept.get("message", "interrupted" if failed else "")
    if went_on is not None:
        message = f"{message}; goes on as trial {went_on}"
    cost = dict(kept.get("cost", {}))
    if prediction := cost.get("prediction"):
        cost[PREDICTED] = prediction["profile"]
    return {
        "trial": trial.number,
        "status": status(trial),
        "metrics": kept.get("metrics", {}),
        "cost": cost,
        "train_seconds": kept.get("train_seconds"),
        "epochs": kept.get("epochs"),
        "message": message,
        "hyperparameters": kept.get("hyperparameters", trial.params),
    }


def estimate_errors(
    study: optuna.Study, used: Collection[str]
) -> dict[str, tuple[float, int]]:
    """Returns the median relative error |estimate / exact - 1| of each estimated cost.

    Counts all networks that were first estimated, then built or measured; and returns
    how many they are. Empty if the strategy estimates no costs, the search uses none,
    or there are fewer than five networks to judge by.

    Args:
        study: of the search.
        used: the costs that its objectives and constraints are about; a strategy may
            estimate others, too.
    """
    errors: dict[str, list[float]] = {}
    for trial in trials_of(study):
        proposed = trial.user_attrs.get("proposed", {})
        pairs = [(b["estimated"], b["cost"]) for b in networks_built(trial)]
        if "estimated" in proposed and "cost" in trial.user_attrs:
            cost = trial.user_attrs["cost"]
            measured = {n: cost[n] for n in MEASURED if n in cost}
            pairs.append((proposed["estimated"], measured))
        for estimated, exact in pairs:
            for name in estimated.keys() & exact.keys() & set(used):
                if exact[name]:
                    off = abs(estimated[name] / exact[name] - 1)
                    errors.setdefault(name, []).append(off)
    return {
        name: (float(np.median(off)), len(off))
        for name, off in sorted(errors.items())
        if len(off) >= _FEWEST
    }
