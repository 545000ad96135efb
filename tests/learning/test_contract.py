"""The contract of tasks: all of `TASKS`, and one from outside of the package."""

import json
import pickle
from dataclasses import replace

import keras
import masks
import numpy as np
import pytest

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.target import KINDS, LEARNED
from autoai4eo.errors import UserError
from autoai4eo.learning import registry
from autoai4eo.learning.evaluation import score, scored
from autoai4eo.learning.figures import FIGURES
from autoai4eo.learning.regression import Regression
from autoai4eo.report.sections import SECTIONS

N = 40
RNG = np.random.default_rng(0)
PIXELS = RNG.random((N, 4, 4, 2)).astype("float32")
CLASSES = np.arange(N) % 3
#: By kind, the targets of N samples. A task that is registered needs a line here.
TARGETS = {
    "class": CLASSES,
    "labels": (RNG.random((N, 3)) < 0.4).astype(np.uint8),
    "value": RNG.normal(300, 5, (N, 2)),
    "mask": RNG.integers(0, 3, (N, 4, 4)),
}
SAME = {
    "class": np.zeros(N, int),
    "labels": np.ones((N, 3), np.uint8),
    "value": np.ones((N, 2)),
    "mask": np.zeros((N, 4, 4), int),
}


class InOwnUnits(Regression):
    """A task from outside of the package: squared errors without scaling."""

    losses = ("mse",)

    def loss(self, name, targets):
        return keras.losses.MeanSquaredError()


@pytest.fixture(params=[*registry.TASKS, "outside"])
def kind(request, monkeypatch):
    if request.param == "outside":
        monkeypatch.setitem(registry.TASKS, "value", InOwnUnits)
        return "value"
    return request.param


def opened(kind, targets):
    if kind == "mask":
        return Dataset(masks.MaskReader(PIXELS, targets))
    return open_dataset({"sen2": PIXELS}, labels=targets, kind=kind)


@pytest.fixture
def dataset(kind):
    return opened(kind, TARGETS[kind])


def truth_of(dataset):
    return dataset.read_targets(np.arange(N))


@pytest.fixture
def task(dataset):
    return registry.task_of(dataset.target)


def output_of(task, seed=0):
    """Returns a possible output of a network, (n, …) of the first width."""
    shape = (N, *task.target.shape) if task.target.kind == "mask" else (N,)
    random = np.random.default_rng(seed).random((*shape, task.widths[0]))
    random = random.astype("float32")
    if task.target.kind in ("class", "mask"):
        return random / random.sum(axis=-1, keepdims=True)
    return random


def test_every_kind_that_is_learned_is_known_to_runs_and_reports():
    assert tuple(registry.TASKS) == LEARNED
    assert set(SECTIONS) == set(LEARNED) <= set(KINDS)
    assert set(TARGETS) == set(LEARNED)


def test_names_are_those_of_the_catalogue(task):
    assert task.losses and task.metrics
    for name in task.metrics:
        assert name in FIGURES and FIGURES[name].direction in ("min", "max")
    assert task.objective.name.removeprefix("val_") in task.metrics
    figure = FIGURES[task.objective.name.removeprefix("val_")]
    assert task.objective.direction == figure.direction


def test_data_with_nothing_to_learn_is_refused(kind, task, dataset):
    task.check(dataset)
    same = opened(kind, SAME[kind])
    with pytest.raises(UserError, match=r"nothing|two classes"):
        registry.task_of(same.target).check(same)


def test_every_loss_trains_a_network_with_the_head_that_it_asks_for(task, dataset):
    encoded = task.encode(truth_of(dataset))
    assert encoded.dtype == np.float32 and len(encoded) == N
    for name in task.losses:
        asked = task.head(name, dataset.targets)
        width = asked["shape"][-1] * (2 if asked.get("spread") else 1)
        assert width in task.widths
        rest = keras.layers.Softmax()
        if task.target.kind not in ("class", "mask"):
            rest = keras.layers.Activation("sigmoid")  # above 0, as a spread must be
        model = keras.Sequential([keras.Input((4, 4, 2))])
        if task.target.kind != "mask":
            model.add(keras.layers.Flatten())
        model.add(keras.layers.Dense(width))
        model.add(rest)
        metrics = task.keras_metrics(dataset.targets)
        assert [metric.name for metric in metrics] == list(task.metrics)
        # both are sent to worker processes
        loss, metrics = pickle.loads(
            pickle.dumps((task.loss(name, dataset.targets), metrics))
        )
        model.compile("sgd", loss=loss, metrics=metrics)
        logs = model.fit(PIXELS, encoded, epochs=1, verbose=0).history
        assert np.isfinite(logs["loss"]).all()
        assert {*task.metrics} <= set(logs)


def test_scores_do_not_depend_on_the_batches_and_are_ready_for_json(task, dataset):
    output, truth = output_of(task), truth_of(dataset)
    fitted = task.fit(truth, output)
    assert set(fitted) == set(task.fitted)
    assert json.loads(json.dumps(fitted)) == fitted
    whole, parts = task.scorer(fitted), task.scorer(fitted)
    whole.add(truth, output)
    for i in range(0, N, 7):
        parts.add(truth[i : i + 7], output[i : i + 7])
    found = whole.result()
    assert json.loads(json.dumps(found)) == found
    assert set(task.metrics) <= set(found)
    for name in task.metrics:
        assert parts.result()[name] == pytest.approx(found[name], abs=1e-6)
        assert np.isfinite(found[name])
    for name, (low, high) in found["intervals"].items():
        assert name in FIGURES and low <= high


def test_the_truth_itself_scores_best(task, dataset):
    """The output that is the truth is decided to be the truth, and scores best."""
    truth = truth_of(dataset)
    of_classes = task.target.kind in ("class", "mask")
    output = np.eye(3, dtype="float32")[truth] if of_classes else truth
    output = output.astype("float32")
    decided = task.decide(output, task.fit(truth, output))
    assert decided.shape == truth.shape
    assert np.allclose(decided, truth)
    best, other = score(dataset, output), score(dataset, output_of(task, seed=1))
    for name in task.metrics:
        sign = 1 if FIGURES[name].direction == "max" else -1
        assert sign * best[name] > sign * other[name], name


def test_batches_in_training_agree_with_the_scorer(task, dataset):
    output, truth = output_of(task), truth_of(dataset)
    found = score(dataset, output)
    for metric in task.keras_metrics(dataset.targets):
        for i in range(0, N, 16):
            metric.update_state(task.encode(truth[i : i + 16]), output[i : i + 16])
        assert float(metric.result()) == pytest.approx(found[metric.name], rel=1e-2)


def test_a_target_of_another_kind_is_refused(task):
    with pytest.raises(UserError, match="found image"):
        registry.task_of(replace(task.target, kind="image"))


def test_the_scores_with_intervals_are_those_it_names(kind, dataset):
    task = registry.task_of(dataset.target)
    output = output_of(task)
    drawn = scored(dataset, output, np.arange(N) % 4).resampled()
    assert set(task.resampled) <= set(drawn)
