"""Losses of masks against NumPy versions of the papers' formulas."""

import keras
import numpy as np
import pytest
import scipy.special

from autoai4eo.errors import UserError
from autoai4eo.learning.mask_losses import TERMS, MaskLoss

RNG = np.random.default_rng(0)
CLASSES = 3
LABELS = RNG.integers(-1, CLASSES, (2, 4, 3))
LABELS[0, 0, 0] = -1
TRUTH = (LABELS[..., None] == np.arange(CLASSES)).astype("float32")
LOGITS = RNG.normal(size=(*LABELS.shape, CLASSES)).astype("float32")
OUTPUT = scipy.special.softmax(LOGITS, axis=-1)


def loss(kind, truth=TRUTH, output=OUTPUT):
    return float(MaskLoss(kind)(truth, output))


def known(labels=LABELS, output=OUTPUT):
    """Returns labels and probabilities of the known pixels, in a row."""
    return labels[labels >= 0], output[labels >= 0].astype(float)


def jaccard_loss(wrong, has):
    """Returns 1 − IoU of a class if the pixels `wrong` are mispredicted."""
    predicted = has ^ wrong
    return 1 - (has & predicted).sum() / (has | predicted).sum()


def lovasz_extension(errors, has):
    """Returns the interpolation of the set function, by Lovász's definition."""
    order = np.argsort(-errors)
    total, wrong = 0.0, np.zeros(len(errors), bool)
    for pixel in order:
        before = jaccard_loss(wrong, has)
        wrong[pixel] = True
        total += errors[pixel] * (jaccard_loss(wrong, has) - before)
    return total


def expected(kind, labels, output):
    if kind == "lovasz":
        terms = [
            lovasz_extension(np.abs((labels == c) - output[:, c]), labels == c)
            for c in np.unique(labels)
        ]
        return np.mean(terms)
    if kind == "dice":
        terms = []
        for c in np.unique(labels):
            t, p = (labels == c).astype(float), output[:, c]
            terms.append(1 - 2 * (t @ p) / (t @ t + p @ p))
        return np.mean(terms)
    true = output[np.arange(len(labels)), labels]
    modulation = (1 - true) ** 2 if kind == "focal" else 1
    return np.mean(-modulation * np.log(true))


@pytest.mark.parametrize("kind", TERMS)
def test_losses_are_those_of_the_papers(kind):
    assert loss(kind) == pytest.approx(expected(kind, *known()), rel=1e-5)


@pytest.mark.parametrize("kind", TERMS)
def test_a_class_that_the_truth_lacks_does_not_count(kind):
    labels = np.where(LABELS == 2, -1, LABELS)
    truth = TRUTH * [1, 1, 0]
    assert loss(kind, truth) == pytest.approx(expected(kind, *known(labels)), rel=1e-5)


def test_a_sum_is_the_sum_of_its_terms():
    for sum_of in ("crossentropy+dice", "focal+lovasz"):
        assert loss(sum_of) == pytest.approx(sum(map(loss, sum_of.split("+"))))


@pytest.mark.parametrize("kind", TERMS)
def test_a_pixel_of_weight_two_counts_like_two_pixels(kind):
    """Except for the number of pixels that Keras divides a weighted mean by."""
    weight = np.where(LABELS == 1, 2, 1)
    twice = np.repeat(TRUTH.reshape(-1, 3), weight.ravel(), axis=0)
    output = np.repeat(OUTPUT.reshape(-1, 3), weight.ravel(), axis=0)
    plain = loss(kind, twice[None, None], output[None, None])
    if kind in ("crossentropy", "focal"):
        plain *= (weight * (LABELS >= 0)).sum() / (LABELS >= 0).sum()
    assert loss(kind, TRUTH * weight[..., None]) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("kind", TERMS)
def test_the_truth_has_no_loss_and_a_batch_without_known_pixels_neither(kind):
    assert loss(kind, TRUTH, np.maximum(TRUTH, 1e-7)) == pytest.approx(0, abs=1e-5)
    assert loss(kind, 0 * TRUTH) == 0


def gradient(kind, logits):
    """Returns the gradient by the logits, which are the weights of a layer."""
    layer = keras.layers.Dense(logits.size, use_bias=False, activation="linear")
    model = keras.Sequential(
        [
            keras.Input((1,)),
            layer,
            keras.layers.Reshape(logits.shape),
            keras.layers.Softmax(),
        ]
    )
    layer.set_weights([logits.reshape(1, -1)])
    model.compile(keras.optimizers.SGD(1.0), loss=MaskLoss(kind))
    model.train_on_batch(np.ones((1, 1), "float32"), TRUTH[None])
    return logits - layer.get_weights()[0].reshape(logits.shape)


@pytest.mark.parametrize("kind", [*TERMS, "crossentropy+lovasz"])
def test_gradients_are_finite_differences_and_zero_where_unknown(kind):
    found = gradient(kind, LOGITS)
    assert (found[LABELS < 0] == 0).all()
    assert np.abs(found[LABELS >= 0]).max() > 1e-3

    def at(logits):
        pixels = known(output=scipy.special.softmax(logits, axis=-1))
        return sum(expected(name, *pixels) for name in kind.split("+"))

    for place in [(0, 1, 2, 0), (1, 3, 0, 1), (1, 0, 1, 2)]:
        step = np.zeros(LOGITS.shape)
        step[place] = 1e-6
        slope = (at(LOGITS + step) - at(LOGITS - step)) / 2e-6
        assert found[place] == pytest.approx(slope, abs=2e-6, rel=1e-3)


def test_it_survives_saving_and_refuses_unknown_names():
    again = keras.losses.deserialize(keras.losses.serialize(MaskLoss("focal+dice")))
    assert float(again(TRUTH, OUTPUT)) == pytest.approx(loss("focal+dice"))
    with pytest.raises(UserError, match="or a sum such as crossentropy"):
        MaskLoss("dice+tversky")
