"""Losses of masks: a class for each pixel, some of them unknown.

Each is a function of ``truth`` (…, classes), a distribution over the classes in each
pixel, of ``output``, the predicted probabilities, and of ``weight`` (…), the weight of
each pixel: 0 where its class is unknown, 1 without class weights. All pixels of a batch
count together, whichever sample they are of.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from autoai4eo.errors import UserError

FOCUS = 2.0  # the exponent gamma that Lin et al. found best
_TINY = 1e-7


def crossentropy(truth: Any, output: Any, weight: Any) -> Any:
    """Returns the mean cross-entropy of the known pixels."""
    return _mean(ops.categorical_crossentropy(truth, output), weight)


def focal(truth: Any, output: Any, weight: Any) -> Any:
    """Returns the mean of −(1 − p)² log p of the known pixels.

    Lin et al. 2017, arXiv:1708.02002, without their factor alpha, which class weights
    replace.
    """
    surprise = -ops.log(ops.clip(output, _TINY, 1.0))
    each = truth * ops.power(1.0 - output, FOCUS) * surprise
    return _mean(ops.sum(each, axis=-1), weight)


def dice(truth: Any, output: Any, weight: Any) -> Any:
    """Returns 1 − 2 Σ t p / (Σ t² + Σ p²), the mean over the classes in the truth.

    Milletari et al. 2016, arXiv:1606.04797; the squares make the truth the best output
    also where labels are smoothed.
    """
    pixels = tuple(range(len(output.shape) - 1))
    weight = weight[..., None]
    both = ops.sum(weight * truth * output, axis=pixels)
    size = ops.sum(weight * (truth * truth + output * output), axis=pixels)
    there = ops.sum(weight * truth, axis=pixels) > 0
    return _over_classes(1.0 - 2.0 * both / ops.maximum(size, _TINY), there)


def lovasz(truth: Any, output: Any, weight: Any) -> Any:
    """Returns the Lovász-softmax loss, the mean over the classes in the truth.

    It is the Lovász extension of 1 − intersection over union (Berman et al. 2018,
    arXiv:1705.08790) of weighted pixels. Of smoothed labels it takes the largest.
    """
    classes = output.shape[-1]
    label = ops.one_hot(ops.argmax(truth, axis=-1), classes, dtype=output.dtype)
    error = _by_class(ops.abs(label - output), classes)
    order = ops.argsort(ops.stop_gradient(-error), axis=-1)
    worst_first = ops.take_along_axis(error, order, axis=-1)
    has = ops.take_along_axis(_by_class(label, classes), order, axis=-1)
    weight = ops.take(ops.reshape(weight, (-1,)), order)
    mine, others = weight * has, weight * (1.0 - has)
    total = ops.sum(mine, axis=-1, keepdims=True)
    left = ops.maximum(total - ops.cumsum(mine, axis=-1), 0.0)
    union = total + ops.cumsum(others, axis=-1)
    # the step of 1 − left / union at each pixel, without a difference of like numbers
    before = ops.maximum(union - others, _TINY)
    step = (mine + others * left / before) / ops.maximum(union, _TINY)
    return _over_classes(ops.sum(worst_first * step, axis=-1), total[:, 0] > 0)


def _mean(each: Any, weight: Any) -> Any:
    """Returns the sum of weighted pixels / number of known pixels; 0 without any."""
    known = ops.sum(ops.cast(weight > 0, each.dtype))
    return ops.sum(weight * each) / ops.maximum(known, 1.0)


def _over_classes(each: Any, there: Any) -> Any:
    """Returns the mean over the classes that are there; 0 if none is."""
    there = ops.cast(there, each.dtype)
    return ops.sum(each * there) / ops.maximum(ops.sum(there), 1.0)


def _by_class(values: Any, classes: int) -> Any:
    """Returns values (…, classes) as (classes, pixels)."""
    return ops.transpose(ops.reshape(values, (-1, classes)))


TERMS = {
    "crossentropy": crossentropy,
    "focal": focal,
    "dice": dice,
    "lovasz": lovasz,
}


@keras.utils.register_keras_serializable(package="autoai4eo")
class MaskLoss(keras.losses.Loss):
    """A loss of masks, or a sum of several.

    Targets are (n, H, W, classes); the sum of a pixel's row is its weight, and 0 where
    its class is unknown: such pixels do not count. A batch without a known pixel has
    the loss 0.

    Args:
        kind: names of `TERMS`, joined by ``+``, such as ``"crossentropy+dice"``.
        **kwargs: of `keras.losses.Loss`.

    Raises:
        UserError: a name is unknown.
    """

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind
        for name in kind.split("+"):
            if name not in TERMS:
                raise UserError(
                    f"--loss: expected {', '.join(TERMS)} or a sum such as "
                    f"crossentropy+dice, got {kind!r}"
                )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of a batch, a scalar, of targets and probabilities."""
        weight = ops.sum(y_true, axis=-1)
        truth = y_true / ops.where(weight > 0, weight, 1.0)[..., None]
        terms = [TERMS[name] for name in self.kind.split("+")]
        return sum(term(truth, y_pred, weight) for term in terms)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, for JSON."""
        return {**super().get_config(), "kind": self.kind}
