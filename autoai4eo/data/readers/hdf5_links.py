"""Checks which other files an HDF5 file uses: only in its own folder, unless allowed.

External links and virtual data sets name other HDF5 files. External storage names files
of any kind, and is always refused unless allowed. Otherwise, a file from elsewhere
could show the user's private files as pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.files import check_regular

#: Resolved folders in which other files may lie; None: anywhere.
Folders = tuple[Path, ...] | None
MOST_LINKS = 16  # one after the other, as many as HDF5 follows itself
_LINKS, _VIRTUAL, _RAW = "HDF5_EXT_PREFIX", "HDF5_VDS_PREFIX", "HDF5_EXTFILE_PREFIX"


def own_folders(path: str) -> tuple[Path, ...]:
    """Where other files may lie that a file names.

    Its own folder, that of the file where it is a link, and where the user told HDF5
    by its environment variables to look for them.
    """
    told = [
        folder
        for variable in (_LINKS, _VIRTUAL, _RAW)
        for folder in _prefixes(Path(path), variable)
    ]
    own = (Path(path).parent.resolve(), Path(path).resolve().parent)
    return tuple(dict.fromkeys([*own, *(folder.resolve() for folder in told)]))


def check_links(file: h5py.File, name: str, folders: Folders, hops: int = 0) -> None:
    """Whether the links behind a name lead to files that may be read.

    Args:
        file: open.
        name: in it, with ``/`` between groups.
        folders: see `own_folders`.
        hops: links that were followed before.

    Raises:
        UserError: one leads elsewhere, or they lead on and on.
    """
    if hops > MOST_LINKS:
        raise UserError(
            f"{file.filename}: expected at most {MOST_LINKS} links one after the "
            f"other, found more behind {name} (in a ring?); correct the links"
        )
    parts = [part for part in name.split("/") if part not in ("", ".")]
    group = ""
    for i, part in enumerate(parts):
        link = file.get(f"{group}/{part}", getlink=True)
        rest = "/".join(parts[i + 1 :])
        if isinstance(link, h5py.SoftLink):
            start = "" if link.path.startswith("/") else group
            check_links(file, f"{start}/{link.path}/{rest}", folders, hops + 1)
            return
        if isinstance(link, h5py.ExternalLink):
            here = f"{file.filename}: {name} is a link to"
            place = _place(file, link.filename, _LINKS, folders, here)
            if place is not None:  # else HDF5 will find none either
                with h5py.File(place, "r") as other:
                    check_links(other, f"{link.path}/{rest}", folders, hops + 1)
            return
        group = f"{group}/{part}"


def check_sources(
    data: h5py.Dataset, folders: Folders, within: tuple[tuple[str, str], ...] = ()
) -> None:
    """Whether the other files that a data set lies in may be read, and are whole.

    Args:
        data: the data set.
        folders: see `own_folders`.
        within: files and names of the virtual data sets that it is a source of.

    Raises:
        UserError: one lies elsewhere, is not there or too short. HDF5 itself would read
            its fill value there.
    """
    here = f"{data.file.filename}: {str(data.name).lstrip('/')}"
    key = (os.path.realpath(data.file.filename), str(data.name))
    if key in within or len(within) > MOST_LINKS:
        raise UserError(
            f"{here}: expected other data sets as its sources, found itself among "
            "them; write the file anew"
        )
    sources = data.virtual_sources() if data.is_virtual else []
    for other, name in dict.fromkeys((s.file_name, s.dset_name) for s in sources):
        # a name with % stands for as many files or data sets as there are
        if "%" in other.replace("%%", "") or "%" in name.replace("%%", ""):
            if folders is not None:
                raise _elsewhere(f"{here} is put together of", f"{name} in {other}")
            continue
        other, name = other.replace("%%", "%"), name.replace("%%", "%")
        if not _check_source(data.file, other, name, folders, here, (*within, key)):
            raise UserError(
                f"{here} is put together of other data sets, of which "
                f"{name} in {other} cannot be opened; put that file where it was, or "
                "write this one anew"
            )
    _check_raw(data, folders, here)


def _check_source(
    file: h5py.File,
    other: str,
    name: str,
    folders: Folders,
    here: str,
    within: tuple[tuple[str, str], ...],
) -> bool:
    """Checks one source of a virtual data set; whether it is there."""
    if other == ".":
        place: str | Path | None = file.filename
    else:
        told = f"{here} is put together of data sets in"
        place = _place(file, other, _VIRTUAL, folders, told)
    if place is None:
        return False
    with h5py.File(place, "r") as source:
        check_links(source, name, folders)
        found = source.get(name)
        if not isinstance(found, h5py.Dataset):
            return False
        check_sources(found, folders, within)
    return True


def _check_raw(data: h5py.Dataset, folders: Folders, here: str) -> None:
    """Checks the files that a data set with external storage lies in."""
    prefix = next(_prefixes(Path(data.file.filename), _RAW), Path())
    needed = int(np.prod(data.shape or (0,))) * data.dtype.itemsize
    for name, offset, size in data.external or ():
        path = prefix / name
        if folders is not None:  # such a file may be of any kind
            raise UserError(
                f"{here} lies in the file {path} (HDF5's external storage), expected "
                "pixels in the HDF5 file itself; if you know its maker, allow it with "
                "--allow-remote"
            )
        check_regular(path)
        there = path.stat().st_size - offset if path.exists() else None
        expected = min(size, needed)
        if there is not None and there < expected:
            raise UserError(
                f"{here} is stored in the file {name}, expected {expected:,} bytes "
                f"there, found {there:,}; copy that file again"
            )
        needed -= expected


def _place(
    file: h5py.File, name: str, variable: str, folders: Folders, what: str
) -> Path | None:
    """The HDF5 file that HDF5 finds under a name in another one, checked; or None."""
    path = Path(file.filename)
    beside = [path.absolute().parent, Path(), path.resolve().parent]
    places = [folder / name for folder in (*_prefixes(path, variable), *beside)]
    if os.path.isabs(name):
        places.append(path.absolute().parent / os.path.basename(name))
    for place in places:
        if os.path.lexists(place):
            _check_inside(place, folders, what)
            if place.is_file() and h5py.is_hdf5(place):
                return place
    return None


def _prefixes(path: Path, variable: str) -> Iterator[Path]:
    """Where the user told HDF5 to look for what a file names."""
    told = os.environ.get(variable, "")
    for folder in told.replace("${ORIGIN}", str(path.absolute().parent)).split(":"):
        if folder:
            yield Path(folder)


def _check_inside(path: Path, folders: Folders, what: str) -> None:
    check_regular(path)
    real = path.resolve()
    if folders is not None and not any(real.is_relative_to(f) for f in folders):
        raise _elsewhere(what, str(path))


def _elsewhere(what: str, found: str) -> UserError:
    return UserError(
        f"{what} {found}, expected a file in its own folder; move it there, or, if you "
        "know who made the file, allow it with --allow-remote"
    )
