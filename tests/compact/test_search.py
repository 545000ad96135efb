"""Whole searches of tiny supernets: resume, constants, needed operations."""

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import small

import autoai4eo as ae
from autoai4eo.compact.search import search
from autoai4eo.compact.settings import CompactSettings
from autoai4eo.errors import UserError
from autoai4eo.networks.genotype import OPERATIONS

TINY = {"channels": 4, "blocks": 1, "depth": 1, "batch_size": 8, "epochs": 3}
SETTLED = CompactSettings(
    method="s", stop_after=2, logits_rate=1e-9, **{**TINY, "epochs": 9}
)
FREE = {"skip_connect", "none"}


class Stop(keras.callbacks.Callback):
    """Ends the process's work in the middle of an epoch, as a kill does."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch, self.now = epoch, -1

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            raise KeyboardInterrupt


class Copies(keras.callbacks.Callback):
    """Copies a run in the middle of its third epoch: what a kill would leave of it."""

    def __init__(self, run, to):
        super().__init__()
        self.run, self.to = run, to

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == 2 and not self.to.exists():
            shutil.copytree(self.run, self.to)


def record(folder):
    return json.loads((folder / "compact.json").read_text())


@pytest.mark.parametrize(
    "method", ["s+c", pytest.param("s+c+d", marks=pytest.mark.slow)]
)
def test_a_killed_search_ends_as_an_unbroken_one(tmp_path, method):
    data = small.dataset(48)
    settings = CompactSettings(method=method, max_depth=2, **TINY)
    copies = Copies(tmp_path / "whole", tmp_path / "broken")
    whole = search(data, tmp_path / "whole", settings, callbacks=[copies])
    assert len(record(tmp_path / "broken")["epochs"]) == 2
    assert search(data, tmp_path / "broken", settings) == whole
    one, other = (record(tmp_path / name)["epochs"] for name in ("whole", "broken"))
    for mine, theirs in zip(one, other, strict=True):
        assert mine["genotype"] == theirs["genotype"]
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
    assert not (tmp_path / "broken" / "compact.npz").exists()


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """The folder of a search whose architecture does not change, and what it told."""
    folder, told = tmp_path_factory.mktemp("settled"), []
    search(small.dataset(48), folder, SETTLED, tell=told.append)
    return folder, told


def test_a_settled_search_ends(settled):
    folder, told = settled
    assert len(record(folder)["epochs"]) == 3
    lines = [line for line in told if "epoch" in line]
    assert len(lines) == 3
    assert all(word in lines[0] for word in ("entropy", "M FLOPs", "depths 1"))


def test_a_search_that_is_over_is_not_repeated(settled):
    folder, _ = settled
    told = []
    found = search(small.dataset(48), folder, SETTLED, tell=told.append)
    assert found.record() == record(folder)["architecture"]
    assert "over already" in told[-1]


def test_another_search_in_the_folder_is_refused(settled):
    folder, _ = settled
    with pytest.raises(UserError, match="found seed 1 in place of 0"):
        search(small.dataset(48), folder, replace(SETTLED, seed=1))
    with pytest.raises(UserError, match="found other data"):
        search(small.dataset(60), folder, SETTLED)


@pytest.mark.slow
def test_a_large_constant_leads_to_the_cheapest_cell_and_depth_1(tmp_path):
    settings = CompactSettings(
        method="s+c+d",
        constant=1e4,
        max_depth=3,
        logits_rate=0.2,
        **{**TINY, "depth": 2, "epochs": 4},
    )
    found = search(small.dataset(64), tmp_path, settings)
    kinds = {kind for pairs in found.genotype.nodes for kind, _ in pairs}
    assert kinds <= FREE
    assert found.depths == (1,)
    costs = [epoch["expected_cost"] for epoch in record(tmp_path)["epochs"]]
    assert costs == sorted(costs, reverse=True)


def needs_convolutions(samples, seed):
    """Two classes of noise: equal in every statistic of 3×3 pixels and of the patch.

    In one, a pixel repeats four columns further: only operations that see so far and
    weigh pixels can tell it.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(samples) % 2
    pixels = rng.choice([-1.0, 1.0], (samples, 12, 12, 1)).astype("float32")
    periodic = np.tile(pixels[:, :, :4], (1, 1, 3, 1))
    pixels[labels == 1] = periodic[labels == 1]
    return ae.open_dataset({"x": pixels}, labels=labels)


@pytest.mark.slow
def test_operations_that_a_task_needs_are_found(tmp_path):
    settings = CompactSettings(
        method="s",
        channels=8,
        blocks=1,
        depth=1,
        batch_size=32,
        epochs=25,
        logits_rate=0.02,
        temperature=(5.0, 0.5),
    )
    search(needs_convolutions(512, 0), tmp_path, settings, augmentation=None)
    epochs = record(tmp_path)["epochs"]
    assert epochs[-1]["accuracy"] > 0.8
    kinds = [kind for pairs in epochs[-1]["genotype"] for kind, _ in pairs]
    assert sum("conv" in kind for kind in kinds) >= 6  # of 8; at random 4.6


@pytest.mark.slow
def test_a_search_without_its_record_begins_anew(tmp_path):
    data, settings = small.dataset(48), CompactSettings(method="s", **TINY)
    with pytest.raises(KeyboardInterrupt):
        search(data, tmp_path / "a", settings, callbacks=[Stop(2)])
    (tmp_path / "a" / "compact.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        search(data, tmp_path / "a", settings, callbacks=[Stop(1)])
    (first,) = record(tmp_path / "a")["epochs"]
    with pytest.raises(KeyboardInterrupt):
        search(data, tmp_path / "b", settings, callbacks=[Stop(1)])
    (wanted,) = record(tmp_path / "b")["epochs"]
    assert first["loss"] == pytest.approx(wanted["loss"], rel=1e-4)


@pytest.mark.slow
def test_missing_pixels_become_the_mean(tmp_path):
    data = small.dataset(48)
    pixels = data.read(np.arange(48))["sen2"].copy()
    pixels[::3, :, :, 1] = np.nan
    holes = ae.open_dataset({"sen2": pixels}, labels=data.labels)
    search(holes, tmp_path, CompactSettings(method="s", **{**TINY, "epochs": 1}))
    (epoch,) = record(tmp_path)["epochs"]
    assert np.isfinite(epoch["loss"])


def test_more_blocks_than_pixels_are_refused(tmp_path):
    settings = CompactSettings(**{**TINY, "blocks": 5})
    with pytest.raises(UserError, match="at most 4 for 8×8 pixels, got 5"):
        search(small.dataset(48), tmp_path / "x", settings)
    assert not (tmp_path / "x").exists()


def test_one_class_is_refused(tmp_path):
    data = small.dataset(48)
    one = data.subset(np.flatnonzero(data.labels == 0))
    with pytest.raises(UserError, match="two classes or more, found 1"):
        search(one, tmp_path, CompactSettings(**TINY))


def test_fewer_than_two_batches_are_refused(tmp_path):
    with pytest.raises(UserError, match="2 batches of 64 samples or more in each half"):
        search(small.dataset(48), tmp_path, CompactSettings(method="s"))


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("method", "x", "method: expected one of s, s"),
        ("cost", "joules", "cost: expected one of flops, latency_ms"),
        ("max_depth", 0, "max_depth: expected 1 or more, got 0"),
        ("epochs", 0, "epochs: expected 1 or more"),
        ("constant", -1.0, "constant: expected 0 or more"),
        ("constant", float("nan"), "constant: expected 0 or more"),
        ("constant", float("inf"), "constant: expected 0 or more"),
        ("temperature", (10.0, float("nan")), "temperature: expected two numbers"),
        ("temperature", (float("inf"), 1.0), "temperature: expected two numbers"),
        ("seed", 2**32, "seed: expected 0 to"),
        ("temperature", (1.0, 0.0), "temperature: expected two numbers above 0"),
        ("channels", 0, "channels: expected 1 or more"),
        ("logits_rate", 0.0, "logits_rate: expected a number above 0"),
    ],
)
def test_options_out_of_range_are_refused(option, value, expected):
    with pytest.raises(UserError, match=expected):
        CompactSettings(**{option: value})


def test_temperatures_fall_linearly():
    settings = CompactSettings(epochs=10)
    found = [settings.temperature_at(epoch) for epoch in range(10)]
    np.testing.assert_allclose(found, np.linspace(10, 1, 10))


@pytest.mark.slow
def test_latencies_take_the_place_of_flops(tmp_path):
    settings = CompactSettings(method="s+c", cost="latency_ms", **{**TINY, "epochs": 1})
    search(small.dataset(48), tmp_path, settings)
    (epoch,) = record(tmp_path)["epochs"]
    assert 0 < epoch["expected_cost"] < 50  # ms
    assert set(OPERATIONS) >= {k for pairs in epoch["genotype"] for k, _ in pairs}


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def test_half_precision_without_scaling_is_refused(tmp_path, policy):
    policy("mixed_float16")
    with pytest.raises(UserError, match="mixed_bfloat16, found mixed_float16"):
        search(small.dataset(48), tmp_path, CompactSettings(**TINY))


@pytest.mark.slow
def test_a_search_runs_in_mixed_precision(tmp_path, policy):
    policy("mixed_bfloat16")
    search(small.dataset(48), tmp_path, CompactSettings(max_depth=2, **TINY))
    first, *_, last = record(tmp_path)["epochs"]
    assert last["loss"] < first["loss"] * 1.2
    assert last["entropy"] < first["entropy"]
