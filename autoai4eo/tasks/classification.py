"""Classifiers of patches, with a graph made for the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoai4eo import blocks
from autoai4eo.blocks.backbones import unpadded
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.readers.so2sat import USUAL_BANDS
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.user_metrics import beside
from autoai4eo.search.space.graph import Graph
from autoai4eo.tasks.auto_model import AutoModel
from autoai4eo.tasks.training_data import names_of


class ImageClassifier(AutoModel):
    """Searches for a network that predicts the class, or the labels, of a patch.

    The graph has a stem for each input, a fusion of several inputs, a trunk for small
    patches and a head: `blocks.MultispectralStem`, `SensorFusion`, `EOImageBlock` and
    `PooledHead` (`LatencyConstrainedHead` if `max_latency_ms` is given).

    With `map_step` it searches networks for maps: an `EOImageBlock` for that step on
    the concatenated inputs, and the same head. Overlapping windows of a scene then
    share their work.

    Args:
        inputs: names of the inputs to use, such as ``["sen2"]``; None: all.
        multi_label: a patch may have several labels, or none. The objective is then
            ``val_mean_average_precision`` by default.
        num_classes: number of classes, as in AutoKeras, if class numbers may stop short
            of the last one; None: those of the data.
        loss: of the training, see `AutoModel.fit`, which may be given another one.
        metrics: further Keras metrics, or their names, beside those of the task.
        max_latency_ms: budget of one forward pass with a batch of
            `latency_batch_size`; a slower candidate is recorded as infeasible, with the
            heads that would have fitted.
        **kwargs: as `AutoModel`.
    """

    def __init__(
        self,
        inputs: Sequence[str] | None = None,
        max_latency_ms: float | None = None,
        project_name: str = "image_classifier",
        multi_label: bool = False,
        num_classes: int | None = None,
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.multi_label = multi_label
        self.num_classes = num_classes
        self.loss = loss
        self.metrics = list(metrics or ())
        task = task_of(Target(self.kind))
        task.loss_name(loss)
        beside(self.metrics, task.metrics)
        super().__init__((), (), project_name=project_name, **kwargs)
        self.input_names = None if inputs is None else list(inputs)
        self.max_latency_ms = max_latency_ms

    @property
    def kind(self) -> str:
        """See `AutoModel.kind`."""
        return "labels" if self.multi_label else "class"

    def _asked_number(self) -> int | None:
        return self.num_classes

    def _user_metrics(self) -> list[Any]:
        return self.metrics

    def _made_of(self) -> dict[str, Any]:
        given = {"inputs": self.input_names, "max_latency_ms": self.max_latency_ms}
        known = {name: value for name, value in given.items() if value is not None}
        return {"name": type(self).__name__, **known}

    def _open(self, x: Any, y: Any, like: Dataset | None = None) -> Dataset:
        if isinstance(x, list | tuple):
            x = evaluation.by_input(
                x, self.input_names or [f"image_{i}" for i, _ in enumerate(x, 1)]
            )
        return open_dataset(
            x,
            inputs=self.input_names,
            **evaluation.told_targets(y, self.kind),
            **names_of(like),
        )

    def _graph(self, train: Dataset) -> Graph:
        self.inputs = [blocks.ImageInput(spec.name) for spec in train.inputs]
        if self.settings.map_step is not None:
            unpadded.common_size("inputs", [spec.shape[:2] for spec in train.inputs])
        self.outputs = self._head()(self._features())
        return super()._graph(train)

    def _head(self) -> Any:
        if self.max_latency_ms is None:
            return blocks.PooledHead(multi_label=self.multi_label, **self._asked)
        return blocks.LatencyConstrainedHead(
            self.max_latency_ms,
            self.settings.latency_batch_size,
            multi_label=self.multi_label,
            **self._asked,
        )

    @property
    def _asked(self) -> dict[str, Any]:
        """What the user asked of the head."""
        return {"loss": self.loss, "metrics": self.metrics}

    def _features(self) -> Any:
        if self.settings.map_step is not None:
            # a stem and a fusion would pad
            return blocks.EOImageBlock(map_step=self.settings.map_step)(self.inputs)[0]
        stems = [blocks.MultispectralStem()(node)[0] for node in self.inputs]
        features = blocks.SensorFusion()(stems)[0] if len(stems) > 1 else stems[0]
        return blocks.EOImageBlock()(features)[0]


class So2SatClassifier(ImageClassifier):
    """`ImageClassifier` for So2Sat LCZ42: its bands and its 17 local climate zones.

    Files in So2Sat's layout name their inputs. Arrays become ``sen1`` or ``sen2`` by
    their number of bands; 17 classes become the local climate zones.
    """

    def __init__(self, project_name: str = "so2sat_classifier", **kwargs: Any) -> None:
        super().__init__(project_name=project_name, **kwargs)

    def _open(self, x: Any, y: Any, like: Dataset | None = None) -> Dataset:
        arrays = [x] if isinstance(x, np.ndarray) else x
        if not isinstance(arrays, list | tuple):
            return super()._open(x, y, like)
        named = {}
        for array in arrays:
            name = next((n for n, c in USUAL_BANDS if c == array.shape[-1]), None)
            if name is None or name in named:
                raise UserError(
                    "x: expected arrays (N, H, W, bands) of sen1 and sen2, known by "
                    f"their {', '.join(f'{c} ({n})' for n, c in USUAL_BANDS)} bands, "
                    f"found {', '.join(str(a.shape) for a in arrays)}; give a dict "
                    "by name"
                )
            named[name] = array
        bands = {
            name: [band.name for band in USUAL_BANDS[name, array.shape[-1]]]
            for name, array in named.items()
        }
        how = {"class_names": _lcz42(y), "bands": bands, **names_of(like)}
        return open_dataset(named, inputs=self.input_names, labels=y, **how)


def _lcz42(y: Any) -> tuple[str, ...] | None:
    """Returns the local climate zones if `y` has 17 classes, else None."""
    labels = np.asarray(() if y is None else y)
    if labels.dtype.kind not in "biuf":
        return None
    last = labels.shape[1] - 1 if labels.ndim == 2 else labels.max(initial=-1)
    return LCZ42_CLASSES if last == len(LCZ42_CLASSES) - 1 else None
