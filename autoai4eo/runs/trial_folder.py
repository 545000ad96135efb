"""The files that a trial leaves in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NETWORK, COST, HISTORY, STATE = "model.keras", "cost.json", "history.csv", "state.npz"
ERROR, EVENTS = "error.txt", "events.out.tfevents.trial"
#: What a trial leaves that is read again, and recorded in the study by its digest.
LEFT = (NETWORK, COST, HISTORY)


@dataclass(frozen=True)
class TrialFolder:
    """The folder of one trial, ``RUN/trials/NUMBER``."""

    path: Path

    @property
    def network(self) -> Path:
        """Its trained network."""
        return self.path / NETWORK

    @property
    def cost(self) -> Path:
        """Its cost, as the study has it."""
        return self.path / COST

    @property
    def history(self) -> Path:
        """Its learning curve."""
        return self.path / HISTORY

    @property
    def state(self) -> Path:
        """From where its training continues, while it is trained."""
        return self.path / STATE

    @property
    def error(self) -> Path:
        """The traceback, where it failed."""
        return self.path / ERROR

    @property
    def events(self) -> Path:
        """The same for TensorBoard."""
        return self.path / EVENTS
