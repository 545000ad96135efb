"""``inspect``: the content and the problems of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from autoai4eo.cli.console import console, print_json, print_table, told_beside
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    ClassLevel,
    ClassNames,
    Ignored,
    MaxGib,
    Task,
    Tile,
    TileStride,
    parse_bands,
    parse_ignored,
    parse_names,
)
from autoai4eo.data.class_members import having
from autoai4eo.data.masks.classes import naming_hint
from autoai4eo.data.masks.tiles import TILE, check_tile
from autoai4eo.data.quantities import quantities
from autoai4eo.data.target import TARGETS_COME_FROM
from autoai4eo.errors import UserError
from autoai4eo.text import counted, plural

_FIGURES = ("mean", "std", "minimum", "p2", "p98", "maximum", "nan", "nodata")
_GROUPS_SHOWN = 12
_ROWS_SHOWN = 40  # of scenes


def inspect(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="So2Sat HDF5, .npz, a folder or zip file of images, or scenes with "
            "--masks (or a CSV list of image and mask); further data sets are searched "
            "for copies of patches of the first."
        ),
    ],
    input: Annotated[
        list[str] | None, typer.Option(help="Show this input only.")
    ] = None,
    bands: Bands = None,
    class_level: ClassLevel = None,
    masks: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of masks (GeoTIFF or PNG), one for each scene and named "
            "like it, or the mask of one scene; for further data sets of scenes again, "
            "in order."
        ),
    ] = None,
    task: Task = None,
    ignored: Ignored = None,
    class_names: ClassNames = None,
    tile: Tile = TILE,
    tile_stride: TileStride = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    png: Annotated[
        Path | None,
        typer.Option(
            help="Write a picture of a few patches per class, beside their masks."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what data contain; exit status 2 if they would make results wrong."""
    from autoai4eo.data.masks.reopening import classes_again
    from autoai4eo.data.problems import find_problems
    from autoai4eo.data.readers.opening import open_dataset
    from autoai4eo.data.statistics import statistics

    of, names = masks_of(data, masks), parse_names(class_names)
    check_tile(tile, tile_stride)
    how: dict[str, Any] = {
        "inputs": input,
        "kind": task,
        "bands": parse_bands(bands),
        "allow_remote": allow_remote,
        "ignored": parse_ignored(ignored),
        "tile": tile,
        "tile_stride": tile_stride,
    }
    with told_beside(f"opening {data[0]}"):
        dataset = open_dataset(data[0], class_level=class_level, masks=of[0], **how)
    if names is not None:
        dataset = dataset.rename_classes(names)
        how |= classes_again(dataset.opened, dataset.class_names)
    how |= {"class_level": class_level, "unlabelled": True}
    others = {}
    for further, its_masks in zip(data[1:], of[1:], strict=True):
        with told_beside(f"opening {further}"):
            others[str(further)] = open_dataset(further, masks=its_masks, **how)
    if png is not None:
        from autoai4eo.files import check_can_write
        from autoai4eo.report.samples import write_samples

        check_can_write(png)
        with told_beside(f"drawing {png}"):
            write_samples(dataset, png)
    with told_beside(f"reading {dataset.path}"):
        found = statistics(dataset)
    with told_beside("looking for problems"):
        problems = find_problems(dataset, found, others)
    notes = [str(problem) for problem in problems if not problem.serious]
    serious = [str(problem) for problem in problems if problem.serious]
    if json:
        content = _content(dataset, found, notes, serious)
        content["others"] = {
            path: {
                "samples": len(other),
                "classes": dict(zip(other.class_names, _counts(other), strict=True)),
            }
            for path, other in others.items()
        }
        print_json(content)
    else:
        _show(dataset, found)
        for path, other in others.items():
            console.print(f"compared with: {path} ({counted(len(other), 'sample')})")
        _list("notes", notes)
        _list("problems", serious)
        if not problems:
            console.print("no problems found")
        if png is not None:
            console.print(f"written: {png}")
    if serious:
        number = counted(len(serious), "problem")
        told = f": {serious[0]}" if json else ", listed under problems"
        raise UserError(
            f"{dataset.path}: expected data that give right results, "
            f"found {number}{told}"
        )


def masks_of(data: list[Path], masks: list[Path] | None) -> list[Path | None]:
    """Returns the masks of each data set; None: it has its own, or none.

    Raises:
        UserError: there are several masks, but not one for each data set.
    """
    given = masks or []
    if len(given) > 1 and len(given) != len(data):
        raise UserError(
            f"--masks: expected one for each of the {len(data)} data sets, in their "
            f"order, got {len(given)}; or one, for the first"
        )
    return [*given, *[None] * (len(data) - len(given))]


def _list(title: str, sentences: list[str]) -> None:
    if sentences:
        console.print(title)
    for sentence in sentences:
        console.print(f"- {sentence}")


def _counts(dataset: Any, rows: np.ndarray | None = None) -> list[int]:
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


def _content(
    dataset: Any, found: Any, notes: list[str], problems: list[str]
) -> dict[str, Any]:
    """The content of ``--json``."""
    names = dataset.class_names
    kinds = {s.name: quantities(s.bands, found[s.name].p98) for s in dataset.inputs}
    return {
        "path": dataset.path,
        "samples": len(dataset),
        "target": dataset.target.kind,
        "unlabelled": int((~dataset.known).sum()),
        "classes": dict(zip(names, _counts(dataset), strict=True)),
        **_pixels(dataset),
        "groups": {
            group: {
                str(member): dict(
                    zip(names, _counts(dataset, members == member), strict=True)
                )
                for member in np.unique(members)
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


def _show(dataset: Any, found: Any) -> None:
    console.print(f"{dataset.path}   {counted(len(dataset), 'sample')}")
    for spec in dataset.inputs:
        kinds = quantities(spec.bands, found[spec.name].p98)
        rows = [
            [
                band.name,
                band.wavelength,
                kinds[i],
                *_figures(found[spec.name], i, _FIGURES).values(),
            ]
            for i, band in enumerate(spec.bands)
        ]
        title = f"{spec.name}   {spec.sensor}   {spec.height}×{spec.width} pixels"
        print_table(title, ["band", "nm", "quantity", *_FIGURES], rows)
    if dataset.target.kind == "none":
        console.print(f"no labels: fit cannot learn from these; {TARGETS_COME_FROM}")
        return
    counts = _counts(dataset)
    members = {name: np.unique(of) for name, of in dataset.groups.items()}
    pixels = _pixels(dataset)
    most = _ROWS_SHOWN if pixels else _GROUPS_SHOWN
    few = {name: of for name, of in members.items() if len(of) <= most}
    shown = {
        f"{name} {member}": _counts(dataset, dataset.groups[name] == member)
        for name, of in few.items()
        for member in of
        if not pixels  # whose groups have a table of their own
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
    every = sum(counts) if pixels else len(dataset)
    target = dataset.target
    of_classes = target.kind != "value"
    # a note names classes without samples
    noted = of_classes and dataset.known.any()
    listed = [i for i, n in enumerate(counts) if n or not noted]
    groups = {**spread, **shown}
    alike = {
        name: column[listed[0]]
        for name, column in groups.items()
        if len({column[i] for i in listed}) == 1
    }
    columns: dict[str, Any] = {
        **({"share": np.array(counts) / max(1, every)} if of_classes else {}),
        "pixels" if pixels else "samples": counts,
        **({"samples": [*pixels["samples_with_class"].values()]} if pixels else {}),
        **_spreads(dataset),
        **{n: column for n, column in groups.items() if n not in alike},
    }
    names = dataset.class_names
    rows = [[names[i], *(column[i] for column in columns.values())] for i in listed]
    title = target.nouns + (", several per sample" if target.kind == "labels" else "")
    print_table(title, [target.noun, *columns], rows)
    if alike:
        told = [
            f"{n:,} {name}" if name in spread else f"{counted(n, 'sample')} in {name}"
            for name, n in alike.items()
        ]
        console.print(f"of each {target.noun}: {', '.join(told)}")
    if hint := naming_hint(target):
        console.print(hint)
    for name, of in few.items() if pixels else ():
        _show_scenes(dataset, name, of)
    if pixels and pixels["ignored_pixels"]:
        share = pixels["ignored_pixels"] / max(1, every + pixels["ignored_pixels"])
        console.print(
            f"{share:.2%} of the pixels of all samples have no known class or no data, "
            "lie outside of their scene, or are in another tile as well"
        )


def _show_scenes(dataset: Any, group: str, members: np.ndarray) -> None:
    """Prints a row for each scene, or another group of tiles: shares of the classes."""
    rows = []
    for member in members:
        here = dataset.groups[group] == member
        counts = np.array(_counts(dataset, here))
        every = int(counts.sum())
        rows.append([str(member), int(here.sum()), every, *(counts / max(1, every))])
    heads = [group, "tiles", "pixels", *dataset.class_names]
    print_table(f"{plural(group)}: share of each class", heads, rows)
