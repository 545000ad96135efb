"""The kappa of the worst group: which groups count, and that every part agrees."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.errors import UserError
from autoai4eo.learning.by_group import by_group
from autoai4eo.learning.evaluation import score
from autoai4eo.learning.figures import objectives_for
from autoai4eo.learning.objectives import Objective, parse_objectives
from autoai4eo.learning.training import Training
from autoai4eo.learning.worst_group import OBJECTIVE, CountedGroups, check_groups

CITIES = np.array(["Berlin"] * 30 + ["Lagos"] * 20 + ["Nara"] * 5)
ASKED = parse_objectives(["val_cohen_kappa", OBJECTIVE, "params"])


def dataset(labels, cities=CITIES, **more):
    pixels = np.random.default_rng(0).normal(size=(len(labels), 4, 4, 2))
    data = open_dataset(pixels.astype("float32"), labels=labels, **more)
    data.groups = {} if cities is None else {"city": cities}
    return data


def output(predicted, classes=3):
    return np.eye(classes, dtype="float32")[predicted] * 0.8 + 0.1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_the_least_kappa_of_scikit_learn(seed):
    """Of Berlin and Lagos: Nara has too few samples."""
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(3, size=(2, 55))
    labels[:3] = labels[30:33] = [0, 1, 2]
    kappas = {
        city: metrics.cohen_kappa_score(labels[rows], predicted[rows])
        for city, rows in (("Berlin", slice(30)), ("Lagos", slice(30, 50)))
    }
    data = dataset(labels)
    found = score(data, output(predicted))
    assert found["worst_group_kappa"] == pytest.approx(min(kappas.values()))
    assert found["median_group_kappa"] == pytest.approx(np.mean([*kappas.values()]))
    assert found["worst_group"] == {
        "name": min(kappas, key=kappas.get),
        "groups": "city",
        "count": 2,
        "least": 10,
    }
    other = by_group(data, output(predicted), "city")
    assert other["worst"] == pytest.approx(found["worst_group_kappa"])
    assert other["median"] == pytest.approx(found["median_group_kappa"])
    assert other["worst_group"] == found["worst_group"]["name"]


def test_a_group_of_one_class_does_not_count():
    labels = np.arange(55) % 3
    labels[:30] = 1
    assert CountedGroups.of(dataset(labels)).names == ("Lagos",)
    found = score(dataset(labels), output(labels))
    assert (found["worst_group_kappa"], found["worst_group"]["count"]) == (1, 1)


def test_scores_without_groups_that_count_are_as_before():
    labels = np.arange(55) % 3
    for data in (
        dataset(labels, None),
        dataset(labels, np.arange(55) // 5),
        dataset(labels, np.repeat(["a"], 55)),
    ):
        assert not {"worst_group_kappa", "worst_group"} & set(
            score(data, output(labels))
        )


def test_it_is_an_objective_of_classes_only():
    assert objectives_for("class")[OBJECTIVE] == "max"
    for kind in ("labels", "value"):
        with pytest.raises(UserError, match=r"which is of targets of the kind class$"):
            parse_objectives(OBJECTIVE, kind)
    # the median is a score, but no objective
    with pytest.raises(UserError, match="got val_median_group_kappa"):
        parse_objectives("val_median_group_kappa")


def test_data_without_groups_are_refused():
    labels = np.arange(55) % 3
    check_groups(ASKED, dataset(labels))
    check_groups(ASKED[:1], dataset(labels, None))
    for cities in (None, np.repeat(["Berlin"], 55)):
        with pytest.raises(UserError, match=r"two groups or more .*, found none in"):
            check_groups(ASKED, dataset(labels, cities))
    with pytest.raises(
        UserError, match=r"groups of 10 samples or more .* groups city "
    ):
        check_groups(ASKED, dataset(labels, np.arange(55) // 5))
    values = dataset(np.linspace(0, 1, 55), kind="value")
    with pytest.raises(UserError, match=r"one class per patch, found .* of kind value"):
        check_groups([Objective(OBJECTIVE, "max")], values)


def network():
    node = keras.Input((4, 4, 2), name="image")
    flat = keras.layers.Flatten()(node)
    head = keras.layers.Dense(3, activation="softmax")(flat)
    model = keras.Model({"image": node}, head)
    model.compile("sgd", "categorical_crossentropy")
    return model


class Seen(keras.callbacks.Callback):
    """Keeps what a callback of the user sees after each epoch."""

    def __init__(self, into):
        super().__init__()
        self.into = into

    def __deepcopy__(self, memo):
        return self

    def on_epoch_end(self, epoch, logs=None):
        self.into.append((dict(logs), self.model.get_weights()))


def test_a_training_computes_it_after_each_epoch_for_every_callback():
    data, seen = dataset(np.arange(55) % 3), []
    model = network()
    training = Training(
        data, data, epochs=2, callbacks=[Seen(seen)], objectives=ASKED, batch_size=16
    )
    training.run(model, 0, [])
    assert len(seen) == 2
    for logs, weights in seen:
        model.set_weights(weights)
        pixels = data.read(np.arange(55))["image"]
        expected = score(data, model.predict({"image": pixels}, verbose=0))
        assert logs[OBJECTIVE] == pytest.approx(expected["worst_group_kappa"])


@pytest.mark.parametrize("validation", [None, dataset(np.arange(55) % 3)])
def test_a_training_without_need_does_not(validation):
    data, seen = dataset(np.arange(55) % 3), []
    asked = ASKED if validation is None else ASKED[:1]
    training = Training(
        data, validation, epochs=1, callbacks=[Seen(seen)], objectives=asked
    )
    training.run(network(), 0, [])
    assert len(seen) == 1 and OBJECTIVE not in seen[0][0]


def test_several_devices_are_refused():
    data = dataset(np.arange(55) % 3)
    Training(data, data, data_parallel=True, objectives=ASKED[:1])
    with pytest.raises(
        UserError, match=r"data_parallel: .* found val_worst_group_kappa"
    ):
        Training(data, data, data_parallel=True, objectives=ASKED)
