"""Reads a stream of batches, `tf.data.Dataset` or `keras.utils.PyDataset`, once.

A stream has no order of its own that could be read again: it may shuffle, and has no
number for a sample. So its pixels are written to temporary files as they pass, one
batch in memory at a time, and are arrays from then on. The files go with the arrays;
those of a killed process go when the next one needs such files, see `scratch_folder`.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.files import scratch_folder, written

_AT_ONCE = 256  # samples of a stream without batches
_PIXEL_AXES = 3  # from this number of axes on, an array is written to a file
_TARGET = None  # the name of a column, which no input has


class StoredArray(np.memmap):
    """An array in a file; another process opens the file instead of getting a copy."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        path = str(self.filename)
        whole = self.flags.c_contiguous and self.nbytes == os.path.getsize(path)
        if not whole:
            return np.asarray(self).__reduce_ex__(protocol)
        return _opened, (path, self.dtype.str, self.shape)


def _opened(path: str, dtype: str, shape: tuple[int, ...]) -> StoredArray:
    return StoredArray(path, np.dtype(dtype), mode="r", shape=shape)


def in_arrays(x: Any, y: Any = None) -> tuple[Any, Any]:
    """Returns the arrays and targets of a stream; anything else unchanged.

    Args:
        x: a stream of pixels (n, H, W, bands) or (n, H, W), or of pairs of pixels and
            targets. Pixels of several inputs are a tuple, or a dict by name. A
            `tf.data.Dataset` may also have single samples with bands, without batches.
        y: targets, if `x` is no stream.

    Returns:
        Pixels as arrays in files, nested as in the stream, and targets, or None.

    Raises:
        UserError: the stream has no end, no samples, sample weights, several targets or
            samples of several shapes; or there is no room for the files.
    """
    if not _is_stream(x):
        return x, y
    if y is not None:
        raise UserError(
            f"y: expected no targets beside a {type(x).__name__}, which has its own, "
            "found some; leave y out"
        )
    columns: dict[Any, _Column] = {}
    for element in _batches(x):
        for name, values in _named(element).items():
            columns.setdefault(name, _Column(name)).add(values)
    if not columns:
        raise UserError(f"x: expected a {type(x).__name__} with samples, found none")
    arrays = {name: column.array() for name, column in columns.items()}
    targets = arrays.pop(_TARGET, None)
    if all(isinstance(name, str) for name in arrays):
        return arrays, targets
    several = list(arrays.values())
    return several[0] if len(several) == 1 else several, targets


class _Column:
    """The values of an input or of the targets, in a file or in memory."""

    def __init__(self, name: Any) -> None:
        self._name = "y" if name is _TARGET else f"x[{name!r}]"
        self._parts: list[np.ndarray] = []
        self._path: Path | None = None
        self._samples = 0
        self._first = np.empty(0)

    def add(self, given: Any) -> None:
        values = np.asarray(given)
        if values.dtype == np.float64:
            values = values.astype(np.float32)
        if not self._samples:
            self._first = values[:1]
        if values.shape[1:] != self._first.shape[1:]:
            raise UserError(
                f"{self._name}: expected samples of one shape, found "
                f"{self._first.shape[1:]} and {values.shape[1:]}; resize the images"
            )
        self._samples += len(values)
        if values.ndim < _PIXEL_AXES:
            self._parts.append(values)
            return
        if self._path is None:
            held = ExitStack()
            self._path = held.enter_context(scratch_folder()) / "pixels.raw"
            # until the array is there; it then takes care of the file
            self._remove = weakref.finalize(self, held.close)
        with written(self._path), self._path.open("ab") as file:
            file.write(values.astype(self._first.dtype).tobytes())

    def array(self) -> np.ndarray:
        if self._path is None:
            return np.concatenate(self._parts)
        shape = (self._samples, *self._first.shape[1:])
        array = _opened(str(self._path), self._first.dtype.str, shape)
        alive = self._remove.detach()
        assert alive is not None, "called once"
        weakref.finalize(array, alive[1])
        return array


def _of_module(x: Any, module: str, *names: str) -> bool:
    """Whether an object is of a class, without importing the module of the class."""
    found: Any = sys.modules.get(module)
    for name in names:
        found = getattr(found, name, None)
    return isinstance(found, type) and isinstance(x, found)


def _is_stream(x: Any) -> bool:
    return _is_tf(x) or _of_module(x, "keras", "utils", "PyDataset")


def _is_tf(x: Any) -> bool:
    return _of_module(x, "tensorflow", "data", "Dataset")


def _batches(x: Any) -> Iterator[Any]:
    """Returns the batches of a stream, as NumPy arrays, each once.

    Raises:
        UserError: it has no end, or `tf.data` does not know the shape of its images.
    """
    if not _is_tf(x):
        number = x.num_batches
        if number is None:
            raise _endless(x, "give it a length (__len__)")
        return (x[i] for i in range(number))
    if int(x.cardinality()) == -1:
        raise _endless(x, "leave repeat() out")
    for name, spec in _named(x.element_spec).items():
        if spec.shape.rank is None:
            raise UserError(
                "x: expected a tf.data.Dataset that knows the shapes of its samples, "
                f"found {spec}; give output_signature to from_generator"
            )
        if name is not _TARGET and not _has_batches(spec.shape):
            x = x.batch(_AT_ONCE)
            break
    return iter(x.as_numpy_iterator())


def _has_batches(shape: Any) -> bool:
    """Whether images of this shape are batches; of three axes, if n is not known."""
    return bool(shape.rank == 4 or (shape.rank == 3 and shape[0] is None))


def _endless(x: Any, advice: str) -> UserError:
    return UserError(
        f"x: expected a {type(x).__name__} that ends, found one without an end; "
        f"{advice}"
    )


def _named(element: Any) -> dict[Any, Any]:
    """Returns what an element of a stream has, by input and `_TARGET`.

    Inputs without names have their numbers.

    Raises:
        UserError: there are sample weights or several targets.
    """
    pair = element if isinstance(element, tuple | list) else (element,)
    if len(pair) > 2:
        raise UserError(
            f"x: expected a stream of pixels and targets, found {len(pair)} parts; "
            "leave sample weights out, class_weight= weighs classes"
        )
    inputs, *targets = (_parts(part) for part in pair)
    if not targets:
        return inputs
    if len(targets[0]) != 1:
        raise UserError(
            f"x: expected a stream with one target, found {len(targets[0])}; give one"
        )
    return {**inputs, _TARGET: next(iter(targets[0].values()))}


def _parts(part: Any) -> dict[Any, Any]:
    if isinstance(part, Mapping):
        named = dict(part)
    else:
        named = dict(enumerate(part if isinstance(part, tuple | list) else [part]))
    return {
        name: value if hasattr(value, "shape") else np.asarray(value)
        for name, value in named.items()
    }
