"""``inspect``: the content and the problems of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import console, print_json, told_beside
from autoai4eo.cli.data_paths import check_no_run
from autoai4eo.cli.data_summary import content, counts, print_data
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
from autoai4eo.data.masks.tiles import TILE, check_tile
from autoai4eo.errors import UserError
from autoai4eo.text import counted


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
    check_no_run(*data)
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
        told = content(dataset, found, notes, serious)
        told["others"] = {
            path: {
                "samples": len(other),
                "classes": dict(zip(other.class_names, counts(other), strict=True)),
            }
            for path, other in others.items()
        }
        print_json(told)
    else:
        print_data(dataset, found)
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
        where = f": {serious[0]}" if json else ", listed under problems"
        raise UserError(
            f"{dataset.path}: expected data that give right results, "
            f"found {number}{where}"
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
