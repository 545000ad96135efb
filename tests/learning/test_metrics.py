"""Metrics compared with tensorflow-addons, scikit-learn and results by hand."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from autoai4eo.errors import UserError
from autoai4eo.learning.classification import scores
from autoai4eo.learning.metrics import AverageAccuracy, CohenKappa, OverallAccuracy


@pytest.fixture(scope="module")
def reference(shared):
    path = shared / "tensorflow_addons_reference" / "reference.json"
    return json.loads(path.read_text())


def one_hot(labels, n=17):
    return np.eye(n, dtype="float32")[labels]


@pytest.mark.parametrize("weightage", [None, "linear", "quadratic"])
def test_kappa_is_that_of_tensorflow_addons(reference, weightage):
    for case in reference["cases"]:
        metric = CohenKappa(17, weightage=weightage)
        metric.update_state(np.array(case["y_true"]), one_hot(case["y_pred"]))
        expected = case["metrics"][f"CohenKappa[{weightage}]"]
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_keras_and_sklearn_stand_in_for_the_rest_of_tensorflow_addons(reference):
    for case in reference["cases"]:
        truth, found = case["y_true"], case["y_pred"]
        f1 = keras.metrics.F1Score(average="macro")
        f1.update_state(one_hot(truth), one_hot(found))
        expected = case["metrics"]
        assert float(f1.result()) == pytest.approx(expected["F1Score[macro]"], abs=1e-6)
        assert sk.matthews_corrcoef(truth, found) == pytest.approx(
            expected["MatthewsCorrelationCoefficient"], abs=1e-6
        )


def test_keras_focal_loss_is_that_of_tensorflow_addons(reference):
    case = reference["SigmoidFocalCrossEntropy"]
    truth, found = np.array(case["y_true"]), np.array(case["y_pred"])
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=case["alpha"], gamma=case["gamma"]
    )
    # Ours averages over the classes of a sample, theirs adds them up.
    ours = [
        float(loss(t[None], p[None])) * len(t)
        for t, p in zip(truth, found, strict=True)
    ]
    assert ours == pytest.approx(case["per_sample"], rel=1e-4)


def test_keras_group_normalization_is_that_of_tensorflow_addons(reference):
    case = reference["GroupNormalization"]
    layer = keras.layers.GroupNormalization(case["groups"], epsilon=case["epsilon"])
    found = keras.ops.convert_to_numpy(layer(np.array(case["x"], "float32")))
    np.testing.assert_allclose(found, np.array(case["y"]), atol=1e-5)


def test_scores_are_those_of_tensorflow_addons(reference):
    for case in reference["cases"]:
        found = scores(case["y_true"], case["y_pred"], [str(i) for i in range(17)])
        expected = case["metrics"]["CohenKappa[None]"]
        assert found["cohen_kappa"] == pytest.approx(expected, abs=1e-6)


labels = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40
)


@settings(deadline=None, max_examples=25)
@given(labels)
def test_metrics_agree_with_scores_in_batches(pairs):
    truth, found = np.array(pairs).T
    expected = scores(truth, found, list("abcde"))
    for metric in (CohenKappa(5), AverageAccuracy(5)):
        half = len(truth) // 2
        for part in (slice(0, half), slice(half, None)):
            if len(truth[part]):
                metric.update_state(one_hot(truth[part], 5), one_hot(found[part], 5))
        assert float(metric.result()) == pytest.approx(expected[metric.name], abs=1e-5)


def test_labels_may_be_indices_columns_or_one_hot():
    truth, found = np.array([0, 1, 2, 2]), one_hot([0, 1, 1, 2], 3)
    for given_truth in (truth, truth[:, None], one_hot(truth, 3), truth.astype("f")):
        metric = AverageAccuracy(3)
        metric.update_state(given_truth, found)
        assert float(metric.result()) == pytest.approx((1 + 1 + 0.5) / 3)


def test_a_sample_of_weight_two_counts_twice():
    weighted, repeated = CohenKappa(3), CohenKappa(3)
    weighted.update_state([0, 1, 2], one_hot([0, 1, 1], 3), sample_weight=[1, 1, 2])
    repeated.update_state([0, 1, 2, 2], one_hot([0, 1, 1, 1], 3))
    assert float(weighted.result()) == pytest.approx(float(repeated.result()))


def test_undefined_is_zero_and_reset_forgets():
    for metric in (CohenKappa(3), AverageAccuracy(3)):
        assert float(metric.result()) == 0.0
    kappa = CohenKappa(3)
    kappa.update_state([1, 1], one_hot([1, 1], 3))
    assert float(kappa.result()) == 0.0
    assert scores([1, 1], [1, 1], ["a", "b", "c"])["cohen_kappa"] == 0.0
    kappa.reset_state()
    kappa.update_state([0, 1], one_hot([0, 1], 3))
    assert float(kappa.result()) == pytest.approx(1.0)


def test_metrics_work_in_training_and_survive_saving(tmp_path):
    x = np.random.default_rng(0).random((32, 4), "float32")
    y = one_hot(np.arange(32) % 3, 3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(
        "adam",
        "categorical_crossentropy",
        metrics=[CohenKappa(3, "linear"), AverageAccuracy(3)],
    )
    history = model.fit(x, y, epochs=1, verbose=0, validation_data=(x, y)).history
    expected = scores(
        y.argmax(1), model.predict(x, verbose=0).argmax(1), ["a", "b", "c"]
    )
    assert history["val_average_accuracy"][0] == pytest.approx(
        expected["average_accuracy"], abs=1e-6
    )
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, y, return_dict=True, verbose=0)[
        "cohen_kappa"
    ] == pytest.approx(history["val_cohen_kappa"][0], abs=1e-6)
    copy = CohenKappa.from_config(CohenKappa(3, "linear").get_config())
    assert (copy.num_classes, copy.weightage, copy.name) == (3, "linear", "cohen_kappa")


def test_scores_leave_out_and_name_absent_classes():
    found = scores([0, 0, 1, 1], [0, 1, 1, 1], ["forest", "water", "ice"])
    assert found["accuracy"] == 0.75
    assert found["average_accuracy"] == 0.75
    assert found["absent_classes"] == ["ice"]
    assert found["confusion_matrix"] == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    assert found["per_class"]["water"] == pytest.approx(
        {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
    )
    nothing = {"precision": None, "recall": None, "f1": None, "support": 0}
    assert found["per_class"]["ice"] == nothing
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert json.loads(json.dumps(found)) == found


def test_a_class_predicted_but_absent_counts_in_f1_only():
    found = scores([0, 0, 1], [0, 2, 1], ["a", "b", "c"])
    assert found["average_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert found["per_class"]["c"]["precision"] is None
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found["macro_f1"] == pytest.approx(
        sk.f1_score([0, 0, 1], [0, 2, 1], average="macro", zero_division=0.0)
    )


def test_wrong_arguments_are_refused():
    with pytest.raises(UserError, match="expected weightage None"):
        CohenKappa(3, weightage="cubic")
    with pytest.raises(UserError, match="3 classes in average_accuracy, found 2"):
        AverageAccuracy(3).update_state([0], [[0.5, 0.5]])
    with pytest.raises(UserError, match="found 2 for 1"):
        scores([0], [0, 1], ["a", "b"])
    with pytest.raises(UserError, match="found 0 for 0"):
        scores([], [], ["a", "b"])
    with pytest.raises(UserError, match="from 0 to 1, found 0 to 2"):
        scores([0, 2], [0, 1], ["a", "b"])


def test_a_batch_of_more_than_2_to_the_24_pixels_is_counted():
    """Users rely on: large tiles of one class do not saturate float32."""
    pixels = 2**24 + 2**20
    metric = OverallAccuracy(2)
    right = np.zeros((pixels, 2), "float32")
    right[:, 0] = 1
    metric.update_state(np.zeros(pixels, "int32"), right)
    assert float(np.sum(metric.confusion)) == pixels
