"""Intervals of means over the classes, where a class occurs in few groups."""

import numpy as np
import pytest

from autoai4eo.learning import confusion
from autoai4eo.learning.classification import ClassScorer
from autoai4eo.learning.mask_scorer import MaskScorer
from autoai4eo.learning.multilabel import LabelScorer

#: Ten groups; "rare" is in one of them only, and always taken for "a".
GROUP = np.repeat(np.arange(10), 4)
TRUTH = np.tile([0, 0, 1, 1], 10)
TRUTH[-1] = 2
FOUND = np.where(TRUTH == 2, 0, TRUTH)
NAMES = ("a", "b", "rare")


def scorer():
    found = ClassScorer(NAMES)
    found.add(TRUTH, np.eye(3)[FOUND], GROUP)
    return found


def test_a_rare_class_stays_in_the_mean_of_every_resample():
    # in a third of the resamples the class is absent: AA would be 1 there
    told = scorer().result()
    assert told["average_accuracy"] == pytest.approx(2 / 3)
    assert told["intervals"]["average_accuracy"] == pytest.approx([2 / 3, 2 / 3])
    assert told["single_group_classes"] == ["rare"]


def test_resamples_are_those_of_a_slow_twin():
    """A loop over classes, each with its recall, or the whole's where it is absent."""
    rng = np.random.default_rng(0)
    whole = rng.integers(1, 9, (4, 4))
    whole[3] = 0  # never true
    drawn = rng.integers(0, 5, (20, 4, 4)) * (rng.random((20, 4, 1)) > 0.4)
    drawn[:, 3] = 0
    expected = []
    for matrix in drawn:
        recalls = []
        for c in range(3):
            of = matrix if matrix[c].sum() else whole
            recalls.append(of[c, c] / of[c].sum())
        expected.append(np.mean(recalls))
    told = confusion.figures(drawn, whole)["average_accuracy"]
    np.testing.assert_allclose(told, expected)


def test_every_class_in_every_group_makes_no_difference():
    found = ClassScorer(NAMES)
    truth = np.tile([0, 1, 2, 1], 10)
    output = np.eye(3)[np.random.default_rng(0).integers(3, size=40)]
    found.add(truth, output, GROUP)
    table = found._sums.table
    plain = confusion.figures(table.reshape(-1, 3, 3))
    like = confusion.figures(table.reshape(-1, 3, 3), table.sum(0).reshape(3, 3))
    for name, values in plain.items():
        np.testing.assert_allclose(like[name], values)
    assert found.result()["single_group_classes"] == []


def test_ungrouped_samples_have_no_classes_of_one_group():
    found = ClassScorer(NAMES)
    found.add(TRUTH, np.eye(3)[FOUND])
    told = found.result()
    assert "single_group_classes" not in told
    low, high = told["intervals"]["average_accuracy"]
    assert low == high == pytest.approx(2 / 3)


def test_masks_keep_it_too():
    found = MaskScorer(NAMES)
    truth, output = TRUTH.reshape(10, 2, 2), np.eye(3)[FOUND].reshape(10, 2, 2, 3)
    found.add(truth, output, np.arange(10))
    told = found.result()
    for name in ("average_accuracy", "mean_iou", "macro_f1"):
        assert told["intervals"][name][1] < 0.7, name  # 1 without the rare class
    assert told["per_class"]["rare"]["iou"] == 0.0


def test_several_labels_keep_it_too():
    found = LabelScorer(NAMES, np.full(3, 0.5))
    found.add(np.eye(3)[TRUTH], np.eye(3)[FOUND], GROUP)
    told = found.result()
    assert told["intervals"]["f1_macro"][1] < 0.7
