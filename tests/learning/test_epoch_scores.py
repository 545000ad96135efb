"""Scores while a network is trained: those that it has when it predicts."""

import copy

import keras
import numpy as np
import pytest
import small

from autoai4eo.learning import evaluation
from autoai4eo.learning.epoch_scores import SECONDS, EpochScores, UntrainedScores

DATA = small.dataset(30)


def _network():
    keras.utils.set_random_seed(0)
    node = keras.Input((8, 8, 4), name="sen2")
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(node))
    model = keras.Model({"sen2": node}, keras.layers.Dense(3, activation="softmax")(x))
    model.compile("sgd", "categorical_crossentropy")
    return model


def _train(model, callback, epochs):
    pixels = DATA.read(np.arange(len(DATA)))
    truth = np.eye(3)[DATA.labels]
    return model.fit(
        pixels, truth, epochs=epochs, verbose=0, callbacks=[callback]
    ).history


def test_scores_are_those_of_the_network_as_it_predicts():
    model = _network()
    test = small.dataset(21, seed=5)
    found = _train(model, EpochScores({"test": test}, 1, 3, 8), 3)
    output = evaluation.outputs(model, test)
    expected = evaluation.score(test, output)
    for name in ("accuracy", "average_accuracy", "cohen_kappa"):
        assert found[f"test_{name}"][-1] == pytest.approx(expected[name], abs=1e-6)
    loss = -np.log(output[np.arange(21), test.labels]).mean()
    assert found["test_loss"][-1] == pytest.approx(loss, rel=1e-4)


def test_they_come_after_every_so_many_epochs_and_the_last():
    rows = []

    class Rows(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rows.append(dict(logs))

    scores = EpochScores({"train": DATA}, 2, 5, 8)
    _train(_network(), keras.callbacks.CallbackList([scores, Rows()]), 5)
    assert ["train_loss" in row for row in rows] == [False, True, False, True, True]
    assert all(SECONDS in row for row in rows)
    assert rows[0][SECONDS] < rows[1][SECONDS]


def test_a_copy_for_each_training_shares_the_data():
    scores = EpochScores({"train": DATA}, 1, 1, 8)
    (again,) = copy.deepcopy([scores])
    assert again is not scores and again._parts["train"] is DATA


def test_scores_of_the_untrained_network_stand_in_the_first_epoch():
    rows = []

    class Rows(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rows.append(dict(logs))

    first = UntrainedScores(DATA, samples=9)
    _train(_network(), keras.callbacks.CallbackList([first, Rows()]), 2)
    assert "gradient_norm" in rows[0] and "gradient_norm" not in rows[1]
    _train(_network(), keras.callbacks.CallbackList([first, Rows()]), 1)
    again = rows[2]
    assert again["gradient_norm"] == rows[0]["gradient_norm"]
