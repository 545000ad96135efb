"""Reads masks of an HDF5 file: a data set (N, H, W) of a class for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from autoai4eo.data.masks.classes import MaskOptions
from autoai4eo.data.masks.found import FoundMasks
from autoai4eo.data.masks.values import MISSING, as_whole
from autoai4eo.data.readers import hdf5
from autoai4eo.data.readers.base import InputSpec, ReadOptions
from autoai4eo.data.readers.hdf5_links import Folders, check_sources
from autoai4eo.data.readers.hdf5_pixels import chunk_rows, runs
from autoai4eo.data.readers.hdf5_targets import names_told
from autoai4eo.data.readers.mask_targets import check_shape, is_mask
from autoai4eo.errors import UserError

#: Names of a data set of masks; ``label`` is one only with height and width.
MASKS = ("mask", "label")
_IGNORED = "ignored"  # the attribute of a data set that `autoai4eo patches` writes


def mask_name(found: Mapping[str, Any], kind: str | None, path: str) -> str | None:
    """Returns the name of the data set of masks that is the target, if one is.

    Args:
        found: the file's items, by name.
        kind: of target that is wanted; None: any.
        path: of the file, for messages.

    Raises:
        UserError: masks are wanted, and there are none.
    """
    if kind not in (None, "mask"):
        return None
    there = [name for name in MASKS if is_mask(found.get(name))]
    # with one label per sample masks are a choice of the user's
    if there and (kind == "mask" or "label" not in found or "label" in there):
        return there[0]
    if kind == "mask":
        shapes = ", ".join(
            f"{n} {getattr(d, 'shape', 'a group')}" for n, d in found.items()
        )
        raise UserError(
            f"{path}: expected a data set mask of shape (N, height, width) for the "
            f"kind mask, found {shapes}; write it into the file"
        )
    return None


def masks_in(
    file: h5py.File,
    found: Mapping[str, Any],
    name: str,
    inputs: Sequence[InputSpec],
    options: ReadOptions,
    folders: Folders,
    each: Iterable[np.ndarray],
) -> tuple[FoundMasks, list[str]]:
    """Looks at each mask of a file once; returns them and notes.

    Args:
        file: open.
        found: its items, by name.
        name: of the data set of masks.
        inputs: of the file.
        options: see `ReadOptions`.
        folders: see `hdf5_links.own_folders`.
        each: mask, see `TargetsOrMasks.look_at_masks`.

    Raises:
        UserError: see `check_shape` and `FoundMasks.of`.
    """
    data = found[name]
    check_sources(data, folders)
    samples, shape = [len(found[spec.name]) for spec in inputs], data.shape[1:3]
    notes = check_shape(len(data), shape, samples, inputs, name, file.filename)
    names = names_told(file, found, "class_names", name, "names", folders)
    told = MaskOptions(
        None if names is None else dict(enumerate(names)),
        options.class_names,
        options.class_values,
        options.ignored | _declared(data),
    )
    masks, more = FoundMasks.of(each, shape, told, f"{file.filename}: {name}")
    return masks, [*notes, *more]


def read_masks(data: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Reads masks as they are stored, whole numbers (n, H, W).

    Args:
        data: of masks, (N, H, W) or (N, H, W, 1).
        rows: strictly increasing.
    """
    parts = []
    row_bytes = data.dtype.itemsize * int(np.prod(data.shape[1:]))
    with hdf5.reading(data, f"masks {rows[0]} to {rows[-1]} of "):
        for start, stop in runs(rows, chunk_rows(data), row_bytes):
            low, high = int(rows[start]), int(rows[stop - 1]) + 1
            parts.append(data[low:high][rows[start:stop] - low])
    masks = np.concatenate(parts)
    masks = masks[..., 0] if masks.ndim == 4 else masks
    if data.dtype.kind == "f":  # a declared value need not be whole
        for value in hdf5.declared_nodata(data).ravel():
            masks = np.where(masks == value, np.nan, masks)
    return as_whole(masks, f"{data.file.filename}: {str(data.name).lstrip('/')}")


def _declared(data: h5py.Dataset) -> frozenset[int]:
    """The values that attributes of whole numbers declare as ignored or missing."""
    values = [*hdf5.declared_nodata(data).ravel().tolist()]
    if _IGNORED in data.attrs:
        values += np.ravel(data.attrs[_IGNORED]).astype(float).tolist()
    return frozenset(int(v) for v in values if v == int(v) and v != MISSING)
