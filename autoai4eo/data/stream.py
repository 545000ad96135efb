"""Streams batches for training, in an order that reads files fast.

A file is divided into blocks of neighbouring samples. In training, blocks are read in
random order, several of them fill a buffer, and samples are drawn at random from it:

    file     | 0 1 2 | 3 4 5 | 6 7 8 | 9 10 11 |
    buffers  [ 6 7 8 0 1 2 ]  [ 9 10 11 3 4 5 ]
    batches  7 0 | 2 6 | 8 1 |  4 11 | 9 3 | 10 5

Every sample appears exactly once per epoch. The order depends only on the seed and the
epoch. If every order costs the same (arrays, images, a small file in memory), it is a
plain permutation. Tiles with masks are drawn by their classes instead: those of rare
classes several times in an epoch, see `autoai4eo.data.class_sampling`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from autoai4eo.data.augmentation import Augmentation
from autoai4eo.data.class_sampling import drawn_times, repeat_factors
from autoai4eo.data.dataset import Dataset

BLOCK_BYTES = 4 * 2**20
BUFFER_BYTES = 64 * 2**20
TURNED = ("mask", "image")  # kinds of target that have a direction
BUFFERS_KEPT = 2  # a batch may begin in one buffer and end in the next

Batch = tuple[dict[str, np.ndarray], np.ndarray]


class Batches(keras.utils.PyDataset):
    """A dataset as batches for Keras, without holding its pixels in memory.

    Each batch is ``({input name: float32 (b, H, W, C)}, targets)``.

    Args:
        dataset: the dataset to stream.
        batch_size: samples per batch; the last batch may be smaller.
        shuffle: whether each epoch has a new order, and draws masks of rare classes
            more often. A shuffled stream returns batches
            in its own order, whatever batch number is requested, because Keras's
            ``fit`` requests random numbers by default.
        seed: seed of the order and of the augmentation.
        augmentation: applied to every batch; target masks and images are flipped and
            turned like the pixels.
        encode: converts the targets of a batch for the loss; None: they are not
            changed, see `autoai4eo.data.target.Target`.
        multiple: every batch has a multiple of so many samples; what is left over at
            the end of an epoch is left out.
        workers: number of Keras threads that request batches.
        use_multiprocessing: whether Keras uses processes instead of threads. Each opens
            the file once, and requested batch numbers are then obeyed: pass
            ``shuffle=False`` to ``fit``.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        augmentation: Augmentation | None = None,
        encode: Callable[[np.ndarray], np.ndarray] | None = None,
        multiple: int = 1,
        workers: int = 1,
        use_multiprocessing: bool = False,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=use_multiprocessing)
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self.augmentation = augmentation
        self.encode = encode
        self.samples = len(dataset) // multiple * multiple
        self.epoch = 0
        per_sample = max(1, dataset.sample_bytes())
        self._buffered = not dataset.order_is_free
        self._buffer_samples = max(1, BUFFER_BYTES // per_sample)
        self._blocks = dataset.blocks(max(1, BLOCK_BYTES // per_sample))
        self._factors: np.ndarray | None = None
        if shuffle and dataset.target.kind == "mask":
            self._factors = repeat_factors(dataset.class_pixels)
        self._lock = threading.RLock()
        self._plan()

    def __len__(self) -> int:
        return -(-self.samples // self.batch_size)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_buffers": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def close(self) -> None:
        """Lets go of the data: TensorFlow keeps for ever what it read batches from."""
        del self.dataset
        self._buffers.clear()

    def on_epoch_end(self) -> None:
        """Changes to the order of the next epoch."""
        self.go_to(self.epoch + 1)

    def go_to(self, epoch: int) -> None:
        """Changes to the order of this epoch, counted from 0."""
        with self._lock:
            self.epoch = epoch
            self._plan()

    def _plan(self) -> None:
        """Sets the order of this epoch and the edges of its buffers."""
        self._buffers: dict[int, tuple[dict[str, np.ndarray], np.ndarray]] = {}
        self._turns: dict[int, int] = {}
        if not self.shuffle and not self._buffered:
            self._order = np.arange(len(self.dataset))
            return
        rng = np.random.default_rng((self.seed, self.epoch))
        times = np.ones(len(self.dataset), np.int64)
        if self._factors is not None:
            times = drawn_times(self._factors, rng)
        if not self._buffered:
            self._order = rng.permutation(np.repeat(np.arange(len(times)), times))
            return
        if self.shuffle:
            blocks = [self._blocks[i] for i in rng.permutation(len(self._blocks))]
            blocks = [np.repeat(block, times[block]) for block in blocks]
            self._order = np.concatenate(blocks)
            ends = np.cumsum([len(block) for block in blocks])
        else:
            self._order = np.arange(len(self.dataset))
            ends = np.arange(0, len(self._order), self._buffer_samples)[1:]
        # The block that exceeds the buffer's size is its last one.
        full = np.flatnonzero(np.diff(ends // self._buffer_samples, prepend=0))
        edges = [0, *(int(e) for e in ends[full]), len(self._order)]
        self._edges = np.unique(edges)
        if self.shuffle:
            for start, stop in zip(self._edges[:-1], self._edges[1:], strict=True):
                rng.shuffle(self._order[start:stop])

    def __getitem__(self, index: int) -> Batch:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        with self._lock:
            turn = index
            if self.shuffle and not self.use_multiprocessing:
                turn = self._turns.setdefault(index, len(self._turns))
            epoch = self.epoch
            first = turn * self.batch_size
            last = min(first + self.batch_size, self.samples)
            which = self._order[first:last]
            if self._buffered:
                pixels = self._from_buffers(first, last)
        if not self._buffered:
            pixels = self.dataset.read(which)
        targets = self.dataset.read_targets(which)
        if self.augmentation is not None:
            rng = np.random.default_rng((self.seed, epoch, turn))
            if self.dataset.target.kind in TURNED:
                pixels, turned = self.augmentation.with_targets(pixels, targets, rng)
                targets = np.asarray(turned)
            else:
                pixels = self.augmentation(pixels, rng)
        return pixels, targets if self.encode is None else self.encode(targets)

    def _from_buffers(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Samples ``first`` to ``last`` of this epoch's order, copied out."""
        pixels = {
            spec.name: np.empty((last - first, *spec.shape), np.float32)
            for spec in self.dataset.inputs
        }
        at = first
        while at < last:
            number = int(np.searchsorted(self._edges, at, side="right")) - 1
            start, stop = int(self._edges[number]), int(self._edges[number + 1])
            until = min(last, stop)
            buffer, place = self._buffer(number, start, stop)
            wanted = place[at - start : until - start]
            for name, out in pixels.items():
                # Without a mode NumPy would copy `out` to be able to undo.
                part = out[at - first : until - first]
                np.take(buffer[name], wanted, axis=0, out=part, mode="clip")
            at = until
        return pixels

    def _buffer(
        self, number: int, start: int, stop: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Pixels of a buffer in file order, and where in them each sample is."""
        if number not in self._buffers:
            while len(self._buffers) >= BUFFERS_KEPT:
                del self._buffers[next(iter(self._buffers))]
            which = self._order[start:stop]
            ordered = self.dataset.in_file_order(which)
            place = np.empty(len(self.dataset), np.int64)
            place[ordered] = np.arange(len(ordered))
            self._buffers[number] = (self.dataset.read(ordered), place[which])
        return self._buffers[number]
