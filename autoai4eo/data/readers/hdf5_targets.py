"""Reads labels and values of an HDF5 file, and the names of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.readers import hdf5
from autoai4eo.data.readers.base import ReadOptions
from autoai4eo.data.readers.hdf5_links import Folders, check_sources
from autoai4eo.data.readers.targets import NOTHING, VALUES, Told, read_targets
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.files import check_size


def targets_in(
    file: h5py.File,
    found: Mapping[str, Any],
    samples: int,
    options: ReadOptions,
    folders: Folders,
) -> tuple[Target, np.ndarray, list[str]]:
    """Reads the target from the data sets ``label``, ``value`` or ``values``.

    Args:
        file: open.
        found: its items, by name.
        samples: their number.
        options: see `ReadOptions`.
        folders: see `hdf5_links.own_folders`.

    Raises:
        UserError: see `read_targets`.
    """
    path = file.filename
    labels, values = NOTHING, NOTHING
    if options.kind == "none":
        return read_targets(labels, values, samples, "none", None, path)
    names = names_told(file, found, "class_names", "label", "class_names", folders)
    if "label" in found and options.kind != "value":
        content = _numbers(path, found, "label", folders)
        if names is None and options.class_names is None and _is_lcz42(content):
            names = list(LCZ42_CLASSES)
        labels = Told(content, names)
    elif names is not None:
        labels = Told(None, names)
    for called in VALUES:
        if called in found and values.values is None:
            its_names = names_told(file, found, "value_names", called, "names", folders)
            values = Told(_numbers(path, found, called, folders), its_names)
    return read_targets(
        labels, values, samples, options.kind, options.class_names, path
    )


def _numbers(
    path: str, found: Mapping[str, Any], name: str, folders: Folders
) -> np.ndarray:
    """Reads labels or values; missing labels become -1, missing values NaN."""
    data = found[name]
    if not isinstance(data, h5py.Dataset) or data.shape is None:
        raise UserError(
            f"{path}: expected {name} as a data set of numbers or names, found "
            f"{'a group' if isinstance(data, h5py.Group) else 'an empty one'}"
        )
    values = content_of(path, data, folders)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if (values.ndim == 1 or name in VALUES) and values.dtype.kind in "iuf":
        instead = -1 if name == "label" else np.nan
        for missing in hdf5.declared_nodata(data)[:, 0]:
            values = np.where(values == missing, instead, values.astype(np.float64))
    return values


def _is_lcz42(labels: np.ndarray) -> bool:
    """Returns whether there are 17 classes, at most one per sample."""
    if labels.ndim == 2 and labels.dtype.kind in "biuf":
        one_each = ((labels > 0).sum(axis=1) <= 1).all()
        return labels.shape[1] == len(LCZ42_CLASSES) and bool(one_each)
    numbers = labels.ndim == 1 and labels.dtype.kind in "biu"
    return numbers and bool(labels.max(initial=0) == len(LCZ42_CLASSES) - 1)


def names_told(
    file: h5py.File,
    found: Mapping[str, Any],
    name: str,
    data: str,
    short: str,
    folders: Folders,
) -> list[str] | None:
    """Reads names from an attribute or data set of a file, or an attribute of the data.

    Args:
        file: open.
        found: its items, by name.
        name: of the file's attribute or data set, such as ``sen2_bands``.
        data: name of the data set that the names belong to.
        short: name of that data set's attribute, such as ``bands``.
        folders: see `hdf5_links.own_folders`.

    Raises:
        UserError: they are not text.
    """
    places: Sequence[Any] = [file.attrs.get(name)]
    if isinstance(found.get(name), h5py.Dataset):
        places = [*places, content_of(file.filename, found[name], folders)]
    if isinstance(found.get(data), h5py.Dataset):
        attributes = found[data].attrs
        places = [*places, attributes.get(name), attributes.get(short)]
    for place in places:
        if place is None:
            continue
        names = strings(place)
        if names is None or not all(names):
            raise UserError(
                f"{file.filename}: expected {name} as names with commas between them "
                "or a list of text, found something else; correct it"
            )
        return names
    return None


def content_of(path: str, data: h5py.Dataset, folders: Folders) -> np.ndarray:
    """Reads all of a data set that is not of pixels.

    Raises:
        UserError: it is too large, or its file is damaged.
    """
    check_sources(data, folders)
    size = (data.size or 0) * data.dtype.itemsize
    check_size(path, size, f"a data set {str(data.name).lstrip('/')}")
    with hdf5.reading(data):
        return np.asarray(data[()])


def strings(values: Any) -> list[str] | None:
    """Returns the texts of an attribute or data set (list or comma-separated line)."""
    if values is None:
        return None
    if isinstance(values, bytes | str):
        text = _text(values).strip()
        if text[:1] + text[-1:] == "[]":  # a list as Python or JSON writes it
            text = text[1:-1].replace("'", "").replace('"', "")
        return [" ".join(part.split()) for part in text.split(",")]
    if isinstance(values, h5py.Empty):
        return None
    array = np.asarray(values)
    if array.dtype.kind not in "SOU" or array.ndim > 1:
        return None
    return [" ".join(_text(v).split()) for v in np.atleast_1d(array)]


def _text(value: Any) -> str:
    """Decodes UTF-8; otherwise Latin-1, which any bytes are."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
