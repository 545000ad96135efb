"""Lists the images of a folder or a zip file, and finds their classes."""

from __future__ import annotations

import lzma
import os
import posixpath
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autoai4eo.data.raster_files import BEGINNING, DRIVERS, check_beside
from autoai4eo.data.readers.labels import fold
from autoai4eo.data.readers.skipped import Skipped, is_hidden
from autoai4eo.errors import UserError
from autoai4eo.files import check_size

#: Endings of files that belong to an image.
SIDECARS = (".aux.xml", ".msk", ".ovr", ".tfw", ".tifw", ".jgw", ".pgw", ".wld", ".prj")
_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_ZIP_METHODS = {
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
    zipfile.ZIP_BZIP2,
    zipfile.ZIP_LZMA,
}
#: Errors of reading a damaged, encrypted or unusual zip file.
ZIP_ERRORS = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,  # encrypted; NotImplementedError: unknown compression
    zipfile.BadZipFile,
    UnicodeError,
)
#: Other endings of JPEG files, which GDAL does not list.
_JPEG = (".jfif", ".jpe")


@cache
def suffixes() -> tuple[str, ...]:
    """Returns the endings of files that the installed GDAL reads, such as ``.jp2``."""
    from rasterio.drivers import raster_driver_extensions

    known = raster_driver_extensions()
    found = {f".{end}" for end, name in known.items() if name in DRIVERS}
    return tuple(sorted(found | {end for end in _JPEG if ".jpg" in found}))


@dataclass(frozen=True)
class Listing:
    """The images of a folder or zip file.

    Attributes:
        names: of the images, with ``/``, relative to the folder; sorted.
        stamps: by name, size and time of each image and of each file that belongs to
            one; in a zip file, size and checksum.
        sidecars: whether there are files that belong to images.
        notes: sentences about skipped files.
    """

    names: tuple[str, ...]
    stamps: dict[str, tuple[int, int]]
    sidecars: bool
    notes: tuple[str, ...]


def list_folder(root: Path) -> Listing:
    """Lists a folder and all its subfolders, without hidden files.

    Follows links, but reads each folder only once.

    Raises:
        UserError: a folder in it cannot be read; or a file beside an image may name
            other files, or is a pipe.
    """
    found: dict[str, tuple[int, int]] = {}
    beside: dict[str, tuple[int, int]] = {}
    skipped = Skipped()
    pipes: list[str] = []
    seen: set[tuple[int, int]] = set()
    # links last, so that a folder gets its real path
    folders = [(str(root), "")]
    links: list[tuple[str, str]] = []
    while folders or links:
        folder, prefix = folders.pop() if folders else links.pop(0)
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            skipped.twice.append(prefix.rstrip("/"))
            continue
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(folder), key=lambda e: e.name)
        except OSError as cause:
            raise UserError(
                f"{folder}: cannot be read ({cause.strerror}); change its permissions "
                "or remove it"
            ) from cause
        for entry in entries:
            name = prefix + entry.name
            try:
                is_folder, status = entry.is_dir(), entry.stat()
            except PermissionError as cause:
                raise UserError(
                    f"{entry.path}: cannot be read ({cause.strerror}); change the "
                    "permissions of its folder, or remove it"
                ) from cause
            except OSError:
                skipped.broken.append(name)
                continue
            if is_hidden(entry.name):
                skipped.hidden.append(name)
            elif is_folder:
                (links if entry.is_symlink() else folders).append(
                    (entry.path, f"{name}/")
                )
            elif not stat.S_ISREG(status.st_mode):
                skipped.broken.append(name)  # GDAL would wait for a pipe
                pipes.append(entry.path)
            elif _is_image(name, skipped):
                found[name] = (status.st_size, status.st_mtime_ns)
            elif name.lower().endswith(SIDECARS):
                beside[name] = (status.st_size, status.st_mtime_ns)
                check_size(entry.path, status.st_size, "a file")
                with open(entry.path, "rb") as file:
                    whole = name.lower().endswith(".xml")
                    check_beside(entry.path, file.read(-1 if whole else BEGINNING))
    if beside and pipes:
        raise UserError(
            f"{pipes[0]}: expected only files beside images with masks and the like, "
            "found a pipe or device, which GDAL would wait for; remove it"
        )
    names = tuple(sorted(found))
    return Listing(names, found | beside, bool(beside), skipped.notes(names))


def list_zip(archive: zipfile.ZipFile) -> tuple[Listing, dict[str, str]]:
    """Lists the images of a zip file, and returns each image's name in the zip file.

    Backslashes, which some programs of Windows write, count as ``/``.

    Raises:
        UserError: an image is encrypted, too large, or compressed in a way that Python
            cannot read; or a file beside an image may name other files.
    """
    found: dict[str, tuple[int, int]] = {}
    beside: dict[str, tuple[int, int]] = {}
    written: dict[str, str] = {}
    skipped = Skipped()
    for member in archive.infolist():
        name = member.filename.replace("\\", "/")
        if name.endswith("/"):
            continue
        name = posixpath.normpath(name).lstrip("/")
        if any(is_hidden(part) for part in name.split("/")):
            skipped.hidden.append(name)
            continue
        if not _is_image(name, skipped):
            if name.lower().endswith(SIDECARS):
                beside[name] = (member.file_size, member.CRC)
                _check_beside(archive, member)
            continue
        if member.flag_bits & 1:
            raise UserError(
                f"{archive.filename}: expected images that can be read, found "
                f"encrypted ones ({name}); unpack it with its password and give the "
                "folder"
            )
        if member.compress_type not in _ZIP_METHODS:
            raise UserError(
                f"{archive.filename}: expected images stored or deflated, found "
                f"compression method {member.compress_type} ({name}), which Python "
                "cannot read; unpack it and give the folder"
            )
        check_size(f"{archive.filename}: {name}", member.file_size, "a file")
        if name in found:
            raise UserError(
                f"{archive.filename}: expected each image once, found {name} twice; "
                "pack the file again"
            )
        found[name] = (member.file_size, member.CRC)
        written[name] = member.filename
    names = tuple(sorted(found))
    return Listing(names, found | beside, bool(beside), skipped.notes(names)), written


def _check_beside(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """See `check_beside`."""
    where = f"{archive.filename}: {member.filename}"
    check_size(where, member.file_size, "a file")
    whole = member.filename.lower().endswith(".xml")
    try:
        with archive.open(member) as file:
            check_beside(where, file.read(-1 if whole else BEGINNING))
    except ZIP_ERRORS as error:
        raise UserError(
            f"{where}: cannot be read ({error or type(error).__name__}); pack the file "
            "again"
        ) from error


def classes_of(
    names: Sequence[str],
    level: int | None,
    wanted: Sequence[str] | None,
    path: str,
    zipped: bool,
) -> tuple[list[str | None], list[str]]:
    """Returns the class of each image, None if it has none, and notes.

    Classes are folders of the first level with several folders: a folder around all, as
    in EuroSAT's zip file, does not count. If the classes are known, they are the first
    level whose folders are all known.

    Args:
        names: of the images, with ``/``.
        level: the level of folders that are the classes, from 1; None: find it.
        wanted: names of the classes, if known.
        path: for messages.
        zipped: whether it is a zip file, which usually has a folder of its own name
            around all.

    Raises:
        UserError: no image is at this level, or the folders have names such as train
            and test.
    """
    folders = [name.split("/")[:-1] for name in names]
    deepest = max(map(len, folders), default=0)
    if deepest == 0 and level is None:
        return [None] * len(names), []

    def at(level: int) -> list[str | None]:
        return [parts[level - 1] if len(parts) >= level else None for parts in folders]

    notes: list[str] = []
    if level is not None:
        if not 1 <= level <= deepest:
            raise UserError(
                f"{path}: expected a class level from 1 to {deepest}, the depth of its "
                f"folders, found {level}"
            )
    else:
        level = _known_level(at, deepest, wanted) or _first_level(at, deepest)
        around = {parts[level - 2] for parts in folders if level > 1}
        usual = zipped and {fold(name) for name in around} == {fold(Path(path).stem)}
        if around and not usual:
            notes.append(f"the classes are the folders in {', '.join(sorted(around))}")
        _refuse_parts(at(level), path)
        below = {parts[level] for parts in folders if len(parts) > level}
        if below:
            some = ", ".join(sorted(below)[:3]) + (", …" if len(below) > 3 else "")
            notes.append(
                f"the classes are the folders of level {level}; those below them "
                f"({some}) are parts of them; --class-level {level + 1} makes them the "
                "classes"
            )
    classes = at(level)
    if beside := classes.count(None):
        notes.append(
            f"{beside:,} of {len(names):,} images are in no class folder: they have no "
            "label and are left out"
        )
    return classes, notes


def _first_level(at: Callable[[int], list[str | None]], deepest: int) -> int:
    for level in range(1, deepest + 1):
        found = at(level)
        if len(set(found)) > 1:
            return level
    return 1


def _known_level(
    at: Callable[[int], list[str | None]], deepest: int, wanted: Sequence[str] | None
) -> int | None:
    known = {fold(name) for name in wanted or ()}
    for level in range(1, deepest + 1):
        found = {fold(name) for name in at(level) if name is not None}
        if found and found <= known:
            return level
    return None


def _refuse_parts(classes: Sequence[str | None], path: str) -> None:
    found = {name for name in classes if name is not None}
    if found and {name.casefold() for name in found} <= _PARTS:
        raise UserError(
            f"{path}: expected one folder per class, found the parts of a split "
            f"({', '.join(sorted(found))}); give one of these folders, or --class-level"
        )


def _is_image(name: str, skipped: Skipped) -> bool:
    lower = name.lower()
    if lower.endswith(SIDECARS):
        return False
    if lower.endswith(suffixes()):
        return True
    skipped.others[os.path.splitext(lower)[1] or "without ending"] += 1
    skipped.folders.add(posixpath.dirname(name))
    return False
