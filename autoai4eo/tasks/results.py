"""The results of a search, in its run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autoai4eo import deploy
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.streams import in_arrays
from autoai4eo.data.target import Target
from autoai4eo.data.units import typical_of
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.learning.lazy_outputs import in_parts
from autoai4eo.learning.registry import task_of
from autoai4eo.report.page import write_report
from autoai4eo.runs import scoring
from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.folder import Run
from autoai4eo.runs.network_id import Which
from autoai4eo.tasks.search_record import SearchRecord


class SearchResults(SearchRecord):
    """The finalist and the other networks of a run's folder.

    Args:
        directory, project_name: see `SearchRecord`.
    """

    def __init__(self, directory: str | Path | None, project_name: str) -> None:
        super().__init__(directory, project_name)
        self._finalist: keras.Model | None = None

    def export_model(self) -> keras.Model:
        """Returns the trained finalist; it takes raw pixels.

        Its output is class probabilities (of each pixel, of a segmenter), or values.

        Raises:
            UserError: the run has no finalist yet.
        """
        if self._finalist is None:
            self._finalist = deploy.load_finalist(self.run)
        return self._finalist

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        verbose: int = 0,
        *,
        by: str | None = None,
        block_km: float | None = None,
    ) -> dict[str, Any]:
        """Scores the finalist, and the references beside it, on labelled data.

        Args:
            x, y, batch_size: data, labels of arrays, and patches per batch.
            verbose: 1 shows Keras's progress bar.
            by: groups that are scored each, such as ``"city"``, as ``by_group``, see
                `autoai4eo.learning.by_group`.
            block_km: side in kilometres of the squares of ``by="spatial_block"``.

        Returns:
            The result of `autoai4eo.runs.scoring.evaluate`, such as ``cohen_kappa``,
            and the scores by the metrics of this object's head, by name.
        """
        model = self.export_model()
        dataset = self._open_for(model, x, y)
        fitted = Run(self.run).read_evaluation()
        how = (by, block_km, verbose, self._user_metrics())
        return scoring.evaluate(self.run, model, dataset, batch_size, fitted, *how)

    def predict(self, x: Any, batch_size: int = 32, verbose: int = 0) -> np.ndarray:
        """Returns what the finalist predicts for each patch.

        Class numbers, int64 (N,), or names, str (N,), if `fit` was given an array of
        names; for several labels whether a patch has each class, uint8 (N, classes), by
        thresholds that were tuned on the validation data; values, float32 (N, values);
        or of a segmenter masks of class numbers, int16 (N, H, W). With `verbose` 1 it
        shows Keras's progress bar.
        """
        model, dataset = self._unlabelled(x)
        named = Run(self.run).read()["data"]["training"].get("named")
        pixels = tuple(model.output_shape[1:-1])
        task = task_of(Target(self._kind, self.class_names, pixels))
        fitted = Run(self.run).read_evaluation()
        some = [
            task.decide(evaluation.outputs(model, part, batch_size, verbose), fitted)
            for rows in in_parts(np.arange(len(dataset)), task.target)
            for part in [dataset.subset(rows)]
        ]
        found = np.concatenate(some)
        return np.array(self.class_names)[found] if named else found

    def predict_proba(
        self, x: Any, batch_size: int = 32, verbose: int = 0
    ) -> np.ndarray:
        """Returns the probability of each class for each patch, float32 (N, classes).

        Of a segmenter that of each class in each pixel, float32 (N, H, W, classes).

        Raises:
            UserError: the finalist predicts values.
        """
        if self._kind == "value":
            raise UserError(
                "predict_proba: expected a network that predicts classes, found one "
                "that predicts values; use predict"
            )
        return evaluation.outputs(*self._unlabelled(x), batch_size, verbose)

    def _unlabelled(self, x: Any) -> tuple[keras.Model, Dataset]:
        """Returns the finalist, and data without their targets."""
        model = self.export_model()
        return model, self._open_for(model, x, unlabelled=True)

    @property
    def _kind(self) -> str:
        return target_kind(Run(self.run).read())

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

    def export(
        self,
        path: str | Path,
        format: str | None = None,
        *,
        trial: Which = None,
        quantize: str | None = None,
        calibrated: bool = False,
        overwrite: bool = False,
    ) -> Path:
        """Exports the finalist, or another network; returns the path.

        The export is tested in a fresh process, and gets ``model.json`` and
        ``MODEL_CARD.md``; see `autoai4eo.deploy.export`.

        Args:
            path: the file or folder to write.
            format: ``"savedmodel"``, ``"keras"``, ``"onnx"``, ``"litert"`` or
                ``"openvino"``; None: by the ending ``.keras``, ``.onnx`` or
                ``.tflite``, otherwise a SavedModel.
            trial: the number of a trial, or an ensemble such as ``"ensemble-0"``; None:
                the finalist.
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

    def _open_for(
        self, model: keras.Model, x: Any, y: Any = None, unlabelled: bool = False
    ) -> Dataset:
        data = Run(self.run).read()["data"]["training"]
        known = Run(self.run).read_statistics().items()
        x, y = in_arrays(x, y)
        return evaluation.open_for(
            model,
            data,
            x,
            None if unlabelled else y,
            unlabelled=unlabelled,
            typical={name: typical_of(kept) for name, kept in known},
        )

    def _user_metrics(self) -> list[Any]:
        """The metrics of the user, see `autoai4eo.learning.user_metrics`."""
        return []

    def _known_data(self) -> Mapping[str, Dataset]:
        """The open data of the search, by role."""
        return {}
