"""Opens HDF5 files, follows their links, and explains why one cannot be read.

HDF5 reads the fill value, without an error, in place of a missing source of a virtual
data set, the rest of a short external file, or a chunk that was never written.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from autoai4eo.data.readers.hdf5_links import Folders, check_links
from autoai4eo.errors import UserError

#: Attributes that declare the value of missing pixels: netCDF and CF, GDAL.
NODATA = ("_FillValue", "missing_value", "nodata", "NoData", "nodata_value")
#: Attributes that say how numbers become measurements (CF); they are not applied.
UNAPPLIED = ("scale_factor", "add_offset", "valid_range", "valid_min", "valid_max")
_IDENTITY = {"scale_factor": 1, "add_offset": 0}
_LOCKED = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


def open_hdf5(path: str) -> h5py.File:
    """Opens a file for reading, with the filters of hdf5plugin where it is installed.

    Raises:
        UserError: it is not HDF5, cut off, or open for writing elsewhere.
    """
    if importlib.util.find_spec("hdf5plugin") is not None:
        importlib.import_module("hdf5plugin")  # registers its filters
    try:
        return h5py.File(path, "r")
    except OSError as cause:
        raise UserError(f"{path}: {_why_not_opened(path, cause)}") from cause


def _why_not_opened(path: str, cause: OSError) -> str:
    if not os.path.exists(path):
        return "expected the file, found that it is gone; put it back"
    text = str(cause)
    if "unable to lock file" in text and cause.errno in _LOCKED:
        return (
            "expected a file that nobody writes, found one that another program has "
            "open for writing (HDF5's file lock); close it there and try again; where "
            "no program has it open, set HDF5_USE_FILE_LOCKING=FALSE"
        )
    if "unable to lock file" in text:
        return (
            f"expected a file system with file locks, found none "
            f"({_first_line(cause)}); set HDF5_USE_FILE_LOCKING=FALSE"
        )
    if "already open for" in text:
        return (
            "expected a file that its writer closed, found one marked as open for "
            "writing; close it there, or, where its writer is gone, clear the mark: "
            f"`h5clear -s {path}`"
        )
    if not h5py.is_hdf5(path):
        return (
            f"expected an HDF5 file, found {os.path.getsize(path):,} bytes of "
            "something else; check the path, or copy the file again"
        )
    return (
        "expected a whole HDF5 file, found one that is cut off or damaged "
        f"({_first_line(cause)}); copy it again"
    )


def item(file: h5py.File, name: str, folders: Folders) -> Any:
    """Returns the data set or group of this name; follows links.

    Args:
        file: open file.
        name: name in the file.
        folders: see `hdf5_links.own_folders`.

    Raises:
        UserError: it is a link to something missing, or that may not be read.
    """
    check_links(file, name, folders)
    try:
        return file[name]
    except (KeyError, OSError, RuntimeError) as cause:
        link = file.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            where = f"{link.path} in the file {link.filename}"
            advice = f"put {link.filename} beside this file, or correct the link"
        else:
            where = getattr(link, "path", name)
            advice = "correct the link, or write the file anew"
        raise UserError(
            f"{file.filename}: {name} is a link to {where}, which cannot be opened "
            f"({_first_line(cause)}); {advice}"
        ) from cause


@contextmanager
def whole(path: str) -> Iterator[None]:
    """Turns errors of h5py on a damaged file into a message of one line.

    Raises:
        UserError: the file is damaged.
    """
    try:
        yield
    except UserError:
        raise
    except (
        OSError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        OverflowError,
    ) as cause:
        raise UserError(
            f"{path}: expected a whole HDF5 file, found one that is damaged "
            f"({_first_line(cause)}); copy it again"
        ) from cause


@contextmanager
def reading(data: h5py.Dataset, part: str = "") -> Iterator[None]:
    """Explains errors of reading a data set in one line.

    Args:
        data: the data set.
        part: part of it that is read, such as ``"samples 0 to 31 of "``.

    Raises:
        UserError: a filter or an external file is missing, or the file is damaged.
    """
    try:
        yield
    except (OSError, RuntimeError) as cause:
        raise UserError(
            f"{data.file.filename}: {_why_unreadable(data, part, cause)}"
        ) from cause


def _why_unreadable(data: h5py.Dataset, part: str, cause: Exception) -> str:
    name = str(data.name).lstrip("/")
    missing = _missing_filters(data)
    if missing:
        return (
            f"{name} is compressed by {' and '.join(missing)}, which the HDF5 library "
            "here has no filter for; `pip install hdf5plugin`, and rerun"
        )
    gone = [n for n, *_ in data.external or () if not os.path.exists(n)]
    if gone:
        return (
            f"{name} is stored in the file {gone[0]}, which is missing (in "
            f"{os.getcwd()}); copy it there"
        )
    return (
        f"cannot read {part}{name}, the file is damaged or cut off "
        f"({_first_line(cause)}); copy it again"
    )


def _missing_filters(data: h5py.Dataset) -> list[str]:
    made = data.id.get_create_plist()
    filters = [made.get_filter(i) for i in range(made.get_nfilters())]
    return [
        f"the filter {number}" + (f" ({name.decode(errors='replace')})" if name else "")
        for number, _, _, name in filters
        if not h5py.h5z.filter_avail(number)
    ]


def unwritten(data: h5py.Dataset) -> float:
    """Returns the share of a data set that was never written (read as fill value)."""
    if data.is_virtual or data.external or data.size == 0:
        return 0.0
    if data.chunks is None:
        return float(data.id.get_storage_size() == 0)
    chunks = np.prod([-(-n // c) for n, c in zip(data.shape, data.chunks, strict=True)])
    return float(1 - data.id.get_num_chunks() / chunks)


def declared_nodata(data: h5py.Dataset) -> np.ndarray:
    """Returns the declared values of missing pixels, shape (values, bands).

    There may be none. Their type is that of the pixels, or float64 if the pixels are
    whole numbers.

    Raises:
        UserError: an attribute has neither one number nor one per band.
    """
    bands = data.shape[-1] if data.ndim == 4 else 1
    kind = data.dtype if data.dtype.kind == "f" else np.dtype(np.float64)
    rows = []
    for name in NODATA:
        if name not in data.attrs:
            continue
        declared = _numbers(data, name)
        if len(declared) not in (1, bands):
            raise UserError(
                f"{data.file.filename}: expected one number or {bands}, one per band, "
                f"in the attribute {name} of {str(data.name).lstrip('/')}, found "
                f"{len(declared)}; correct it"
            )
        if np.isfinite(declared).any():
            with np.errstate(over="ignore"):
                rows.append(np.broadcast_to(declared.astype(kind), (bands,)))
    return np.unique(np.array(rows, kind).reshape(-1, bands), axis=0)


def _numbers(data: h5py.Dataset, name: str) -> np.ndarray:
    value = data.attrs[name]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    try:
        return np.atleast_1d(np.asarray(value).astype(np.float64)).ravel()
    except (ValueError, TypeError):
        raise UserError(
            f"{data.file.filename}: expected numbers in the attribute {name} of "
            f"{str(data.name).lstrip('/')}, found {value!r}; correct it"
        ) from None


def unapplied(data: h5py.Dataset) -> list[str]:
    """Describes the attributes that change the meaning of the numbers."""
    return [
        f"{name} {np.array2string(np.asarray(value), threshold=4)}"
        for name in UNAPPLIED
        if (value := data.attrs.get(name)) is not None
        and not np.array_equal(np.asarray(value).ravel(), [_IDENTITY.get(name, np.nan)])
    ]


def _first_line(cause: Exception) -> str:
    return next(iter(str(cause).strip("'\"").splitlines()), type(cause).__name__)
