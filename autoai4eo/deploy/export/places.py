"""Checks where an export may be written, so that no other file is overwritten."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoai4eo.deploy.export import card, metadata
from autoai4eo.deploy.export.formats import Format
from autoai4eo.errors import UserError, warn
from autoai4eo.files import check_not_input, check_replaceable
from autoai4eo.runs.data_record import located
from autoai4eo.text import line

#: What lies in the folder of every format that is a folder.
_DESCRIPTION = r"model\.json|MODEL_CARD\.md"


def check_free(kind: Format, out: Path, overwrite: bool) -> None:
    """Checks that a path is free, or holds an export that may be replaced.

    Raises:
        UserError: the path exists and `overwrite` is False, or it holds something that
            is no export.
    """
    check_replaceable(out, overwrite)
    if not os.path.lexists(out):
        return
    if kind.suffix and (not out.is_dir() or out.is_symlink()):
        return
    if out.is_symlink() or not out.is_dir():
        raise UserError(
            f"{out}: expected a folder with a {kind.name} to overwrite, found a file "
            "or a link; choose another name, or move it elsewhere"
        )
    found = [path.relative_to(out) for path in sorted(out.rglob("*"))]
    ours = re.compile(f"{_DESCRIPTION}|{kind.contents}")
    foreign = [path for path in found if not ours.fullmatch(str(path))]
    described = not found or metadata.is_ours(out / metadata.METADATA)
    if kind.suffix or foreign or not described:
        told = foreign[0] if foreign else "a folder of others"
        raise UserError(
            f"{out}: expected a {kind.name} to overwrite, found {told} in its place; "
            "choose another name, or move it elsewhere"
        )


def check_outside(run: Path, known: Mapping[str, Any], out: Path) -> None:
    """Checks that an export is outside of its run and of the run's data.

    Raises:
        UserError: it is in the run, or the run or its data are in it.
    """
    place = Path(os.path.realpath(out))
    own = Path(os.path.realpath(run))
    data = [
        Path(str((located(known, role) or part)["path"]))
        for role, part in known["data"].items()
    ]
    if place == own or own in place.parents:
        raise UserError(
            f"{out}: expected a place outside of the run, found one in {run}; choose "
            "another name"
        )
    check_not_input(out, [*data, *(p for p in run.rglob("*") if p.is_file())])
    for path in (own, *(Path(os.path.realpath(p)) for p in data)):
        if place in path.parents:
            raise UserError(
                f"{out}: expected a place of its own, found that it contains {path}; "
                "choose another name"
            )


def assets_beside(
    out: Path, item: Mapping[str, Any], overwrite: bool
) -> dict[str, Any]:
    """Returns the other formats of the same network in the folder of a file.

    Raises:
        UserError: ``model.json`` or ``MODEL_CARD.md`` in the folder describes another
            network and may not be overwritten, or is not from this package.
    """
    told = out.parent / metadata.METADATA
    same = metadata.is_same(told, item)
    for path in (told, out.parent / card.CARD):
        ours = metadata.is_ours(path)
        if os.path.lexists(path) and not (ours and (same or overwrite)):
            more = ", or overwrite it (--overwrite)" if ours else ""
            raise UserError(
                f"{path}: expected none, or that of {item['id']}, found another; "
                f"export into a folder of its own{more}"
            )
    beside = metadata.assets_beside(told) if told.exists() else {}
    if same:
        return beside
    if stale := [name for name in beside if name != out.name]:
        warn(
            f"{out.parent}: model.json describes another network than before; remove "
            f"what is of that: {', '.join(map(line, stale))}"
        )
    return {}
