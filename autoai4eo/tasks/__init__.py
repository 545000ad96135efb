"""Keras-style classes that search, train and predict."""

from collections.abc import Callable
from functools import partial

from autoai4eo.tasks.auto_model import AutoModel as AutoModel
from autoai4eo.tasks.classification import ImageClassifier as ImageClassifier
from autoai4eo.tasks.classification import So2SatClassifier as So2SatClassifier
from autoai4eo.tasks.regression import ImageRegressor as ImageRegressor
from autoai4eo.tasks.segmentation import ImageSegmenter as ImageSegmenter


def model_of(kind: str) -> Callable[..., AutoModel]:
    """Returns the class that learns a kind of target, see `Target`.

    For data without a target it is `ImageClassifier`, which refuses them.
    """
    if kind == "labels":
        return partial(ImageClassifier, multi_label=True)
    special = {"value": ImageRegressor, "mask": ImageSegmenter}
    return special.get(kind, ImageClassifier)
