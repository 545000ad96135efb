"""Repeated trainings of a trial's network, ``RUN/repeats/*.json``.

A search trains each candidate once and judges it on one validation part. How much of a
score is luck is seen when the network is trained again: on the folds of a
cross-validation, with other seeds, or both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import DamagedError
from autoai4eo.files import read_json, write_json
from autoai4eo.runs import cures, schemas
from autoai4eo.runs.folder import Run
from autoai4eo.runs.layout import own_folder


@dataclass(frozen=True)
class Repeat:
    """One of the trainings that repeat a trial.

    Attributes:
        trial: the number of the trial.
        fold: the number of the fold that it is scored on; 0 for the validation data.
        seed: the number of its seed, from 0.
        epochs: of the training.
        recipe: a digest of its data and options: another one is another training.
    """

    trial: int
    fold: int
    seed: int
    epochs: int
    recipe: str

    @property
    def name(self) -> str:
        """The name of its file, without suffix."""
        return f"{self.trial}-{self.fold}-{self.seed}-{self.recipe[:8]}"

    def metrics(self, run: Path) -> dict[str, float] | None:
        """Returns its metrics, such as ``val_cohen_kappa``; None if it is not done.

        They are {} if the training diverged.

        Raises:
            DamagedError: its file is damaged.
        """
        path = self._path(run)
        if not path.is_file():
            return None
        known = check(run, path)
        if any(known[name] != value for name, value in asdict(self).items()):
            return None
        return dict(known["metrics"])

    def keep(self, run: Path, metrics: Mapping[str, float]) -> None:
        """Writes its metrics."""
        own_folder(Run(run).repeats)
        about = {"schema": schemas.VERSION, "run": Run(run).mark()}
        write_json(self._path(run), {**about, **asdict(self), "metrics": dict(metrics)})

    def _path(self, run: Path) -> Path:
        return Run(run).repeats / f"{self.name}.json"


def check(run: Path, path: Path) -> dict[str, Any]:
    """Returns the content of a file of a repeated training.

    Raises:
        DamagedError: it is damaged, or of another run.
    """
    known: dict[str, Any] = read_json(path, cures.REPEAT, schemas.REPEAT)
    if not np.isfinite([*known["metrics"].values()]).all():
        raise DamagedError(
            f"{path}: expected finite metrics, found {known['metrics']}; {cures.REPEAT}"
        )
    own = Run(run).mark()
    if own is not None and known.get("run", own) != own:
        raise DamagedError(
            f"{path}: expected a training of this run, found that of another; "
            f"{cures.REPEAT}"
        )
    return known
