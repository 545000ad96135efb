"""The task of masks: what it encodes, and its scores against scikit-learn."""

import json

import keras
import masks
import numpy as np
import pytest
from sklearn import metrics as sk

from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.learning import evaluation, lazy_outputs
from autoai4eo.learning.boundaries import TOLERANCE, boundary_sums
from autoai4eo.learning.by_group import by_group
from autoai4eo.learning.epoch_scores import EpochScores
from autoai4eo.learning.registry import task_of
from autoai4eo.learning.training import Training

TRUTH = masks.random_masks(n=8)
GROUPS = {"parent": np.arange(8) // 2}
TASK = task_of(Target("mask", masks.CLASSES, (16, 16), ignored=-1))


def output(seed=1, classes=3, right=0.7):
    """Returns probabilities that are right for most pixels."""
    rng = np.random.default_rng(seed)
    found = rng.random((*TRUTH.shape, classes)) + 1e-3
    found += (rng.random(TRUTH.shape) < right)[..., None] * (
        TRUTH[..., None] == np.arange(classes)
    )
    return (found / found.sum(-1, keepdims=True)).astype("float32")


OUTPUT = output()


def scored(truth=TRUTH, found=OUTPUT, group=None, classes=masks.CLASSES):
    scorer = task_of(Target("mask", tuple(classes), truth.shape[1:])).scorer({})
    for i in range(0, len(truth), 3):
        some = slice(i, i + 3)
        scorer.add(truth[some], found[some], None if group is None else group[some])
    return scorer.result()


def test_scores_are_those_of_scikit_learn_on_the_known_pixels():
    told = scored()
    known = TRUTH >= 0
    flat, found = TRUTH[known], OUTPUT.argmax(-1)[known]
    assert told["accuracy"] == pytest.approx(sk.accuracy_score(flat, found))
    assert told["cohen_kappa"] == pytest.approx(sk.cohen_kappa_score(flat, found))
    assert told["average_accuracy"] == pytest.approx(
        sk.balanced_accuracy_score(flat, found)
    )
    for name, score in (("mean_iou", sk.jaccard_score), ("macro_f1", sk.f1_score)):
        assert told[name] == pytest.approx(score(flat, found, average="macro"))
    each = sk.precision_recall_fscore_support(flat, found)
    iou = sk.jaccard_score(flat, found, average=None)
    for i, values in enumerate(told["per_class"].values()):
        expected = [*(part[i] for part in each), iou[i]]
        assert [
            values[n] for n in ("precision", "recall", "f1", "support", "iou")
        ] == pytest.approx(expected)
    assert told["confusion_matrix"] == sk.confusion_matrix(flat, found).tolist()
    assert json.loads(json.dumps(told)) == told


def test_a_class_that_the_truth_lacks_is_left_out_of_the_mean_and_said():
    told = scored(found=output(classes=4), classes=(*masks.CLASSES, "ice"))
    assert told["absent_classes"] == ["ice"] and told["unseen_classes"] == []
    each = [values["iou"] for values in told["per_class"].values()]
    assert each[3] is None
    assert told["mean_iou"] == pytest.approx(np.mean(each[:3]))


def boundary_f1(truth, predicted, classes=3):
    """Returns boundary F1 pixel by pixel, as it is defined."""

    def boundary(mask, image):
        found = {}
        for (y, x), label in np.ndenumerate(mask):
            for b, a in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                inside = 0 <= b < mask.shape[0] and 0 <= a < mask.shape[1]
                if not inside or min(truth[image, y, x], truth[image, b, a]) < 0:
                    continue
                if mask[b, a] != label:
                    found.setdefault(int(label), set()).add((y, x))
        return found

    counts = np.zeros((4, classes))
    for image in range(len(truth)):
        found = boundary(predicted[image], image)
        true = boundary(truth[image], image)
        for c in range(classes):
            for i, (own, other) in enumerate([(found, true), (true, found)]):
                for y, x in own.get(c, ()):
                    counts[2 * i, c] += 1
                    counts[2 * i + 1, c] += any(
                        (y - b) ** 2 + (x - a) ** 2 <= TOLERANCE**2
                        for b, a in other.get(c, ())
                    )
    precision, recall = counts[1] / counts[0], counts[3] / counts[2]
    return counts, np.mean(2 * precision * recall / (precision + recall))


def test_boundary_f1_is_that_of_brute_force():
    predicted = masks.random_masks(n=8, unknown=0, seed=4)
    # most boundaries of the truth, moved by up to three pixels
    predicted[:5] = np.roll(np.maximum(TRUTH[:5], 0), (1, 3), axis=(1, 2))
    counts, expected = boundary_f1(TRUTH, predicted)
    found = boundary_sums(TRUTH, predicted, TRUTH >= 0, 3).sum(axis=0)
    assert (found == counts).all()
    told = scored(found=np.eye(3, dtype="float32")[predicted])
    assert told["boundary_f1"] == pytest.approx(expected)
    assert 0.3 < expected < 0.9
    assert told["boundary_tolerance"] == TOLERANCE == 2


@pytest.mark.parametrize(("shift", "agrees"), [(0, 1), (2, 1), (3, 0)])
def test_a_boundary_two_pixels_aside_agrees_and_three_do_not(shift, agrees):
    truth = np.zeros((1, 16, 16), np.int16)
    truth[..., 8:] = 1
    found = np.eye(2, dtype="float32")[np.roll(truth, shift, axis=2)]
    found[..., :shift, :] = [1, 0]
    assert scored(truth, found, classes="ab")["boundary_f1"] == agrees


def test_whole_groups_are_drawn_for_intervals():
    """All pixels of a group are right, or none: its tiles say the same."""
    right = np.array([1, 1, 0, 0, 1, 1, 0, 0])[:, None, None]
    predicted = np.where(right, TRUTH, (TRUTH + 1) % 3)
    found = np.eye(3, dtype="float32")[predicted]
    by_parent = scored(found=found, group=GROUPS["parent"])["intervals"]
    alone = scored(found=found)["intervals"]
    assert set(by_parent) == set(TASK.resampled)
    assert by_parent["accuracy"] == [0, 1]
    low, high = alone["accuracy"]
    assert 0 < low < high < 1


def test_pixels_of_unknown_class_are_encoded_as_nothing():
    encoded = TASK.encode(TRUTH)
    assert encoded.shape == (8, 16, 16, 3) and encoded.dtype == np.float32
    assert (encoded.sum(-1) == (TRUTH >= 0)).all()
    assert (encoded.argmax(-1) == TRUTH)[TRUTH >= 0].all()
    assert (TASK.decide(OUTPUT, {}) == OUTPUT.argmax(-1)).all()


def test_labels_are_smoothed_at_boundaries_only():
    found = TASK.encode_training(TRUTH, 0.3, None)
    for (i, y, x), label in np.ndenumerate(TRUTH):
        around = TRUTH[i, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        shares = np.bincount(around[around >= 0], minlength=3)
        expected = 0.7 * np.eye(3)[label] + 0.3 * shares / max(1, shares.sum())
        expected = expected * (label >= 0)
        np.testing.assert_allclose(found[i, y, x], expected, atol=1e-6)


def test_class_weights_multiply_pixels():
    weights = {0: 0.5, 2: 3.0}
    found = TASK.encode_training(TRUTH, 0, weights)
    each = np.array([0.5, 1, 3, 0])[TRUTH]
    np.testing.assert_array_equal(found, TASK.encode(TRUTH) * each[..., None])


def test_balanced_weights_are_by_pixels():
    data = masks.dataset(TRUTH)
    pixels = np.bincount(TRUTH[TRUTH >= 0])
    assert (data.class_pixels.sum(axis=0) == pixels).all()
    found = TASK.class_weight("balanced", data)
    assert [found[i] for i in range(3)] == pytest.approx(pixels.sum() / 3 / pixels)
    with pytest.raises(UserError, match="expected balanced or weights"):
        TASK.class_weight("even", data)


def test_masks_of_one_class_or_none_are_refused():
    for value, words in ((1, "all forest"), (-1, "no pixel of a known class")):
        data = masks.dataset(np.full((3, 8, 8), value))
        with pytest.raises(UserError, match=words):
            task_of(data.target).check(data)


def network(size=16):
    keras.utils.set_random_seed(0)
    node = keras.Input((size, size, 3), name="sen2")
    x = keras.layers.Rescaling(0.3)(node)
    x = keras.layers.Conv2D(3, 1, activation="softmax")(x)
    return keras.Model({"sen2": node}, x)


def test_a_network_is_trained_and_its_epochs_agree_with_the_evaluation():
    train = masks.dataset(masks.random_masks(n=16, seed=7))
    validation = masks.dataset(TRUTH, groups=GROUPS)
    model = network()
    model.compile(
        keras.optimizers.Adam(0.1),
        loss=TASK.loss("crossentropy+dice", train.targets),
        metrics=TASK.keras_metrics(train.targets),
    )
    rows = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rows.append(dict(logs))
    )
    scores = EpochScores({"test": validation}, 9, 9, 8)
    weight = TASK.class_weight("balanced", train)
    Training(
        train,
        validation,
        epochs=9,
        batch_size=8,
        class_weight=weight,
        label_smoothing=0.1,
    ).run(model, 0, [scores, keep])
    found = evaluation.evaluate(model, validation)
    assert found["mean_iou"] > 0.8
    assert (found["resampled_by"], found["resampled_groups"]) == ("parent", 4)
    for name in TASK.metrics:
        assert rows[-1][f"val_{name}"] == pytest.approx(found[name], abs=1e-5)
        assert rows[-1][f"test_{name}"] == pytest.approx(found[name], abs=1e-5)


def test_masks_are_scored_in_parts_and_never_all_in_memory(monkeypatch):
    monkeypatch.setattr(lazy_outputs, "_BYTES", 2 * 16 * 16 * 3 * 4)
    data = masks.dataset(TRUTH, groups=GROUPS)
    model = network()
    found = evaluation.evaluate(model, data, batch_size=2)
    assert data._reader.most == 2
    monkeypatch.undo()
    whole = evaluation.score(data, evaluation.outputs(model, data))
    assert data._reader.most == 8
    for name in (*TASK.metrics, "boundary_f1", "expected_calibration_error"):
        assert found[name] == pytest.approx(whole[name], abs=1e-6)
    each = by_group(data, evaluation.outputs_in_parts(model, data), "parent")
    alone = data.subset(np.arange(2))
    assert each["groups"]["0"]["mean_iou"] == pytest.approx(
        evaluation.evaluate(model, alone)["mean_iou"]
    )
    assert each["worst"] == min(g["mean_iou"] for g in each["groups"].values())


def test_data_without_a_known_pixel_are_refused_and_such_groups_left_out():
    truth = TRUTH.copy()
    truth[:2] = -1
    found = by_group(masks.dataset(truth, groups=GROUPS), OUTPUT, "parent")
    assert list(found["groups"]) == ["1", "2", "3"]
    with pytest.raises(UserError, match="found no known pixel"):
        evaluation.score(masks.dataset(np.full_like(TRUTH, -1)), OUTPUT)
