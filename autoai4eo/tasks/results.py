"""The results of a search, in its run's folder."""

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
        directory: parent of the run's folder; None: the current folder.
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
        """Returns the trained finalist; it takes raw pixels.

        Its output is class probabilities, or values.

        Raises:
            UserError: the run has no finalist yet.
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
            UserError: scene or output cannot be used, or the run has no finalist yet.
        """
        return deploy.map_scene(self.run, scene, out, **how)

    def trials(self) -> pd.DataFrame:
        """Returns one row per trial: status, metrics, costs, hyperparameters."""
        return trials_table(open_study(self.run))

    def pareto_front(self) -> pd.DataFrame:
        """Returns the rows of `trials` that are Pareto-optimal.

        No other complete trial is at least as good in every objective and better in
        one. Rows are sorted by the first objective, the best first.
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
        """Exports the finalist, or a trial, for other programs; returns the path.

        The export is tested in a fresh process, and gets ``model.json`` and
        ``MODEL_CARD.md``; see `autoai4eo.deploy.export`.

        Args:
            path: the file or folder to write.
            format: ``"savedmodel"``, ``"keras"``, ``"onnx"``, ``"litert"`` or
                ``"openvino"``.
            trial: a trial's number; None: the finalist.
            quantize: ``"int8"`` for ``"onnx"``, ``"litert"`` and ``"openvino"``;
                ``"float16"`` for ``"litert"``.
            calibrated: whether logits are divided by the finalist's temperature.
            overwrite: replaces an existing export.

        Raises:
            UserError: it cannot be written. Nothing is left behind.
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
        """Writes ``report.html``, one page, into the run's folder; returns its path.

        The search may be running in another process, or interrupted.

        Raises:
            UserError: the folder holds no run yet.
        """
        return write_report(self.run)

    def _repr_html_(self) -> str:
        """Status, leaderboard and a small chart, for notebooks."""
        try:
            return notebook_view(self.run)
        except Exception as error:  # shows one line in place of a traceback
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
            typical={name: typical_of(kept) for name, kept in known},
        )

    def _known_data(self) -> Mapping[str, Dataset]:
        """The open data of the search, by role."""
        return {}
