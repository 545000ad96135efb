"""What ``map`` prints of a finished map: shares and areas, or ranges of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autoai4eo.cli.console import MISSING, console, print_table
from autoai4eo.data.target import Target
from autoai4eo.files import read_json
from autoai4eo.learning.figures import FIGURES
from autoai4eo.text import counted, listed

_CLASSES_TOLD = 12


def print_map(out: Path, target: Target, stored: Mapping[str, str]) -> None:
    """Prints the shares of classes or labels, or the ranges of values, of a map.

    Args:
        out: the map.
        target: what it shows.
        stored: the class of each value of the masks that the network learned from; {}
            if it learned from none, or if they are not known.
    """
    import rasterio

    of_kind = {"class": _classes, "mask": _classes, "labels": _labels, "value": _values}
    with rasterio.open(out) as file:
        size = "{:,} × {:,}".format(*file.shape)
    known, columns, rows = of_kind[target.kind](out, target.classes)
    console.print(f"{out}: {size} pixels, {known:,} with data", soft_wrap=True)
    print_table("", columns, rows)
    if told := other_values(target.classes, stored):
        console.print(told, soft_wrap=True)


def other_values(classes: Sequence[str], stored: Mapping[str, str]) -> str:
    """Returns a line on the values of a map that are others than in the masks, or "".

    Args:
        classes: names; that of the map's value 1 is the first.
        stored: as for `print_map`.
    """
    values = {name: value for value, name in stored.items()}
    numbers = {name: str(i) for i, name in enumerate(classes, 1)}
    if not values or all(numbers.get(n) == v for n, v in values.items()):
        return ""
    some = list(classes)[:_CLASSES_TOLD]
    more = [] if len(some) == len(classes) else ["…"]
    of_map = listed([*(f"{numbers[n]} = {n}" for n in some), *more])
    of_masks = ", ".join([*(values.get(n, MISSING) for n in some), *more])
    return f"map values: {of_map} (masks: {of_masks})"


def print_reference(out: Path) -> Path:
    """Prints how well a map agrees with its reference, and returns its file."""
    from autoai4eo.deploy.mapping.reference import reference_json

    path = reference_json(out)
    found = read_json(path, "map the scene again with --reference")
    scores, estimates = found["scores"], found["estimates"]
    labels = {n: FIGURES[n].label for n in ("accuracy", "cohen_kappa", "macro_f1")}
    console.print(f"against {found['reference']} ({counted(found['pixels'], 'pixel')})")
    if left_out := found["pixels_left_out"]:
        values = found["values_left_out"]
        each = [f"{value}: {pixels:,}" for value, pixels in values.items()]
        if sum(values.values()) < left_out:
            each.append("…")
        console.print(
            f"left out: {counted(left_out, 'pixel')} whose value in the reference "
            f"({listed(each)}) stands for no class of the map; --reference-class "
            "VALUE=CLASS gives it one",
            soft_wrap=True,
        )
    console.print(
        "   ".join(f"{text} {scores[name]:.4f}" for name, text in labels.items())
    )
    mapped = {n: one["mapped_km2"] for n, one in estimates["per_class"].items()}
    names, matrix = found["classes"], scores["confusion_matrix"]
    there = [
        i
        for i, name in enumerate(names)
        if mapped[name] or any(matrix[i]) or any(row[i] for row in matrix)
    ]
    absent = [name for i, name in enumerate(names) if i not in there]
    if absent:
        console.print(
            f"neither in the reference nor in the map: {listed(absent)}",
            soft_wrap=True,
        )
    counts = [[names[i], *(matrix[i][j] for j in there)] for i in there]
    columns = ["class", *(names[i] for i in there)]
    print_table("pixels; rows: reference, columns: map", columns, counts)
    if estimates["overall_accuracy"] is None:
        one = sum(map(any, matrix)) == 1
        why = "has one class only" if one else "agrees with the map in no pixel"
        console.print(f"the reference {why}: nothing is estimated")
        return path
    console.print(
        "estimated for the area of the map (Olofsson et al. 2014), ± 1.96 standard "
        f"errors: overall accuracy {_interval(estimates['overall_accuracy'], '.3f')}"
    )
    rows = [
        [
            name,
            _text(scores["per_class"][name]["f1"]),
            _interval(one["users_accuracy"], ".3f"),
            _interval(one["producers_accuracy"], ".3f"),
            f"{one['mapped_km2']:,.2f}",
            _interval(one["area_km2"], ",.2f"),
        ]
        for name, one in estimates["per_class"].items()
        if name not in absent
    ]
    users, producers = "user's accuracy", "producer's accuracy"
    columns = ["class", "F1", users, producers, "mapped km²", "estimated km²"]
    print_table("", columns, rows)
    told = [
        figure
        for name, one in estimates["per_class"].items()
        for figure in (one["users_accuracy"], one["producers_accuracy"])
        if name not in absent and figure is not None
    ]
    if any(figure["standard_error"] == 0 for figure in told):
        console.print(
            "± 0: all pixels of the reference within that class of the map are of one "
            "class; the error is unknown then, and not 0"
        )
    if estimates["covered"] < 1:
        console.print(
            f"{1 - estimates['covered']:.1%} of the map has classes without two "
            "pixels of the reference: the estimates are of the rest"
        )
    console.print(
        "they hold for a random sample of places that the network did not learn from; "
        "neighbouring pixels are alike, so that the true errors are larger"
    )
    return path


def _text(score: float | None) -> str:
    return MISSING if score is None else f"{score:.3f}"


def _interval(told: dict[str, Any] | None, digits: str) -> str:
    if told is None:
        return MISSING
    low, high = told["interval_95"]
    return f"{told['value']:{digits}} ± {(high - low) / 2:{digits}}"


#: Number of pixels with data; columns and rows of a table.
_Table = tuple[int, list[str], list[list[Any]]]


def _blocks(out: Path) -> Iterator[Any]:
    import rasterio

    with rasterio.open(out) as file:
        for _, window in file.block_windows(1):
            yield file.read(window=window)


def _classes(out: Path, names: Sequence[str]) -> _Table:
    """In the order of the classes, so that two maps can be compared."""
    from autoai4eo.deploy.mapping.shares import class_shares

    found = class_shares(out, len(names))
    areas = found.areas
    columns = ["value", "class", "share"] + ["km²"] * (areas is not None)
    rows = [
        [i + 1, name, f"{found.shares[i]:.1%}"]
        + ([] if areas is None else [f"{areas[i]:,.2f}"])
        for i, name in enumerate(names)
        if found.pixels[i]
    ]
    return int(found.pixels.sum()), columns, rows


def _labels(out: Path, names: Sequence[str]) -> _Table:
    import numpy as np

    counts = np.zeros((len(names), 256), int)
    for block in _blocks(out):
        counts += [np.bincount(band.ravel(), minlength=256) for band in block]
    known = int(counts[0, :2].sum())
    rows = [
        [i + 1, name, f"{counts[i, 1] / max(1, known):.1%}"]
        for i, name in enumerate(names)
        if counts[i, 1]
    ]
    return known, ["band", "class", "share"], rows


def _values(out: Path, names: Sequence[str]) -> _Table:
    import numpy as np

    number = np.zeros(len(names), int)
    low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    total, known = np.zeros(len(names)), 0
    for block in _blocks(out):
        valid = np.isfinite(block)
        number += valid.sum(axis=(1, 2))
        known += int(valid.any(axis=0).sum())
        total += block.sum(axis=(1, 2), where=valid, dtype=float)
        low = np.minimum(low, block.min(axis=(1, 2), where=valid, initial=np.inf))
        high = np.maximum(high, block.max(axis=(1, 2), where=valid, initial=-np.inf))
    rows = [
        [i + 1, name, low[i], total[i] / number[i], high[i]]
        for i, name in enumerate(names)
        if number[i]
    ]
    columns = ["band", "value", "lowest", "mean", "highest"]
    return known, columns, rows
