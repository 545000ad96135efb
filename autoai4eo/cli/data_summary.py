"""What ``inspect`` tells of a data set, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autoai4eo.cli.console import console, print_table
from autoai4eo.data.class_members import having
from autoai4eo.data.masks.classes import naming_hint
from autoai4eo.data.quantities import quantities
from autoai4eo.data.target import TARGETS_COME_FROM
from autoai4eo.text import counted, plural

_FIGURES = ("mean", "std", "minimum", "p2", "p98", "maximum", "nan", "nodata")
_GROUPS_SHOWN = 12
_ROWS_SHOWN = 40  # of scenes


def counts(dataset: Any, rows: np.ndarray | None = None) -> list[int]:
    """Counts the samples of each class or label, or with each value; pixels of masks.

    Args:
        rows: which samples are counted, bool (N,); None: all.
    """
    some = dataset if rows is None else dataset.subset(rows)
    return [int(n) for n in some.label_counts()]


def _spreads(dataset: Any) -> dict[str, list[float]]:
    """Mean, std, minimum and maximum of each value; {} for classes and labels."""
    if dataset.target.kind != "value":
        return {}
    known = np.ma.masked_invalid(dataset.targets.astype(float))
    return {
        name: [float(v) for v in getattr(known, of)(axis=0)]
        for name, of in {
            "mean": "mean",
            "std": "std",
            "minimum": "min",
            "maximum": "max",
        }.items()
    }


def content(
    dataset: Any, found: Any, notes: list[str], problems: list[str]
) -> dict[str, Any]:
    """Returns the content of ``--json``."""
    names = dataset.class_names
    kinds = {s.name: quantities(s.bands, found[s.name].p98) for s in dataset.inputs}
    return {
        "path": dataset.path,
        "samples": len(dataset),
        "target": dataset.target.kind,
        "unlabelled": int((~dataset.known).sum()),
        "classes": dict(zip(names, counts(dataset), strict=True)),
        **_pixels(dataset),
        "groups": {
            group: {
                str(member): dict(
                    zip(names, counts(dataset, members == member), strict=True)
                )
                for member in _in_order(members)
            }
            for group, members in dataset.groups.items()
        },
        "inputs": {
            spec.name: {
                "sensor": spec.sensor,
                "shape": list(spec.shape),
                "level": spec.level,
                "bands_named": spec.named,
                "bands": [
                    {
                        "name": band.name,
                        "wavelength": band.wavelength,
                        "quantity": kinds[spec.name][i],
                        **_figures(found[spec.name], i, (*_FIGURES, *_MORE_FIGURES)),
                    }
                    for i, band in enumerate(spec.bands)
                ],
            }
            for spec in dataset.inputs
        },
        "notes": notes,
        "problems": problems,
    }


def _pixels(dataset: Any) -> dict[str, Any]:
    """Tiles with each class, and pixels without a known class; {} without masks."""
    if dataset.target.kind != "mask":
        return {}
    every = len(dataset) * int(np.prod(dataset.target.shape))
    tiles = [int(having(dataset, i).sum()) for i in range(dataset.num_classes)]
    return {
        "samples_with_class": dict(zip(dataset.class_names, tiles, strict=True)),
        "ignored_pixels": every - int(dataset.class_pixels.sum()),
        "mask_shape": list(dataset.target.shape),
    }


_MORE_FIGURES = ("inf", "fill", "fill_share", "border", "zeros")


def _figures(
    statistics: Any, band: int, names: tuple[str, ...]
) -> dict[str, float | None]:
    values = {name: float(getattr(statistics, name)[band]) for name in names}
    return {name: None if v != v else v for name, v in values.items()}


def print_data(dataset: Any, found: Any) -> None:
    """Prints a table of each input's bands, and one of the classes or values."""
    console.print(f"{dataset.path}   {counted(len(dataset), 'sample')}")
    # in tiles medians take the place of missing values
    shown = _FIGURES if not _has_tiles(dataset) else _FIGURES[:-2]
    for spec in dataset.inputs:
        kinds = quantities(spec.bands, found[spec.name].p98)
        rows = [
            [
                band.name,
                band.wavelength,
                kinds[i],
                *_figures(found[spec.name], i, shown).values(),
            ]
            for i, band in enumerate(spec.bands)
        ]
        title = f"{spec.name}   {spec.sensor}   {spec.height}×{spec.width} pixels"
        print_table(title, ["band", "nm", "quantity", *shown], rows)
    if dataset.target.kind == "none":
        console.print(f"no labels: fit cannot learn from these; {TARGETS_COME_FROM}")
        return
    _print_targets(dataset)


def _print_targets(dataset: Any) -> None:
    target, names, number = dataset.target, dataset.class_names, counts(dataset)
    members = {name: _in_order(of) for name, of in dataset.groups.items()}
    pixels = _pixels(dataset)
    most = _ROWS_SHOWN if pixels else _GROUPS_SHOWN
    few = {name: of for name, of in members.items() if len(of) <= most}
    # a note names classes without samples
    noted = target.kind != "value" and dataset.known.any()
    listed = [i for i, n in enumerate(number) if n or not noted]
    in_rows = {} if pixels or len(listed) > 1 else few  # else in columns
    shown = {
        f"{name} {member}": counts(dataset, dataset.groups[name] == member)
        for name, of in few.items()
        for member in of
        if not pixels and name not in in_rows
    }
    # for kinds of groups with many members: how many of them have the class; a name of
    # each sample counts these once more
    spread = {
        f"different {plural(name.replace('_', ' '))}": [
            len(np.unique(dataset.groups[name][having(dataset, i)]))
            for i in range(dataset.num_classes)
        ]
        for name, of in members.items()
        if name not in few and len(of) < len(dataset)
    }
    every = sum(number) if pixels else len(dataset)
    groups = {**spread, **shown}
    alike = {
        name: column[listed[0]]
        for name, column in groups.items()
        if len({column[i] for i in listed}) == 1
    }
    share = (
        {} if target.kind == "value" else {"share": np.array(number) / max(1, every)}
    )
    columns: dict[str, Any] = {
        **share,
        "pixels" if pixels else "samples": number,
        **({"samples": [*pixels["samples_with_class"].values()]} if pixels else {}),
        **_spreads(dataset),
        **{n: column for n, column in groups.items() if n not in alike},
    }
    rows = [[names[i], *(column[i] for column in columns.values())] for i in listed]
    title = target.nouns + (", several per sample" if target.kind == "labels" else "")
    print_table(title, [target.noun, *columns], rows)
    if alike:
        told = [
            f"{n:,} {name}" if name in spread else f"{counted(n, 'sample')} in {name}"
            for name, n in alike.items()
        ]
        console.print(f"of each {target.noun}: {', '.join(told)}")
    for name, of in in_rows.items():
        sizes = [[str(one), int((dataset.groups[name] == one).sum())] for one in of]
        print_table(plural(name.replace("_", " ")), [name, "samples"], sizes)
    if hint := naming_hint(target):
        console.print(hint)
    for name, of in few.items() if pixels else ():
        _print_scenes(dataset, name, of)
    if pixels and pixels["ignored_pixels"]:
        left_out = pixels["ignored_pixels"] / max(1, every + pixels["ignored_pixels"])
        what = "have no known class or no data"
        if _has_tiles(dataset):
            what += ", lie outside of their scene, or are in another tile as well"
        console.print(f"{left_out:.2%} of the pixels of all samples {what}")


def _has_tiles(dataset: Any) -> bool:
    """Returns whether the samples are tiles of scenes with masks."""
    return dataset.opened.get("masks") is not None


def _in_order(groups: np.ndarray) -> list[Any]:
    """Returns each group once, sorted; numbers by their value."""
    found = np.unique(groups).tolist()
    texts = [str(one) for one in found]
    return sorted(found, key=int) if all(t.isdecimal() for t in texts) else found


def _print_scenes(dataset: Any, group: str, members: Sequence[Any]) -> None:
    """Prints a row for each scene, or another group of tiles: shares of the classes."""
    rows = []
    there = np.flatnonzero(counts(dataset))
    for member in members:
        here = dataset.groups[group] == member
        number = np.array(counts(dataset, here))[there]
        every = int(number.sum())
        rows.append([str(member), int(here.sum()), every, *(number / max(1, every))])
    heads = [group, "tiles", "pixels", *(dataset.class_names[i] for i in there)]
    print_table(f"{plural(group)}: share of each class", heads, rows)
