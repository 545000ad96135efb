"""What a search would take is told before it begins, and nothing is kept."""

import math
from dataclasses import replace

import pytest
import small

from autoai4eo.learning.training import Proxy, Training
from autoai4eo.search import rehearsal
from autoai4eo.search.rehearsal import rehearse

DATA = small.dataset()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small.model(tmp_path_factory.mktemp("search"), max_trials=5)


def test_times_are_those_of_two_epochs(model):
    graph, train = model.search_space(DATA)
    training = Training(train, small.dataset(seed=1), epochs=7, batch_size=16)
    found = rehearse(graph, model.settings, training)
    assert found.choices["tiny_block_1/width"] == "8, 12, 16, 24"
    # width, learning rate, weight decay and label smoothing
    assert found.networks == math.prod(
        len(values.split(", ")) for values in found.choices.values()
    )
    assert found.cost["params"] > 0 and found.share == 1 and found.epochs == 7
    assert 0 < found.epoch_s < 60 and found.start_s > 0
    assert found.trial_s == pytest.approx(found.start_s + 7 * found.epoch_s)
    assert found.finalist_s == pytest.approx(found.trial_s)  # as many epochs more
    assert found.search_s == pytest.approx(5 * found.trial_s + found.finalist_s)
    assert found.left == 5 and found.over is None
    assert not model.run.exists()


def test_only_what_is_left_is_counted_and_a_default_over_the_limit_is_told(model):
    graph, train = model.search_space(DATA)
    training = Training(train, DATA, epochs=1, batch_size=48)
    settings = replace(model.settings, constraints={"macs": 1}, max_model_size=None)
    found = rehearse(graph, settings, training, trained=3)
    assert found.left == 2
    assert found.search_s == pytest.approx(2 * found.trial_s + found.finalist_s)
    assert found.over.startswith("macs ") and found.over.endswith("> 1")


def test_large_data_are_measured_in_part(model, monkeypatch):
    monkeypatch.setattr(rehearsal, "MEASURED_BATCHES", 2)
    graph, train = model.search_space(DATA)
    training = Training(train, DATA, epochs=2, batch_size=12, final_epochs=10)
    found = rehearse(graph, model.settings, training)
    assert found.share == 0.5  # two batches of four
    assert found.finalist_s == pytest.approx(found.start_s + 10 * found.epoch_s)


def test_the_finalist_of_a_cheaper_search_is_trained_in_full(model):
    proxy = Proxy(epochs=2, fraction=0.5)
    settings = replace(model.settings, proxy=proxy, max_model_size=None)
    graph, train = model.search_space(DATA)
    training = Training(train, DATA, epochs=10, batch_size=16, proxy=proxy)
    found = rehearse(graph, settings, training)
    assert found.epochs == 2
    assert found.trial_s == pytest.approx(found.start_s + 2 * found.epoch_s)
    whole = found.start_s + 10 * 2 * found.epoch_s  # of twice the data
    assert found.finalist_s == pytest.approx(2 * whole)  # its trial, then the finalist
