"""Which network of a search is to be its finalist, and what is left to do for it."""

from __future__ import annotations

from pathlib import Path

import optuna

from autoai4eo.runs.belonging import trained_finalist
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import TRIAL, NetworkId, network_id
from autoai4eo.runs.trials import best_trial

#: Attributes of the study: the network that the user chose, and the selected one.
_CHOSEN, _SELECTED = "finalist", "selected"
#: What ends with what an interrupted command left to do.
CURE = "fit, or the select that was interrupted, with the same arguments goes on"


def of(study: optuna.Study) -> NetworkId:
    """Returns the network that the user chose, else the selected one, else the best.

    The selected one is that of `autoai4eo.search.trials.selecting`, the best one that
    of the best trial by the first objective.

    Raises:
        UserError: no trial is complete.
    """
    return by_user(study) or by_default(study)


def by_default(study: optuna.Study) -> NetworkId:
    """Returns the selected network, else the best, whatever the user chose.

    Raises:
        UserError: no trial is complete.
    """
    if (key := study.user_attrs.get(_SELECTED)) is not None:  # trial 0 is 0
        return network_id(key)
    return NetworkId(TRIAL, best_trial(study).number)


def by_user(study: optuna.Study) -> NetworkId | None:
    """Returns the network that the user chose, if any."""
    key = study.user_attrs.get(_CHOSEN)
    return None if key is None else network_id(key)


def set_to(study: optuna.Study, network: NetworkId | None) -> None:
    """Makes a network the finalist; None: takes a choice of the user back."""
    study.set_user_attr(_CHOSEN, None if network is None else network.key)


def select(study: optuna.Study, network: NetworkId | None) -> None:
    """Makes a network the finalist unless the user chose one; None: the best trial."""
    study.set_user_attr(_SELECTED, None if network is None else network.key)


def is_scored(run: Path) -> bool:
    """Returns whether the finalist in ``RUN/best`` was scored after its training.

    Raises:
        DamagedError: its record is damaged.
    """
    return "evaluated_on" in Run(run).read_evaluation()


def left_to_do(run: Path, study: optuna.Study) -> str | None:
    """Returns what an interrupted command left to do for the finalist, in words.

    None: nothing. `fit` and `select` with the same arguments do it.

    Raises:
        UserError: no trial is complete.
    """
    wanted = of(study)
    if trained_finalist(run) != wanted:
        return f"{wanted} is to be the finalist, but is not trained to the end"
    if not is_scored(run):
        return f"{wanted} is the finalist, but is not scored on the validation data"
    return None
