"""Keras-style classes that search, train and predict."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from autoai4eo.runs.data_record import target_kind
from autoai4eo.runs.folder import Run
from autoai4eo.tasks.auto_model import AutoModel as AutoModel
from autoai4eo.tasks.classification import ImageClassifier as ImageClassifier
from autoai4eo.tasks.classification import So2SatClassifier as So2SatClassifier
from autoai4eo.tasks.regression import ImageRegressor as ImageRegressor
from autoai4eo.tasks.reopening import settings_of
from autoai4eo.tasks.segmentation import ImageSegmenter as ImageSegmenter


def model_of(kind: str) -> Callable[..., AutoModel]:
    """Returns the class that learns a kind of target, see `Target`.

    For data without a target it is `ImageClassifier`, which refuses them.
    """
    if kind == "labels":
        return partial(ImageClassifier, multi_label=True)
    special = {"value": ImageRegressor, "mask": ImageSegmenter}
    return special.get(kind, ImageClassifier)


def open_run(run: str | Path) -> AutoModel:
    """Opens the folder of a run, without `fit`.

    What it returns predicts, evaluates, exports, maps and reports, and `select` makes
    another trial the finalist. To train that, it opens the training data again, where
    they were, and needs the blocks of `ImageClassifier` and its kin: a run of an
    `AutoModel` with other blocks, or of `fit` with callbacks, does all but that.

    Args:
        run: the folder.

    Returns:
        The task of the run's target: an `ImageClassifier`, `So2SatClassifier`,
        `ImageRegressor` or `ImageSegmenter`.

    Raises:
        UserError: the folder holds no run, or its record is damaged.
    """
    folder = Path(run).expanduser()
    known = Run(folder).read()
    if folder.name in ("", ".."):
        folder = Path(os.path.realpath(folder))
    task = known.get("task", {})
    opened = model_of(target_kind(known))
    if task.get("name") == So2SatClassifier.__name__:
        opened = So2SatClassifier
    names = ("inputs", "max_latency_ms", "weights")
    return opened(
        directory=folder.parent,
        project_name=folder.name,
        **{name: task[name] for name in names if name in task},
        **settings_of(folder),
    )
