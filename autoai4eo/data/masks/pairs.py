"""Pairs of a scene and its mask, by the names of files or from a list."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autoai4eo.data.scenes.files import split_paths
from autoai4eo.errors import MissingError, UserError
from autoai4eo.files import check_regular

LISTS = (".csv", ".geojson", ".json")
_RASTERS = (".tif", ".tiff", ".jp2")
_MASKS = (*_RASTERS, ".png")
_MARK = re.compile(r"^(?:mask|label)s?[_-]|[_-](?:mask|label)s?$", re.IGNORECASE)
_SHOWN = 5


class Pair(NamedTuple):
    """A scene and its mask.

    Attributes:
        name: of the scene, unlike those of all others.
        paths: of the scene's files, which have its bands.
        mask: path of the mask.
        group: that a list says it belongs to; "" without one.
    """

    name: str
    paths: tuple[Path, ...]
    mask: Path
    group: str = ""


def is_list(path: Path) -> bool:
    """Whether a path looks like a list of images and masks."""
    return path.is_file() and path.suffix.lower() in LISTS


def pairs_of(source: Path, masks: Path) -> list[Pair]:
    """Returns the pairs of two folders, or of a scene and a mask.

    A scene ``a.tif`` has the mask ``a.tif``, ``a_mask.tif``, ``mask_a.tif``,
    ``a_label.tif`` or ``label_a.tif``. Both folders may be one; it then has scenes, and
    masks with such a mark.

    Args:
        source: a folder, or one scene: a file, or several with commas between them.
        masks: a folder, or one mask.

    Raises:
        UserError: a file has no partner, or several.
    """
    if not masks.exists():
        raise MissingError(f"{masks}: no such file or folder of masks; check the path")
    if source.is_dir() and masks.is_dir():
        return _of_folders(source, masks)
    if source.is_dir() or masks.is_dir():
        folder, file = (source, masks) if source.is_dir() else (masks, source)
        raise UserError(
            f"{file}: expected a scene with its mask, or a folder of each, found a "
            f"file beside the folder {folder}; give two files or two folders"
        )
    paths = _existing([Path(part) for part in split_paths(str(source))])
    return [Pair(paths[0].stem, paths, masks)]


def _of_folders(source: Path, masks: Path) -> list[Pair]:
    found = _rasters(masks, _MASKS)
    same = source.resolve() == masks.resolve()
    if same:
        found = [path for path in found if _MARK.search(path.stem)]
    of_masks = {path.resolve() for path in found}
    inside = masks.resolve() if not same else None
    scenes = [
        path
        for path in _rasters(source)
        if path.resolve() not in of_masks
        and (inside is None or inside not in path.resolve().parents)
    ]
    if not scenes or not found:
        lacking, folder, endings = (
            ("masks", masks, _MASKS) if scenes else ("scenes", source, _RASTERS)
        )
        raise UserError(
            f"{folder}: expected {lacking} ({', '.join(endings)}), found none; "
            + ("in one folder, masks are called a_mask.tif" if same else "check it")
        )
    partners: dict[tuple[Path, str], list[Path]] = {}
    for path in found:
        for stem in {path.stem, _MARK.sub("", path.stem)}:
            key = (path.parent.relative_to(masks), stem)
            partners.setdefault(key, []).append(path)
    pairs, alone, used = [], [], set()
    for path in scenes:
        mine = partners.get((path.parent.relative_to(source), path.stem), [])
        if len(mine) > 1:
            raise UserError(
                f"{path}: expected one mask, found {', '.join(p.name for p in mine)} in"
                f" {masks}; leave one out, or give a CSV list of image and mask"
            )
        if not mine:
            alone.append(path)
            continue
        used.add(mine[0])
        name = str(path.relative_to(source).with_suffix(""))
        pairs.append(Pair(name, (path,), mine[0]))
    alone += [path for path in found if path not in used]
    if not pairs:
        raise UserError(
            f"{source}: expected scenes with the names of the masks, as a_mask.tif or "
            f"a.tif of a.tif, found {scenes[0].name} and the like there and "
            f"{found[0].name} and the like in {masks}; check that both folders belong "
            "together"
        )
    if alone:
        raise UserError(
            f"{source}: expected a mask for each scene and a scene for each mask, as "
            f"a_mask.tif of a.tif, found no partner of {_listed(alone)} (scenes in "
            f"{source}, masks in {masks}); rename or remove them"
        )
    return pairs


def _rasters(folder: Path, endings: Sequence[str] = _RASTERS) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in endings
        and path.is_file()
        and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]


def _listed(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(path.name for path in paths[:_SHOWN]) + more


def read_list(path: Path) -> list[Pair]:
    """Reads the pairs of a list: a CSV file, or the properties of a GeoJSON file.

    Its columns are ``image`` (several files with commas between them for several
    sensors on one grid), ``mask`` and, if scenes belong together, ``group``. Paths are
    relative to the list.

    Raises:
        UserError: it cannot be read, lacks a column or value, or names files that are
            not there or that it names twice.
    """
    check_regular(path)
    rows = _rows(path)
    if not rows:
        raise UserError(f"{path}: expected a row for each image, found none")
    pairs = []
    for number, row in enumerate(rows, start=1):
        told = {n: str(row.get(n) or "").strip() for n in ("image", "mask", "group")}
        for name in ("image", "mask"):
            if not told[name]:
                raise UserError(
                    f"{path}: expected {name} in each row, found "
                    f"{', '.join(filter(None, map(str, row))) or 'nothing'} without one"
                    f" in row {number}; the columns are image, mask and, optional, "
                    "group"
                )
        parts = split_paths(told["image"])
        images = _existing([path.parent / part.strip() for part in parts])
        mask = _existing([path.parent / told["mask"]])[0]
        pairs.append(Pair(told["image"], images, mask, told["group"]))
    names = [pair.name for pair in pairs]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise UserError(
            f"{path}: expected each image once, found {', '.join(twice[:_SHOWN])} "
            "several times; leave the others out"
        )
    return pairs


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix.lower() == ".csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                return list(csv.DictReader(file))
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        return [dict(one["properties"]) for one in content["features"]]
    except (OSError, ValueError, csv.Error, KeyError, TypeError) as cause:
        raise UserError(
            f"{path}: expected a CSV or GeoJSON list with image and mask, found "
            f"something else ({type(cause).__name__}: {cause}); correct it"
        ) from cause


def _existing(paths: Sequence[Path]) -> tuple[Path, ...]:
    for path in paths:
        if not path.exists():
            raise MissingError(f"{path}: no such file; check the path")
        check_regular(path)
    return tuple(paths)
