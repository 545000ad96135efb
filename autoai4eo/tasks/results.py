"""What a search left in its run's folder, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from autoai4eo import deploy
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.units import typical_of
from autoai4eo.learning import evaluation
from autoai4eo.report.notebook import notebook_view
from autoai4eo.report.page import write_report
from autoai4eo.runs import front
from autoai4eo.runs.folder import Run
from autoai4eo.runs.study import open_study, trials_table
from autoai4eo.text import line


class SearchResults:
    """The trials and the finalist of a run's folder.

    Args:
        directory: where the run's folder is; None: in the current folder.
        project_name: the run's folder is ``directory/project_name``.
    """

    def __init__(self, directory: str | Path | None, project_name: str) -> None:
        self.directory = Path(directory or ".").expanduser()
        self.project_name = project_name
        self._finalist: keras.Model | None = None

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.directory / self.project_name

    def export_model(self) -> keras.Model:
        """The finalist, trained; it takes raw pixels and gives class probabilities.

        Raises:
            UserError: nothing was searched in this run's folder yet.
        """
        if self._finalist is None:
            self._finalist = deploy.load_finalist(self.run)
        return self._finalist

    def predict_scene(self, scene: Any, out: str | Path, **how: Any) -> Path:
        """Maps a scene with the finalist, see `autoai4eo.deploy.map_scene`.

        Args:
            scene: files of the scene.
            out: the map's path, ``.tif``.
            **how: ``stride``, ``scale``, ``seasons`` and the other arguments there.

        Raises:
            UserError: scene or output that cannot be used, or no finalist yet.
        """
        return deploy.map_scene(self.run, scene, out, **how)

    def trials(self) -> pd.DataFrame:
        """One row per trial: status, metrics, costs, hyperparameters."""
        return trials_table(open_study(self.run))

    def pareto_front(self) -> pd.DataFrame:
        """The rows of `trials` that are Pareto-optimal.

        No other complete trial is at least as good in every objective and better in
        one. From the best to the worst by the first objective.
        """
        return front.front_table(open_study(self.run))

    def export(
        self,
        path: str | Path,
        format: str = "savedmodel",
        *,
        trial: int | None = None,
        quantize: str | None = None,
        calibrated: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """Writes the finalist, or a trial, for other programs; gives the path.

        Checked in a fresh process, with ``model.json`` and ``MODEL_CARD.md`` beside it;
        see `autoai4eo.deploy.export`.

        Args:
            path: what is written.
            format: ``"savedmodel"``, ``"keras"``, ``"onnx"`` or ``"litert"``.
            trial: a trial's number; None: the finalist.
            quantize: for ``"litert"``: ``"float16"`` or ``"int8"``.
            calibrated: as sure as it is right, by the finalist's temperature.
            overwrite: replaces what is there.

        Raises:
            UserError: it cannot be written so, nor is anything left.
        """
        return deploy.export(
            self.run,
            path,
            format,
            trial=trial,
            quantize=quantize,
            calibrated=calibrated,
            overwrite=overwrite,
            data=self._known_data(),
        ).path

    def report(self) -> Path:
        """Writes ``report.html`` into the run's folder, one page; gives its path.

        The search may be at work in another process, or interrupted.

        Raises:
            UserError: nothing was begun in this run's folder yet.
        """
        return write_report(self.run)

    def _repr_html_(self) -> str:
        """Status, leaderboard and a small chart, for notebooks."""
        try:
            return notebook_view(self.run)
        except Exception as error:  # a notebook would show a traceback in their place
            return f"<code>{escape(line(f'{self}: {error}'))}</code>"

    def _open_for(
        self, model: keras.Model, x: Any, y: Any = None, unlabelled: bool = False
    ) -> Dataset:
        data = Run(self.run).read()["data"]["training"]
        known = Run(self.run).read_statistics().items()
        return evaluation.open_for(
            model,
            data,
            x,
            y,
            unlabelled=unlabelled,
            typical={name: typical_of(told) for name, told in known},
        )

    def _known_data(self) -> Mapping[str, Dataset]:
        """The data of the search by role, where they are open already."""
        return {}
