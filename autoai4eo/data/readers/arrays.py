"""Reads NumPy arrays, in memory or in a ``.npz`` file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from autoai4eo.data.input_names import input_names
from autoai4eo.data.masks.classes import MaskOptions
from autoai4eo.data.masks.found import FoundMasks
from autoai4eo.data.masks.values import as_whole
from autoai4eo.data.readers.base import (
    DEFAULTS,
    InputSpec,
    ReadOptions,
)
from autoai4eo.data.readers.mask_targets import TargetsOrMasks, check_shape, is_mask
from autoai4eo.data.readers.targets import NOTHING, VALUES, Told, read_targets
from autoai4eo.data.sensors import RGB, UNKNOWN_SENSOR, unknown_bands
from autoai4eo.errors import UserError
from autoai4eo.files import read_npz

_TARGETS = ("label", "mask")  # arrays of a file that are no input


class ArraysReader(TargetsOrMasks):
    """See `Reader`. Arrays (N, H, W, bands) by input name, maybe labels or values.

    Three bands of 8 bits are red, green and blue; other bands are unknown until named.
    An array (N, H, W) has one band.

    Args:
        arrays: by input name.
        labels: classes, see `read_labels`; for the kind ``value``: numbers; masks
            (N, H, W).
        options: see `ReadOptions`.
        path: for messages.
        names: of the classes in the order of the labels' numbers, if the source names
            them.
        values: numbers (N,) or (N, values), with their names.

    Raises:
        UserError: shapes or counts do not fit, or a class is unknown.
    """

    chunk_rows = 1
    whole = False
    notes: tuple[str, ...]

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        labels: np.ndarray | None,
        options: ReadOptions = DEFAULTS,
        path: str = "arrays",
        names: Sequence[str] | None = None,
        values: Told = NOTHING,
    ) -> None:
        self.path = path
        self.names: Sequence[str] | None = None
        self.groups: Mapping[str, np.ndarray] = {}
        if not arrays:
            raise UserError(f"{path}: expected an array for each input, found none")
        called, notes = input_names(list(arrays), path)
        self._arrays = {called[n]: _pixels(a) for n, a in arrays.items()}
        self.inputs = tuple(self._spec(n, a) for n, a in self._arrays.items())
        self.pixel_bytes = max(a.itemsize for a in self._arrays.values())
        total = len(next(iter(self._arrays.values())))
        self._stored: np.ndarray | None = None
        if options.kind == "none":
            labels, values = None, NOTHING
        if labels is not None and is_mask(np.asarray(labels)):
            self._stored = labels if labels.ndim == 3 else labels[..., 0]
            more = self._find_masks(options, names)
        else:
            self.target, self.targets, more = read_targets(
                Told(labels, names),
                values,
                total,
                options.kind,
                options.class_names,
                path,
            )
            if self.target.kind == "class":
                named = np.asarray(labels).dtype.kind in "SUO"
                self.target = replace(self.target, named=named)
        notes += more
        notes += _channels_first(self.inputs)
        self.notes = tuple(notes)
        for name, array in self._arrays.items():
            if len(array) != total:
                first = next(iter(self._arrays))
                raise UserError(
                    f"{path}: expected as many images in each input, found {total} in "
                    f"{first} and {len(array)} in {name}; give those of the same "
                    "samples"
                )
            if len(array) != len(self.targets):
                what = "values" if self.target.kind == "value" else "labels"
                raise UserError(
                    f"{path}: expected as many {what} as images, found "
                    f"{len(self.targets)} {what} and {len(array)} images in {name}; "
                    "give both of the same samples"
                )

    def _spec(self, name: str, array: np.ndarray) -> InputSpec:
        if array.ndim != 4 or array.dtype.kind not in "biuf":
            raise UserError(
                f"{self.path}: expected {name} as numbers of shape (N, height, width, "
                f"bands) or (N, height, width), found {array.dtype} of shape "
                f"{array.shape}"
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
        pixels = {name: np.asarray(self._arrays[name][rows]) for name in names}
        return self.on_mask_grid(pixels)

    def _find_masks(
        self, options: ReadOptions, names: Sequence[str] | None
    ) -> list[str]:
        """Makes the stored masks the target; returns notes."""
        masks = self._stored
        assert masks is not None
        if options.kind not in (None, "mask"):
            raise UserError(
                f"{self.path}: expected labels of shape (N,) or (N, classes) for the "
                f"kind {options.kind}, found masks of shape {masks.shape}; give one "
                "label per sample, or the kind mask"
            )
        shape = (int(masks.shape[1]), int(masks.shape[2]))
        counts = [len(array) for array in self._arrays.values()]
        notes = check_shape(len(masks), shape, counts, self.inputs, "masks", self.path)
        told = MaskOptions(
            # the user's names are not those of the source
            None if names in (None, options.class_names) else dict(enumerate(names)),
            options.class_names,
            options.class_values,
            options.ignored,
        )
        wanted = options.inputs or tuple(self._arrays)
        may_miss = [
            name
            for name, array in self._arrays.items()
            if name in wanted and array.dtype.kind == "f"
        ]
        each = self.look_at_masks(shape, len(masks), may_miss)
        found, more = FoundMasks.of(each, shape, told, self.path)
        self.use_masks(found)
        return [*notes, *more]

    def stored_masks(self, rows: np.ndarray) -> np.ndarray:
        """See `TargetsOrMasks.stored_masks`."""
        assert self._stored is not None
        return as_whole(self._stored[rows], self.path)

    def coordinates(self) -> np.ndarray | None:
        """Returns None: arrays have no coordinates."""
        return None


def _channels_first(inputs: Sequence[InputSpec]) -> list[str]:
    """Returns a note about each input that looks like (N, bands, height, width)."""
    return [
        f"{spec.name} has {spec.height}×{spec.width} pixels with {len(spec.bands)} "
        "bands, which looks like (N, bands, height, width): pixels come before bands "
        "here; transpose it, x.transpose(0, 2, 3, 1)"
        for spec in inputs
        if spec.height < spec.width == len(spec.bands)
    ]


def _pixels(array: np.ndarray) -> np.ndarray:
    """Returns pixels (N, H, W, bands), not in float64."""
    if np.ma.isMaskedArray(array):
        array = np.ma.filled(array.astype(np.float32), np.nan)
    array = np.asanyarray(array)  # one in a file stays there
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return array[..., None] if array.ndim == 3 else array


def accepts(path: Path) -> bool:
    """Returns whether a path is a file with the ending ``.npz``."""
    return path.is_file() and path.suffix.lower() == ".npz"


def open_npz(path: Path, options: ReadOptions = DEFAULTS) -> ArraysReader:
    """Opens a ``.npz`` file: arrays of four dimensions, and ``label`` or ``value``.

    Args:
        path: of the file.
        options: see `ReadOptions`.

    Raises:
        UserError: it cannot be read, or has no images.
    """
    arrays = read_npz(path, "write it anew with numpy.savez")
    images = {n: a for n, a in arrays.items() if a.ndim == 4 and n not in _TARGETS}
    if not images:
        raise UserError(
            f"{path}: expected arrays of shape (N, height, width, bands), and label, "
            f"found {', '.join(arrays) or 'none'}"
        )
    numbers = next((name for name in VALUES if name in arrays), "")
    label = "label"
    if "mask" in arrays and (label not in arrays or options.kind == "mask"):
        label = "mask"
    reader = ArraysReader(
        images,
        arrays.get(label),
        options,
        str(path),
        _names(path, arrays, "class_names"),
        Told(arrays.get(numbers), _names(path, arrays, "value_names")),
    )
    used = {label, "class_names", numbers, "value_names"}
    unused = sorted(arrays.keys() - images.keys() - used)
    if unused:
        reader.notes += (
            f"not used: {', '.join(unused)}; pixels are arrays of four dimensions, "
            "labels are named label, masks mask",
        )
    return reader


def _names(
    path: Path, arrays: Mapping[str, np.ndarray], called: str
) -> list[str] | None:
    if called not in arrays:
        return None
    names = np.asarray(arrays[called])
    if names.ndim != 1 or names.dtype.kind not in "SU":
        raise UserError(
            f"{path}: expected {called} as a list of text, found {names.dtype} "
            f"of shape {names.shape}; correct it"
        )
    return [v.decode() if isinstance(v, bytes) else str(v) for v in names.tolist()]
