"""What is done to a valid file: drawn by hypothesis as JSON, applied to a folder."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sqlite3
import warnings
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from hypothesis import strategies as st

from fuzzing import seeds

ODD: list[Any] = [
    *(None, True, "", " ", "nan", "-1", [], {}, [[]], 0, -1, 1e308, 0.5, 7),
    *(2**31, 2**41, 2**63 - 1, -(2**63), "é\n\x1b[31m|<script>", "../x", "x" * 3000),
    *(["a", "a"], [1, None], {"a": {}}, "1" * 400, float("nan"), float("inf")),
]
_WHOLE = [
    *("cut", "drop", "zero", "splice", "swap", "suffix", "remove", "empty", "folder"),
    *("fifo", "dangling", "copy"),
]
#: As hypothesis draws them: lengths and places in the file are shares of it, or bytes.
PLACES = st.one_of(st.integers(0, 700), st.integers(0, 999).map(lambda n: n / 1000))
CHANGES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([*(["bytes"] * 4), *(["value"] * 6), *_WHOLE]),
        "file": st.integers(0, 2**16),
        "other": st.integers(0, 2**16),
        "at": PLACES,
        "length": st.integers(1, 4096),
        "bytes": st.binary(min_size=1, max_size=8).map(bytes.hex),
        "value": st.sampled_from(ODD),
        "suffix": st.sampled_from(
            [".h5", ".tif", ".png", ".jp2", ".zip", ".npz", ".vrt", ".PNG", ".txt", ""]
        ),
    }
)


def apply(folder: Path, named: Sequence[str], changes: list[dict[str, Any]]) -> None:
    """Changes files in a folder, one after the other.

    Values come first: they are changed by libraries that a damaged file can crash.

    Args:
        folder: of the files.
        named: those, or folders of those, that are changed; others are taken from.
        changes: see `CHANGES`.
    """
    for change in sorted(changes, key=lambda c: c["kind"] != "value"):
        every = [p for p in sorted(folder.rglob("*")) if _is_plain(p)]
        roots = [folder / name for name in named]
        files = [p for p in every if {p, *p.parents} & {*roots}]
        if not files:
            return
        path = files[change["file"] % len(files)]
        # where the new name is a folder's, such as images.zip to images
        with suppress(IsADirectoryError, FileNotFoundError):
            _one(path, every[change["other"] % len(every)], change)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _one(path: Path, other: Path, change: dict[str, Any]) -> None:
    kind, content = change["kind"], path.read_bytes()
    at = change["at"]
    at = int(at * len(content)) if isinstance(at, float) else min(at, len(content))
    end, new = at + change["length"], bytes.fromhex(change["bytes"])
    if kind == "bytes":
        path.write_bytes(content[:at] + new + content[at + len(new) :])
    elif kind == "cut":
        path.write_bytes(content[:at])
    elif kind == "drop":
        path.write_bytes(content[:at] + content[end:])
    elif kind == "zero":
        path.write_bytes(content[:at] + bytes(len(content[at:end])) + content[end:])
    elif kind == "splice":
        path.write_bytes(content[:at] + other.read_bytes()[at:end] + content[end:])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "swap":
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif kind == "copy":
        path.write_bytes(other.read_bytes())
    elif kind == "suffix":
        path.rename(path.with_suffix(change["suffix"]))
    elif kind == "value":
        # a file that was changed before may be none of its kind any more
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _BY_SUFFIX.get(path.suffix, _text)(path, change)
    else:
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "dangling":
            path.symlink_to("nowhere")


def _json(path: Path, change: dict[str, Any]) -> None:
    path.write_text(json.dumps(_with_odd(json.loads(path.read_text()), change)))


def _with_odd(content: Any, change: dict[str, Any]) -> Any:
    """One of all values in it is another, or is missing."""
    places: list[tuple[Any, Any]] = []

    def look(value: Any) -> None:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in list(pairs):
            places.append((value, key))
            if isinstance(inner, dict | list):
                look(inner)

    look(content)
    where, key = places[change["other"] % len(places)]
    if change["length"] % 4 == 0:
        del where[key]
    else:
        where[key] = change["value"]
    return content


def _table(path: Path, change: dict[str, Any]) -> None:
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    row = rows[change["other"] % len(rows)]
    row[change["length"] % len(row)] = str(change["value"])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def _hdf5(path: Path, change: dict[str, Any]) -> None:
    """An odd attribute, data set, link or type."""
    with h5py.File(path, "a") as file:
        names = [*file]
        name = names[change["other"] % len(names)]
        value = change["value"]
        value = str(value) if isinstance(value, dict | list | None) else value
        way = change["length"] % 9
        if way == 0:
            attributes = ["class_names", "sen2_level", "sen2_bands", "sen1_bands", "x"]
            file.attrs[attributes[change["other"] % len(attributes)]] = value
        elif way == 1:
            attributes = ["_FillValue", "missing_value", "bands", "scale_factor", "x"]
            file[name].attrs[attributes[change["other"] % len(attributes)]] = value
        elif way == 2:
            del file[name]
            file[name] = value
        elif way == 3:
            del file[name]
            file[name] = h5py.ExternalLink("other.h5", "/x")
        elif way == 4:
            del file[name]
            file[name] = h5py.SoftLink(f"/{name}")
        elif way == 5:
            old = file[name][()]
            del file[name]
            shapes = [(0, *old.shape[1:]), old.shape[:1], (*old.shape, 1), (7, 0, 3)]
            file[name] = np.resize(old, shapes[change["other"] % len(shapes)])
        elif way == 6:
            del file[name]
            huge = (2**40, *([8, 8, 10] if name.startswith("sen") else []))
            file.create_dataset(name, huge, "f4", chunks=(1024, *huge[1:]))
        elif way == 7:
            old = file[name][()]
            del file[name]
            kinds = ["i1", "u8", "c8", "S3", "f2", "?", h5py.string_dtype(), "f8"]
            file[name] = old.astype(kinds[change["other"] % len(kinds)])
        else:
            odd = np.asarray(change["value"] or 0, "f8").ravel()[0]
            values = file[name][()]
            values.flat[0] = odd
            file[name][...] = values


def _arrays(path: Path, change: dict[str, Any]) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    name = [*arrays, "class_names", "x"][change["other"] % (len(arrays) + 2)]
    old = arrays.get(name, np.arange(3))
    ways: list[Callable[[], Any]] = [
        lambda: np.asarray(change["value"]),
        lambda: old.astype(["i1", "c8", "U3", "?", "M8[s]", "f2"][change["other"] % 6]),
        lambda: old[:0],
        lambda: old[..., None],
        lambda: old.reshape(-1),
        lambda: np.full(old.shape, np.nan),
        lambda: np.full(old.shape, change["value"] or 2**40),
        lambda: np.array([change["value"]] * len(old), object),
        lambda: np.full(len(old), str(change["value"])),
    ]
    arrays[name] = ways[change["length"] % len(ways)]()
    np.savez(path, **arrays)


def _raster(path: Path, change: dict[str, Any]) -> None:
    """Odd metadata: nodata, names, tags, place."""
    with rasterio.open(path, "r+") as file:
        value, way = change["value"], change["length"] % 6
        if way == 0:
            file.nodata = value
        elif way == 1:
            file.descriptions = [str(value)] * file.count
        elif way == 2:
            file.scales = [float(value)] * file.count
        elif way == 3:
            number = float(value or 0)
            file.transform = rasterio.Affine(number, 0, 0, 0, -number, number)
        elif way == 4:
            file.crs = ["EPSG:4326", "EPSG:32631", "LOCAL_CS[x]"][change["other"] % 3]
        else:
            file.update_tags(**{"PROCESSING_LEVEL": str(value), "x": str(value)})


def _zip(path: Path, change: dict[str, Any]) -> None:
    """Another name, content, size or kind of one member; of a ``.keras`` its JSON."""
    with zipfile.ZipFile(path) as archive:
        members = [(i, archive.read(i)) for i in archive.infolist()]
    place = change["other"] % len(members)
    info, content = members[place]
    way = change["length"] % 6
    if info.filename.endswith(".json"):
        content = json.dumps(_with_odd(json.loads(content), change)).encode()
    elif way == 0:
        info.filename = f"{change['value']}.png"
    elif way == 1:
        content = bytes(2**25)
    elif way == 2:
        info.external_attr = 0o120777 << 16  # a symbolic link
    elif way == 3:
        info.flag_bits |= 1  # encrypted
    elif way == 4:
        content = content[: change["length"] % (len(content) + 1)]
    else:
        members.append(members[place])
    members[place] = (info, content)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)


def _text(path: Path, change: dict[str, Any]) -> None:
    """One number or word of a text is another."""
    text = path.read_text(errors="surrogateescape")
    found = list(re.finditer(r"[\w.]+", text))
    word = found[change["other"] % len(found)]
    odd = str(change["value"])
    changed = text[: word.start()] + odd + text[word.end() :]
    path.write_text(changed, errors="surrogateescape")


def _database(path: Path, change: dict[str, Any]) -> None:
    """One value of one table of SQLite is another, or a row or table is missing."""
    with closing(sqlite3.connect(path)) as base, base:
        tables = base.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        full = [t for (t,) in tables if base.execute(f'SELECT 1 FROM "{t}"').fetchone()]
        table = full[change["other"] % len(full)]
        way = change["length"] % 8
        if way == 0:
            base.execute(f'DROP TABLE "{table}"')
            return
        rows = base.execute(f'SELECT rowid, * FROM "{table}"').fetchall()
        row = rows[change["other"] // 7 % len(rows)][0]
        if way == 1:
            base.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (row,))
            return
        columns = [c[1] for c in base.execute(f'PRAGMA table_info("{table}")')]
        column, value = columns[change["other"] // 3 % len(columns)], change["value"]
        value = json.dumps(value) if isinstance(value, dict | list) else value
        base.execute(
            f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (value, row)
        )


_BY_SUFFIX: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    ".json": _json,
    ".csv": _table,
    ".h5": _hdf5,
    ".npz": _arrays,
    ".tif": _raster,
    ".jp2": _raster,
    ".zip": _zip,
    ".keras": _zip,
    ".db": _database,
}


def build(seed: Path, folder: Path, drawn: dict[str, Any]) -> None:
    """A fresh copy of valid files; those that the call names are changed."""
    shutil.rmtree(folder, ignore_errors=True)
    seeds.copy(seed, folder)
    call = drawn["call"]
    beside = ["scene.tif"] if "scene.vrt" in call else []
    apply(folder, [*call, *beside], drawn["changes"])
