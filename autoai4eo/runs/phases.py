"""The trainings, one after another, that the weights of a network went through.

A trial is the first. The finalist is trained further or anew after it, and may be
fine-tuned for int8. Each training has its own learning rate schedule, and of each the
best epoch is kept; the epochs after that leave no trace in the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from autoai4eo.text import counted

#: Key of best/evaluation.json.
PHASES = "phases"
FURTHER, ANEW, INT8 = "further training", "training anew", "fine-tuning for int8"


@dataclass(frozen=True)
class Phase:
    """One training.

    Attributes:
        training: its name: that of a trial, or `FURTHER`, `ANEW` or `INT8`.
        epochs: that it took.
        kept: those of them that the weights went through; 0: the network of before was
            better and is kept.
        best: the figure of its best epoch, kept or not; None without validation data.
    """

    training: str
    epochs: int
    kept: int
    best: float | None = None

    def record(self) -> dict[str, Any]:
        """Returns the attributes, for JSON."""
        return asdict(self)


def epochs_of(trial: Mapping[str, Any]) -> int:
    """Returns the epochs that the network of a trial went through.

    Args:
        trial: its user attributes. In runs of earlier versions the best epoch may not
            be known; then all epochs count.
    """
    best = trial.get("best_epoch", -1)
    return int(best) + 1 if best >= 0 else int(trial.get("epochs", 0))


def of_trial(name: str, trial: Mapping[str, Any], best: float | None) -> Phase:
    """Returns the training of a trial.

    Args:
        name: of the trial.
        trial: its user attributes.
        best: the figure of its best epoch.
    """
    return Phase(name, int(trial.get("epochs", 0)), epochs_of(trial), best)


def read(evaluation: Mapping[str, Any]) -> list[Phase]:
    """Returns the trainings of a finalist; [] of an ensemble, or an earlier version.

    Args:
        evaluation: the content of ``RUN/best/evaluation.json``.
    """
    return [Phase(**known) for known in evaluation.get(PHASES, ())]


def record(phases: Sequence[Phase]) -> dict[str, Any]:
    """Returns what best/evaluation.json says: all epochs of the weights, and each."""
    return {
        "epochs": sum(phase.kept for phase in phases),
        PHASES: [phase.record() for phase in phases],
    }


def told_epochs(epochs: int, phases: Sequence[Phase], is_ensemble: bool = False) -> str:
    """Returns the epochs of a network in words.

    Args:
        epochs: all.
        phases: the trainings, if they are known.
        is_ensemble: whether it is an ensemble, whose trainings are not listed.
    """
    total = counted(epochs, "epoch")
    if is_ensemble:
        return f"{total} of all members together"
    if not phases:
        return f"{total} of its last training"
    if len(phases) == 1:
        (one,) = phases
        return total if one.epochs == one.kept else f"{total}, the best of {one.epochs}"
    return f"{total} ({'; '.join(map(_part, phases))})"


def _part(phase: Phase) -> str:
    if not phase.kept:
        return f"none of {phase.training}, which was not better"
    of = f", the best of {phase.epochs}" if phase.kept < phase.epochs else ""
    return f"{phase.kept} of {phase.training}{of}"
