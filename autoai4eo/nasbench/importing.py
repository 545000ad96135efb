"""Imports published and own tables of trained networks into a database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.blocks.cells.nasbench import Stacks, count
from autoai4eo.errors import UserError
from autoai4eo.files import read_json, reading
from autoai4eo.nasbench.cells import cell_of
from autoai4eo.nasbench.database import (
    CHOICES,
    NASBENCH101,
    Architecture,
    Database,
    Entry,
)
from autoai4eo.nasbench.database_file import check_new
from autoai4eo.nasbench.filling import filled
from autoai4eo.nasbench.frame import read_frame
from autoai4eo.networks.cell import Cell

#: The files of EO HW-NAS.
MEASURED = "test_results_sampled_all_paths.json"
WALKS, ACCURACIES = "path_logs.json", "accuracies_epoch108.csv"
_EPOCHS, _SIZE, _BANDS, _CLASSES = 108, 32, 10, 17
_MEANS = {"micro": "accuracy", "macro": "average_accuracy"}
_EDGE = re.compile(r"(?P<operation>[^~|+]+)~(?P<before>\d+)")
_PLACES = ("walk", "step", "epoch")


def import_eo_hw_nas(folder: Path, out: Path) -> tuple[Database, list[str]]:
    """Imports the records of EO HW-NAS: 450 cells trained on So2Sat LCZ42.

    Demir, Traoré and Camero 2024, *Towards a NAS benchmark for classification in Earth
    observation*, ESANN. Micro accuracy is overall accuracy, macro the mean of classes.

    Args:
        folder: with its three files.
        out: the database, which does not exist.

    Returns:
        The database, and what is wrong in the records, a line each.

    Raises:
        UserError: a file is missing or damaged.
    """
    check_new(out)
    cure = "copy it from the published records again"
    measured = read_json(folder / MEASURED, cure)
    walks = _read_list(folder / WALKS, cure)
    scores = read_frame(folder / ACCURACIES, ["hash"], ["hash"]).set_index("hash")
    if not scores.index.is_unique:
        raise UserError(f"{folder / ACCURACIES}: expected each hash once; {cure}")
    shape = Stacks()
    about = {
        "source": "EO HW-NAS",
        "data": "So2Sat LCZ42",
        "bands": _BANDS,
        "classes": _CLASSES,
        "size": _SIZE,
        "channels": shape.channels,
        "stacks": shape.stacks,
        "cells": shape.cells,
        "latency_batch_size": 64,
    }
    wrong, true = 0, []
    try:
        rows = []
        for number, steps in enumerate(walks):
            for step in steps:
                record = measured[f"arch_{step['id']}"]
                cell = _cell_of(folder, step)
                macs, params = count(cell, shape, _SIZE, _SIZE, _BANDS)
                inner = shape.channels * 2 ** (shape.stacks - 1) * _CLASSES
                wrong += _is_params(record["MACs"], record["num_params"])
                true.append((macs + inner) / 1e6)
                before = {
                    "params": params + inner + _CLASSES,
                    "macs": macs + inner,
                    "latency_ms": record["avg_inference_time"],
                    "latency_std_ms": record["std_inference_time"],
                    "size_bytes": 1000 * record["arch_size"],
                }
                reached = scores.loc[step["unique_hash"]]
                after = {
                    f"{part}_{name}": reached[f"{part}_{mean}"]
                    for part in ("train", "val", "test")
                    for mean, name in _MEANS.items()
                }
                after["train_seconds"] = reached["train_time_s"]
                figures = {0: before, _EPOCHS: after}
                rows.append(Entry(cell, figures, number, int(step["step"])))
                if before["params"] != record["num_params"]:
                    raise UserError(
                        f"{folder}: expected {before['params']:,} parameters of arch_"
                        f"{step['id']}, found {record['num_params']:,}; {cure}"
                    )
    except UserError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise UserError(
            f"{folder}: expected the records of EO HW-NAS, found something else "
            f"({type(error).__name__}: {error}); {cure}"
        ) from None
    told = []
    if wrong:
        told.append(
            f"MACs: {wrong} of {len(rows)} records hold the number of parameters; "
            f"computed anew: {min(true):,.0f} M to {max(true):,.0f} M multiply-adds"
        )
    return _filled(out, NASBENCH101, about, rows), told


def _is_params(told: str, params: int) -> bool:
    """Whether a number such as ``4.178M`` is this one, rounded."""
    factor = {"K": 1e3, "M": 1e6, "G": 1e9}[told[-1]]
    return abs(float(told[:-1]) * factor - params) <= factor / 1000


def import_csv(
    path: Path,
    out: Path,
    *,
    choices: Sequence[str] = (),
    adjacency: Sequence[str] = (),
    architecture: str | None = None,
    known: Sequence[str] = (),
    epochs: int | None = None,
) -> Database:
    """Imports a CSV file with a row for each network, or for each of its epochs.

    Args:
        path: of the file, with a header. Its columns ``walk``, ``step`` and ``epoch``
            have this meaning; all other columns of numbers are figures.
        out: the database, which does not exist.
        choices: columns that identify a network; or
        adjacency: the columns of a NAS-Bench-101 cell's matrix and operations; or
        architecture: the column of strings as those of NAS-Bench-201 and NATS-Bench,
            ``|nor_conv_3x3~0|+|…``.
        known: columns that are known before training.
        epochs: after which the other figures were reached, if there is no column
            ``epoch``; None: 1.

    Raises:
        UserError: the file or a column does not exist, or holds something else.
    """
    check_new(out)
    ways = [bool(choices), bool(adjacency), bool(architecture)]
    if sum(ways) != 1:
        raise UserError(
            "expected --choices, --adjacency or --architecture, got "
            f"{'several' if sum(ways) else 'none'}"
        )
    if adjacency and len(adjacency) != 2:
        raise UserError(
            "--adjacency: expected two columns, of the matrix and of the operations, "
            f"got {len(adjacency)}"
        )
    named = [*choices, *adjacency, *([architecture] if architecture else [])]
    if reserved := {"id", *_PLACES} & {*named, *known}:
        raise UserError(
            f"{path}: expected other names of choices and figures than id, walk, step "
            f"and epoch, got {', '.join(sorted(reserved))}; rename the columns"
        )
    text = [*adjacency, *([architecture] if architecture else [])]
    frame = read_frame(path, [*named, *known], text)
    if epochs is not None and "epoch" in frame:
        raise UserError(
            f"{path}: expected --epochs for a file without a column epoch, found the "
            "column; leave --epochs out"
        )
    _check_figures(path, frame.drop(columns=[*named, *_PLACES], errors="ignore"))
    figures = [
        name
        for name in frame.columns
        if name not in (*named, *_PLACES, "id")
        and pd.api.types.is_numeric_dtype(frame[name])
    ]
    if not figures:
        raise UserError(
            f"{path}: expected further columns of numbers, found none; figures of the "
            "networks are what a database is for"
        )
    if unknown := [name for name in known if name not in figures]:
        raise UserError(
            f"{path}: expected columns of numbers that are no choices as --known "
            f"({', '.join(figures)}), got {', '.join(unknown)}"
        )
    found: dict[str, Any] = {}
    for number, row in enumerate(frame.to_dict("records"), 1):
        one = _architecture(path, number, row, choices, adjacency, architecture)
        key = str(one.id if isinstance(one, Cell) else one)
        walk, step, given = (_whole(path, row, name) for name in _PLACES)
        epoch = (1 if epochs is None else epochs) if given is None else given
        if epoch < 1:
            raise UserError(
                f"{path}: expected epochs from 1, found {epoch}; figures before "
                "training are named by --known"
            )
        _, known_figures, *_ = found.setdefault(key, (one, {}, walk, step))
        if epoch in known_figures:
            raise UserError(
                f"{path}, row {number}: expected each network once, found it twice for "
                f"epoch {epoch}; name what tells them apart, or leave one out"
            )
        values = {n: float(row[n]) for n in figures if np.isfinite(row[n])}
        before = {n: v for n, v in values.items() if n in known}
        if known_figures.setdefault(0, before) != before:
            raise UserError(
                f"{path}, row {number}: expected the same {', '.join(known)} for each "
                "epoch of a network, found others; they are no --known figures"
            )
        known_figures[epoch] = {n: v for n, v in values.items() if n not in known}
    space = NASBENCH101 if adjacency else CHOICES
    entries = [Entry(*one) for one in found.values()]
    return _filled(out, space, {"source": path.name}, entries)


def _cell_of(folder: Path, step: Mapping[str, Any]) -> Cell:
    try:
        return Cell.of(step["module_adjacency"], step["module_operations"])
    except UserError as error:
        raise UserError(f"{folder / WALKS}, arch_{step['id']}: {error}") from None


def _check_figures(path: Path, frame: pd.DataFrame) -> None:
    """Checks that columns of numbers have only finite ones, or none in a row."""
    for name in frame.columns:
        numbers = pd.to_numeric(frame[name], errors="coerce")
        text = frame[name][numbers.isna() & frame[name].notna()]
        if len(text) and numbers.notna().mean() > 0.5:
            raise UserError(
                f"{path}, row {text.index[0] + 1}: expected a number in {name}, found "
                f"{str(text.iloc[0])[:30]!r}"
            )
        if len(over := numbers[np.isinf(numbers)]):
            raise UserError(
                f"{path}, row {over.index[0] + 1}: expected a finite number in {name}, "
                "found infinity; leave it empty if it is not known"
            )


def _architecture(
    path: Path,
    number: int,
    row: Mapping[str, Any],
    choices: Sequence[str],
    adjacency: Sequence[str],
    architecture: str | None,
) -> Architecture:
    if adjacency:
        return cell_of(path, number, *(row[name] for name in adjacency))
    if architecture is None:
        return {name: row[name] for name in choices}
    text = str(row[architecture])
    found: dict[str, Any] = {}
    for node, edges in enumerate(text.split("+"), 1):
        inner = edges.removeprefix("|").removesuffix("|")
        parts = [_EDGE.fullmatch(edge) for edge in inner.split("|")]
        earlier = [-1 if part is None else int(part["before"]) for part in parts]
        if earlier != list(range(node)):
            raise UserError(
                f"{path}, row {number}: expected an operation for each earlier node, "
                f"as in |nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|, found {text:.60}"
            )
        for part in filter(None, parts):
            found[f"edge_{part['before']}_{node}"] = part["operation"]
    return found


def _whole(path: Path, row: Mapping[str, Any], name: str) -> int | None:
    """Returns the whole number in a column; None without one."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if not isinstance(value, int | float) or value % 1 or abs(value) > 2**31:
        raise UserError(f"{path}: expected whole numbers in {name}, found {value!r}")
    return int(value)


def _filled(
    out: Path, space: str, about: Mapping[str, Any], entries: Iterable[Entry]
) -> Database:
    some = list(entries)
    shapes = {
        tuple(e.architecture) for e in some if not isinstance(e.architecture, Cell)
    }
    if len(shapes) > 1:
        first, second, *_ = sorted(shapes, key=len)
        raise UserError(
            "expected networks of the same choices, found some with "
            f"{', '.join(first)} and some with {', '.join(second)}"
        )
    return filled(out, space, about, some)


def _read_list(path: Path, cure: str) -> list[Any]:
    with reading(path, "JSON", cure):
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, list):
            raise ValueError(f"a {type(content).__name__} where a list should be")
    return content
