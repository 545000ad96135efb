"""NumPy arrays in memory, and the same in a ``.npz`` file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from autoai4eo.data.input_names import input_names
from autoai4eo.data.readers.base import InputSpec
from autoai4eo.data.readers.labels import MOST_CLASSES, by_name, read_labels
from autoai4eo.data.sensors import RGB, UNKNOWN_SENSOR, unknown_bands
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.files import read_npz


class ArraysReader:
    """See `Reader`. Arrays (N, H, W, bands) by input name, and their targets.

    Three bands of 8 bits are red, green and blue; other bands are unknown until named.

    Args:
        arrays: by input name.
        labels: see `read_labels`, or which classes each sample has, (N, classes) of
            zeros and ones with several ones in a row; None where there are none.
        class_names: of the classes that are looked for, where they are known.
        path: for messages.
        names: of the classes in the order of the labels' numbers, where the source
            tells them.
        values: numbers to predict, (N,) or (N, values), NaN where one is not known;
            their names are ``class_names`` or ``names``.

    Raises:
        UserError: shapes or counts that do not fit, classes that are not known.
    """

    chunk_rows = 1
    whole = False
    notes: tuple[str, ...]

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        labels: np.ndarray | None,
        class_names: Sequence[str] | None = None,
        path: str = "arrays",
        names: Sequence[str] | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        self.path = path
        self.names: Sequence[str] | None = None
        self.groups: Mapping[str, np.ndarray] = {}
        if not arrays:
            raise UserError(f"{path}: expected an array for each input, found none")
        called, notes = input_names(list(arrays), path)
        self._arrays = {called[n]: _float32(a) for n, a in arrays.items()}
        self.inputs = tuple(self._spec(n, a) for n, a in self._arrays.items())
        self.pixel_bytes = max(a.itemsize for a in self._arrays.values())
        if labels is not None and values is not None:
            raise UserError(
                f"{path}: expected labels or values, found both; choose one of them"
            )
        if values is not None:
            self.target, self._targets = self._values(values, class_names or names)
        elif labels is not None and _several_ones(labels):
            self.target, self._targets = self._multi_hot(labels, class_names, names)
        else:
            self.target, self._targets, told = self._classes(labels, class_names, names)
            notes += told
        self.class_names = self.target.classes
        one_class = self.target.kind == "class"
        self.labels = self._targets if one_class else np.full(len(self._targets), -1)
        self.notes = tuple(notes)
        what = "values" if values is not None else "labels"
        for name, array in self._arrays.items():
            if len(array) != len(self._targets):
                raise UserError(
                    f"{path}: expected as many {what} as images, found "
                    f"{len(self._targets)} {what} and {len(array)} images in {name}"
                )

    def _classes(
        self,
        labels: np.ndarray | None,
        wanted: Sequence[str] | None,
        names: Sequence[str] | None,
    ) -> tuple[Target, np.ndarray, list[str]]:
        notes: list[str] = []
        if labels is None:
            count = len(next(iter(self._arrays.values())))
            found, classes = np.full(count, -1), tuple(wanted or names or ())
        else:
            found, classes, notes = read_labels(labels, names, wanted, self.path)
        return Target("class", classes, ignored=-1), found, notes

    def _multi_hot(
        self,
        labels: np.ndarray,
        wanted: Sequence[str] | None,
        names: Sequence[str] | None,
    ) -> tuple[Target, np.ndarray]:
        found = (np.asarray(labels) > 0).astype(np.uint8)
        classes = self._named("class", found.shape[1], names or wanted)
        if names is None or wanted is None:
            return Target("labels", classes, found.shape[1:]), found
        used = np.flatnonzero(found.any(axis=0))
        ordered = np.zeros((len(found), len(wanted)), np.uint8)
        ordered[:, by_name(used, names, wanted, self.path)] = found[:, used]
        return Target("labels", tuple(wanted), ordered.shape[1:]), ordered

    def _values(
        self, values: np.ndarray, names: Sequence[str] | None
    ) -> tuple[Target, np.ndarray]:
        values = np.asanyarray(values)  # with its mask
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2 or values.dtype.kind not in "biuf":
            raise UserError(
                f"{self.path}: expected values as numbers of shape (N,) or (N, "
                f"values), found {values.dtype} of shape {values.shape}"
            )
        called = self._named("value", values.shape[1], names)
        known = np.ma.filled(np.ma.asarray(values).astype(np.float32), np.nan)
        return Target("value", called, values.shape[1:]), known

    def _named(
        self, what: str, count: int, names: Sequence[str] | None
    ) -> tuple[str, ...]:
        if not names:
            return tuple(f"{what} {i}" for i in range(count))
        if len(names) != count:
            raise UserError(
                f"{self.path}: expected {len(names)} columns of targets "
                f"({', '.join(names)}), found {count}; give class_names=[…], one for "
                "each column"
            )
        return tuple(names)

    def _spec(self, name: str, array: np.ndarray) -> InputSpec:
        if array.ndim != 4 or array.dtype.kind not in "biuf":
            raise UserError(
                f"{self.path}: expected {name} as numbers of shape (N, height, width, "
                f"bands), found {array.dtype} of shape {array.shape}"
            )
        height, width, count = array.shape[1:]
        if 0 in array.shape:
            raise UserError(
                f"{self.path}: expected {name} with samples, pixels and bands, found "
                f"the shape {array.shape}"
            )
        if array.dtype == np.uint8 and count == 3:
            sensor, bands = RGB.name, RGB.bands
        else:
            sensor, bands = UNKNOWN_SENSOR, unknown_bands(count)
        return InputSpec(name, sensor, bands, height, width, named=False)

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`."""
        return {name: self._arrays[name][rows] for name in names}

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """See `Reader.read_targets`."""
        return self._targets[rows]

    def coordinates(self) -> np.ndarray | None:
        """Arrays do not say where they were taken."""
        return None


def _several_ones(labels: np.ndarray) -> bool:
    """Whether a sample has several labels."""
    if np.ma.isMaskedArray(labels):
        return False
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "biuf":
        return False
    return labels.shape[1] <= MOST_CLASSES and bool(
        ((labels > 0).sum(axis=1) > 1).any()
    )


def _float32(array: np.ndarray) -> np.ndarray:
    if np.ma.isMaskedArray(array):
        return np.ma.filled(array.astype(np.float32), np.nan)
    array = np.asarray(array)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def accepts(path: Path) -> bool:
    """Whether the file is called ``.npz``."""
    return path.is_file() and path.suffix.lower() == ".npz"


def open_npz(
    path: Path,
    class_names: Sequence[str] | None = None,
    allow_remote: bool = False,
) -> ArraysReader:
    """Open a ``.npz`` file: arrays of four dimensions, and ``label`` or ``value``.

    Args:
        path: of the file.
        class_names: see `ArraysReader`.
        allow_remote: makes no difference, such a file names no others.

    Raises:
        UserError: it cannot be read, or holds neither.
    """
    arrays = read_npz(path, "write it anew with numpy.savez")
    images = {name: a for name, a in arrays.items() if a.ndim == 4}
    if not images:
        raise UserError(
            f"{path}: expected arrays of shape (N, height, width, bands), and label, "
            f"found {', '.join(arrays) or 'none'}"
        )
    names = None
    if "class_names" in arrays:
        told = np.asarray(arrays["class_names"])
        if told.ndim != 1 or told.dtype.kind not in "SU":
            raise UserError(
                f"{path}: expected class_names as a list of text, found {told.dtype} "
                f"of shape {told.shape}; correct it"
            )
        names = [v.decode() if isinstance(v, bytes) else str(v) for v in told.tolist()]
    reader = ArraysReader(
        images,
        arrays.get("label"),
        class_names,
        str(path),
        names,
        arrays.get("value"),
    )
    unused = sorted(arrays.keys() - images.keys() - {"label", "value", "class_names"})
    if unused:
        reader.notes += (
            f"not used: {', '.join(unused)}; pixels are arrays of four dimensions, "
            "labels are called label, numbers to predict value",
        )
    return reader
