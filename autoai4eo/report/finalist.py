"""What the report says of the finalist."""

from __future__ import annotations

from autoai4eo.runs import phases
from autoai4eo.runs.reading import Snapshot


def story(run: Snapshot) -> str:
    """Returns why the finalist has two figures, and what it was trained for."""
    if run.finalist is None or "epochs" not in run.evaluation:
        return run.two_figures
    is_ensemble = run.finalist.id.is_ensemble
    epochs = phases.told(run.evaluation["epochs"], run.phases, is_ensemble)
    return f"{run.two_figures} The finalist's weights went through {epochs}.".strip()
