"""The files of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NETWORK, COST, HISTORY, STATE = "model.keras", "cost.json", "history.csv", "state.npz"
ERROR, EVENTS = "error.txt", "events.out.tfevents.trial"
#: Files that are read again; the study records their digests.
LEFT = (NETWORK, COST, HISTORY)


@dataclass(frozen=True)
class TrialFolder:
    """The folder of one trial, ``RUN/trials/NUMBER``."""

    path: Path

    @property
    def network(self) -> Path:
        """The trained network."""
        return self.path / NETWORK

    @property
    def cost(self) -> Path:
        """The cost, the same as in the study."""
        return self.path / COST

    @property
    def history(self) -> Path:
        """The learning curve."""
        return self.path / HISTORY

    @property
    def state(self) -> Path:
        """The checkpoint from which an interrupted training continues."""
        return self.path / STATE

    @property
    def error(self) -> Path:
        """The traceback of a failed trial."""
        return self.path / ERROR

    @property
    def events(self) -> Path:
        """Figures and learning curves for TensorBoard."""
        return self.path / EVENTS
