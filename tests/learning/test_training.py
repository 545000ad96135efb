"""Labels are smoothed in training only, as Keras's loss would do it."""

import keras
import numpy as np
import pytest
import small
from hypothesis import given
from hypothesis import strategies as st

from autoai4eo.learning.task import smooth
from autoai4eo.learning.training import Training


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9), st.floats(0, 0.9))
def test_smoothed_labels_are_those_of_keras(labels, share):
    encoded = np.eye(5, dtype="float32")[labels]
    output = np.random.default_rng(0).dirichlet(np.ones(5), len(labels))
    ours = keras.losses.CategoricalCrossentropy()(smooth(encoded, share), output)
    keras_own = keras.losses.CategoricalCrossentropy(label_smoothing=share)
    assert float(ours) == pytest.approx(float(keras_own(encoded, output)), rel=1e-4)


def test_an_unknown_label_stays_unknown():
    encoded = np.array([[0, 0, 0], [0, 1, 0]], "float32")
    np.testing.assert_allclose(smooth(encoded, 0.3), [[0, 0, 0], [0.1, 0.8, 0.1]])


def test_only_the_training_loss_is_of_smoothed_labels():
    pixels = keras.Input((8, 8, 4), name="sen2")
    head = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")
    network = keras.Model([pixels], head(keras.layers.GlobalAveragePooling2D()(pixels)))
    network.compile(keras.optimizers.SGD(0.0), "categorical_crossentropy")
    head.bias.assign([2.0, 0.0, 0.0])  # sure of the first class, so smoothing matters
    rows = [0, 3, 6, 9, 1, 2]  # four of the first class
    data, other = (small.dataset(48, seed=i).subset(rows) for i in (0, 1))
    training = Training(data, other, epochs=1).by_recipe({"label_smoothing": 0.3})
    kept = keras.callbacks.History()
    training.run(network, 0, [kept])
    entropy = -np.log(np.array([np.e**2, 1, 1]) / (np.e**2 + 2))
    true = np.array([4, 1, 1]) / 6 @ entropy
    smoothed = 0.7 * true + 0.3 * entropy.mean()
    assert kept.history["val_loss"] == pytest.approx([true], rel=1e-4)
    assert kept.history["loss"] == pytest.approx([smoothed], rel=1e-4)
    assert Training(data, other).by_recipe({}).label_smoothing == 0.0
