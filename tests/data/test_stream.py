"""Batches: every sample once per epoch, in an order fixed by seed and epoch."""

import pickle
import random
import tracemalloc

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoai4eo.data import stream
from autoai4eo.data.augmentation import Augmentation
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.readers import cache
from autoai4eo.data.readers.base import InputSpec
from autoai4eo.data.readers.opening import open_dataset
from autoai4eo.data.readers.so2sat import So2SatReader
from autoai4eo.data.sensors import band
from autoai4eo.data.stream import Batches
from autoai4eo.data.target import Target
from autoai4eo.learning.registry import task_of


@pytest.fixture(scope="module")
def files(build, tmp_path_factory):
    """The same samples, stored in several ways."""
    folder = tmp_path_factory.mktemp("stream")
    shapes = {"contiguous": None, "rows": (7, 4, 4, 10), "tall": (25, 2, 2, 5)}
    return {
        name: build.write_h5(folder / f"{name}.h5", sen1=None, chunks=chunks)
        for name, chunks in shapes.items()
    }


@pytest.fixture
def streamed(monkeypatch):
    """Nothing is kept in memory, and buffers are small."""
    monkeypatch.setattr(cache, "CACHE_BYTES", 0)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 4 * 640)
    monkeypatch.setattr(stream, "BUFFER_BYTES", 12 * 640)


def numbers(batch):
    """The samples of a batch, told by their pixels and checked by their labels."""
    pixels, labels = batch
    found = np.floor(pixels["sen2"][:, 0, 0, 0]).astype(int)
    np.testing.assert_array_equal(labels, found % 17)
    assert pixels["sen2"].dtype == np.float32
    return found.tolist()


def flat(batches):
    return [number for batch in batches for number in batch]


def epoch(batches, order=None):
    return [numbers(batches[i]) for i in (order or range(len(batches)))]


@pytest.mark.parametrize("kept", [True, False])
@settings(max_examples=25, deadline=None)
@given(
    storage=st.sampled_from(["contiguous", "rows", "tall"]),
    size=st.integers(1, 70),
    shuffle=st.booleans(),
    seed=st.integers(0, 3),
    rows=st.sets(st.integers(0, 59), min_size=1),
    ordered=st.booleans(),
)
def test_every_sample_once(files, kept, storage, size, shuffle, seed, rows, ordered):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "CACHE_BYTES", 2**20 if kept else 0)
        patch.setattr(stream, "BLOCK_BYTES", 4 * 640)
        patch.setattr(stream, "BUFFER_BYTES", 12 * 640)
        rows = sorted(rows) if ordered else list(rows)
        dataset = open_dataset(files[storage]).subset(rows)
        batches = Batches(dataset, size, shuffle=shuffle, seed=seed)
        first = epoch(batches)
        batches.on_epoch_end()
        second = epoch(batches)
        again = Batches(dataset, size, shuffle=shuffle, seed=seed)
        assert epoch(again) == first
        again.on_epoch_end()
        assert epoch(again) == second
    for found in (first, second):
        assert [len(b) for b in found[:-1]] == [size] * (len(found) - 1)
        assert sorted(flat(found)) == sorted(rows)
        if not shuffle:
            assert flat(found) == rows


def test_shuffled_within_and_across_blocks(files, streamed):
    batches = Batches(open_dataset(files["contiguous"]), 60, shuffle=True, seed=0)
    first = epoch(batches)[0]
    batches.on_epoch_end()
    assert first != epoch(batches)[0]
    steps = np.abs(np.diff(first))
    assert (steps == 1).mean() < 0.3 and steps.max() > 20
    other = Batches(open_dataset(files["contiguous"]), 60, shuffle=True, seed=1)
    assert first != epoch(other)[0]


def test_a_file_is_read_once_per_epoch(files, streamed, monkeypatch):
    read = []
    real = So2SatReader.read
    monkeypatch.setattr(
        So2SatReader, "read", lambda s, rows, n: read.append(rows) or real(s, rows, n)
    )
    epoch(Batches(open_dataset(files["tall"]), 7, shuffle=True))
    assert sorted(np.concatenate(read)) == list(range(60))
    assert len(read) <= 5
    for rows in read:  # whole chunks of 25 samples
        assert len(set(rows // 25)) * 25 >= len(rows) >= 10


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_batch_can_be_divided(files, streamed, shuffle):
    """Users rely on: several devices get equal parts, and few samples are left out."""
    dataset = open_dataset(files["rows"]).subset(range(59))
    batches = Batches(dataset, 16, shuffle=shuffle, multiple=8)
    found = epoch(batches)
    assert [len(batch) for batch in found] == [16, 16, 16, 8]
    assert len(set(flat(found))) == 56


def test_own_order_whatever_keras_asks_first(files, streamed):
    """``fit`` asks for batches in random order unless it is told not to."""
    dataset = open_dataset(files["rows"])
    expected = epoch(Batches(dataset, 8, shuffle=True, seed=2))
    asked = list(range(8))
    random.Random(1).shuffle(asked)
    batches = Batches(dataset, 8, shuffle=True, seed=2)
    peeked = [numbers(batches[0]), numbers(batches[1])]  # as Keras does for shapes
    assert peeked == expected[:2]
    found = epoch(batches, asked)
    assert sorted(found) == sorted(expected)
    assert [b for b in found if b not in peeked] == expected[2:]
    plain = Batches(dataset, 8)
    assert epoch(plain, asked) == [epoch(plain)[i] for i in asked]
    with pytest.raises(IndexError):
        plain[8]


@pytest.mark.parametrize("workers", [1, 3])
def test_fit_sees_every_sample_each_epoch(files, streamed, workers):
    seen = []

    class Watch(stream.Batches):
        def __getitem__(self, index):
            batch = super().__getitem__(index)
            seen.append((self.epoch, index, numbers(batch)))
            return batch

    dataset = open_dataset(files["rows"])
    batches = Watch(dataset, 16, shuffle=True, seed=0, workers=workers)
    node = keras.Input((4, 4, 10), name="sen2")
    out = keras.layers.Dense(17, "softmax")(keras.layers.Flatten()(node))
    model = keras.Model({"sen2": node}, out)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(batches, epochs=3, verbose=0)
    orders = []
    # Keras looks at two batches first, to learn their shapes, and ends that epoch.
    for number in range(1, 4):
        turns = {i: found for e, i, found in seen if e == number}
        assert sorted(flat(turns.values())) == list(range(60))
        orders.append(list(turns.values()))
    assert orders[0] != orders[1] != orders[2]
    assert model.predict(Batches(dataset, 16), verbose=0).shape == (60, 17)


def test_pickled_for_another_process(files, streamed):
    batches = Batches(open_dataset(files["rows"]), 16, shuffle=True, seed=5)
    batches.on_epoch_end()
    copy = pickle.loads(pickle.dumps(batches))
    assert epoch(copy) == epoch(batches)


def test_processes_take_batches_by_number(files, streamed):
    dataset = open_dataset(files["rows"])
    batches = stream.Batches(
        dataset, 16, shuffle=True, seed=5, use_multiprocessing=True
    )
    forward = epoch(batches)
    assert epoch(batches, [3, 2, 1, 0]) == forward[::-1]


def test_augmentation_is_repeatable(files, streamed):
    dataset = open_dataset(files["rows"])
    some = Augmentation(jitter=0.5)
    first = Batches(dataset, 16, seed=1, augmentation=some)[2][0]["sen2"]
    again = Batches(dataset, 16, seed=1, augmentation=some)
    np.testing.assert_array_equal(again[2][0]["sen2"], first)
    again.on_epoch_end()
    assert (again[2][0]["sen2"] != first).any()


def test_targets_are_encoded(files):
    dataset = open_dataset(files["rows"])
    encode = task_of(dataset.target).encode
    labels = Batches(dataset, 16, encode=encode)[1][1]
    np.testing.assert_array_equal(labels, np.eye(17)[dataset.labels[16:32]])
    assert labels.dtype == np.float32
    copy = pickle.loads(pickle.dumps(Batches(dataset, 16, encode=encode)))
    np.testing.assert_array_equal(copy[1][1], labels)


class MaskReader:
    """Samples whose mask says where the first band is bright."""

    path, groups, notes, names, is_synthetic = "masks", {}, (), None, False
    chunk_rows, whole, pixel_bytes = 1, False, 4
    target = Target("mask", ("dark", "bright"), (6, 6))

    def __init__(self, samples=40):
        rng = np.random.default_rng(0)
        self.pixels = rng.random((samples, 6, 6, 2), dtype=np.float32)
        self.labels = np.full(samples, -1)
        self.inputs = (InputSpec("image", "x", (band("B2"), band("B3")), 6, 6),)
        self.class_names = self.target.classes
        masks = self.read_targets(np.arange(samples)).reshape(samples, -1)
        self.class_pixels = np.stack([(masks == i).sum(axis=1) for i in (0, 1)], axis=1)

    def read(self, rows, names):
        return {name: self.pixels[rows] for name in names}

    def read_targets(self, rows):
        return (self.pixels[rows][..., 0] > 0.5).astype(np.int16)


@given(st.integers(0, 1000), st.booleans())
def test_a_mask_stays_registered_with_its_pixels(seed, shuffle):
    dataset = Dataset(MaskReader()).subset(np.arange(40)[::-1])
    some = Augmentation(jitter=0)
    batches = Batches(dataset, 16, shuffle=shuffle, seed=seed, augmentation=some)
    for i in range(len(batches)):
        pixels, mask = batches[i]
        np.testing.assert_array_equal(mask, pixels["image"][..., 0] > 0.5)
        assert mask.dtype == np.int16
    assert dataset.known.all() and (dataset.labels == -1).all()


def test_memory_stays_within_the_buffers(build, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE_BYTES", 0)
    monkeypatch.setattr(stream, "BUFFER_BYTES", 2**20)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 2**17)
    pixels = np.zeros((8000, 8, 8, 10), np.float32)  # 20 MB
    path = build.write_h5(tmp_path / "a.h5", 8000, sen1=None, sen2=pixels)
    del pixels
    batches = Batches(open_dataset(path), 32, shuffle=True)
    tracemalloc.start()
    for i in range(len(batches)):
        batches[i]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * 2**20
