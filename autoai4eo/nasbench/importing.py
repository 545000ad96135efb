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
from autoai4eo.files import in_one_step, read_json, reading
from autoai4eo.nasbench.cells import parse_adjacency, parse_operations
from autoai4eo.nasbench.database import (
    CHOICES,
    NASBENCH101,
    Architecture,
    Database,
    Entry,
)
from autoai4eo.nasbench.database_file import check_new
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
    scores = read_frame(folder / ACCURACIES, ["hash"]).set_index("hash")
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
                cell = Cell.of(step["module_adjacency"], step["module_operations"])
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
    except (KeyError, TypeError, AttributeError, ValueError) as error:
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
    epochs: int = 1,
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
        epochs: after which the other figures were reached, without a column ``epoch``.

    Raises:
        UserError: the file or a column does not exist, or holds something else.
    """
    check_new(out)
    ways = [bool(choices), bool(adjacency), architecture is not None]
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
    frame = read_frame(path, [*named, *known])
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
        raise UserError(f"{path}: expected numbers in {', '.join(unknown)}")
    found: dict[str, Any] = {}
    for row in frame.to_dict("records"):
        one = _architecture(row, choices, adjacency, architecture)
        key = str(one.id if isinstance(one, Cell) else one)
        walk, step, given = (_whole(path, row, name) for name in _PLACES)
        epoch = epochs if given is None else given
        if epoch < 1:
            raise UserError(
                f"{path}: expected epochs from 1, found {epoch}; figures before "
                "training are named by --known"
            )
        _, known_figures, *_ = found.setdefault(key, (one, {}, walk, step))
        if epoch in known_figures:
            raise UserError(
                f"{path}: expected each network once, found {one} twice for epoch "
                f"{epoch}; name further --choices, or leave one out"
            )
        values = {n: float(row[n]) for n in figures if np.isfinite(row[n])}
        known_figures.setdefault(0, {}).update(
            {n: v for n, v in values.items() if n in known}
        )
        known_figures[epoch] = {n: v for n, v in values.items() if n not in known}
    space = NASBENCH101 if adjacency else CHOICES
    entries = [Entry(*one) for one in found.values()]
    return _filled(out, space, {"source": path.name}, entries)


def _architecture(
    row: Mapping[str, Any],
    choices: Sequence[str],
    adjacency: Sequence[str],
    architecture: str | None,
) -> Architecture:
    if adjacency:
        matrix = parse_adjacency(row[adjacency[0]])
        return Cell.of(matrix, parse_operations(row[adjacency[1]], len(matrix)))
    if architecture is None:
        return {name: row[name] for name in choices}
    text = str(row[architecture])
    found: dict[str, Any] = {}
    for node, edges in enumerate(text.split("+"), 1):
        parts = [_EDGE.fullmatch(edge) for edge in edges.strip("|").split("|")]
        earlier = [int(part["before"]) for part in parts if part is not None]
        if earlier != list(range(node)):
            raise UserError(
                "--architecture: expected a string such as |nor_conv_3x3~0|+|none~0|"
                f"nor_conv_1x1~1|, an operation for each earlier node, found {text:.60}"
            )
        for part in filter(None, parts):
            found[f"edge_{part['before']}_{node}"] = part["operation"]
    return found


def _whole(path: Path, row: Mapping[str, Any], name: str) -> int | None:
    """Returns the whole number in a column; None without one."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if not isinstance(value, int | float) or value != int(value):
        raise UserError(f"{path}: expected whole numbers in {name}, found {value!r}")
    return int(value)


def _filled(
    out: Path, space: str, about: Mapping[str, Any], entries: Iterable[Entry]
) -> Database:
    with in_one_step(out) as temporary:
        temporary.unlink(missing_ok=True)
        with Database.create(temporary, space, about) as database:
            database.add(entries)
    return Database(out)


def _read_list(path: Path, cure: str) -> list[Any]:
    with reading(path, "JSON", cure):
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, list):
            raise ValueError(f"a {type(content).__name__} where a list should be")
    return content
