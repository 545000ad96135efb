"""The metrics that a user gives beside those of the task, as `keras.Model` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import UserError
from autoai4eo.learning.lazy_outputs import Outputs, in_parts
from autoai4eo.learning.registry import task_of

#: The default metrics of AutoKeras's heads: every task has them, or their root.
_OF_AUTOKERAS = ("accuracy", "acc", "mean_squared_error")


def beside(given: Sequence[Any], own: Sequence[str]) -> list[Any]:
    """Returns the given metrics that a task does not have itself.

    Args:
        given: names, functions of targets and output, or `keras.metrics.Metric`.
        own: names of the task's metrics.

    Raises:
        UserError: Keras knows no metric of this name.
    """
    others = [one for one in given if _name(one) not in (*own, *_OF_AUTOKERAS)]
    for one in others:
        _metric(one)
    return others


def user_scores(
    given: Sequence[Any], dataset: Dataset, output: Outputs
) -> dict[str, float]:
    """Returns the scores by the metrics of a user, by name.

    Args:
        given: the metrics, see `beside`.
        dataset: N samples with known targets.
        output: of a network for these samples, (N, …).
    """
    task = task_of(dataset.target)
    metrics = [_metric(one) for one in beside(given, task.metrics)]
    if metrics:
        for part in in_parts(np.arange(len(dataset)), dataset.target):
            truth = task.encode(dataset.read_targets(part))
            for metric in metrics:
                metric.update_state(truth, output[part])
    return {metric.name: float(metric.result()) for metric in metrics}


def _name(metric: Any) -> str:
    """Returns the name that Keras gives a metric in training."""
    if isinstance(metric, str):
        return metric
    return str(getattr(metric, "name", None) or getattr(metric, "__name__", metric))


def _metric(given: Any) -> keras.metrics.Metric:
    """Returns a metric without a state.

    Raises:
        UserError: Keras knows none of this name.
    """
    try:
        found = keras.metrics.get(given)
    except ValueError:
        raise UserError(
            f"metrics: expected Keras metrics or their names, got {given!r}; see "
            "keras.metrics"
        ) from None
    if not isinstance(found, keras.metrics.Metric):
        return keras.metrics.MeanMetricWrapper(found, name=_name(given))
    return type(found).from_config({**found.get_config(), "name": _name(given)})
