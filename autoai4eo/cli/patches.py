"""``patches``: cuts training data out of scenes, where polygons say the class."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import console, print_table
from autoai4eo.cli.options import AllowRemoteScene, MaxGib, Overwrite
from autoai4eo.data.scenes.files import split_paths
from autoai4eo.errors import UserError
from autoai4eo.text import counted


def patches(
    scenes: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENE...",
            help="Scenes: GeoTIFFs, VRTs or SAFE folders of any places and dates. The "
            "files of one scene with commas between them: S2.tif,S1.tif",
        ),
    ],
    labels: Annotated[
        list[Path],
        typer.Option(
            help="Polygons and points with classes: KML, KMZ, GeoJSON, GeoPackage or "
            "a shapefile."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The HDF5 file to write.")],
    field: Annotated[
        str | None,
        typer.Option(
            help="The field with the class. By default class, label or lcz; in KML the "
            "folders, or the names of the placemarks."
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="Pixels along a patch.")] = 32,
    stride: Annotated[
        int, typer.Option(min=1, help="Pixels from window to window, as in map.")
    ] = 10,
    min_share: Annotated[
        float | None,
        typer.Option(
            help="Take windows of which a polygon covers at least this share. By "
            "default those whose centre lies in a polygon."
        ),
    ] = None,
    input: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=B02,B03,…",
            help="An input and its bands. By default sen2 with all bands of "
            "Sentinel-2, sen1 with those of radar, image with others.",
        ),
    ] = None,
    bands: Annotated[
        str | None,
        typer.Option(
            help="Names of the scenes' bands in their order: B02,B03,… By default "
            "those in their files."
        ),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|tags",
            help="Value = digital number × scale + offset; tags: those of each file.",
        ),
    ] = "1",
    offset: Annotated[float, typer.Option(help="See --scale.")] = 0.0,
    mask_clouds: Annotated[
        bool,
        typer.Option(
            "--mask-clouds", help="Treat cloud and snow in SCL or QA60 as nodata."
        ),
    ] = False,
    layer: Annotated[
        str | None,
        typer.Option(help="A layer of the labels, or a folder of KML."),
    ] = None,
    labels_crs: Annotated[
        str | None,
        typer.Option(
            metavar="EPSG:4326",
            help="The coordinate system of the labels, if their file does not say it.",
        ),
    ] = None,
    lcz: Annotated[
        bool | None,
        typer.Option(
            "--lcz/--no-lcz",
            help="Take classes for local climate zones (1 to 10, A to G, their names), "
            "and leave out others. By default if all of them are zones.",
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Repair polygons that cross themselves."),
    ] = False,
    drop_overlap: Annotated[
        bool,
        typer.Option(
            "--drop-overlap",
            help="Leave out where polygons of different classes overlap. By default "
            "the smaller polygon counts.",
        ),
    ] = False,
    target: Annotated[
        str,
        typer.Option(
            help="class: of each patch; mask: of each pixel, for segmentation."
        ),
    ] = "class",
    allow_remote: AllowRemoteScene = False,
    max_gib: MaxGib = None,
    overwrite: Overwrite = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Cut patches out of scenes, with the classes of polygons or points.

    Example: autoai4eo patches scene.tif --labels areas.kml --scale 0.0001
    --out patches.h5
    """
    if len(labels) > 1:
        raise UserError(
            f"--labels: expected one file, found {len(labels)}; merge them into one"
        )
    from autoai4eo.data import cut_patches

    cut_patches(
        [split_paths(files) for files in scenes],
        labels[0],
        out,
        field=field,
        size=size,
        stride=stride,
        min_share=min_share,
        inputs=_inputs(input),
        bands=None if bands is None else bands.split(","),
        scale=scale,
        offset=offset,
        mask_clouds=mask_clouds,
        layer=layer,
        labels_crs=labels_crs,
        lcz=lcz,
        repair=repair,
        drop_overlap=drop_overlap,
        target=target,
        overwrite=overwrite,
        allow_remote=allow_remote,
        verbose=0 if quiet else 1,
    )
    if not quiet:
        _tell(out, target)


def _inputs(texts: list[str] | None) -> dict[str, list[str]] | None:
    if not texts:
        return None
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, bands = text.partition("=")
        if not equals or name.strip() in found:
            raise UserError(
                f"--input: expected each input once, such as sen2=B02,B03,B04, got "
                f"{' '.join(texts)}"
            )
        found[name.strip()] = bands.split(",")
    return found


def _tell(out: Path, target: str) -> None:
    """Prints what a file of patches holds, by class."""
    import h5py
    import numpy as np

    with h5py.File(out) as file:
        names = list(file.attrs["class_names"])
        polygons = file["polygon"][:]
        label = file["label"]
        rows: list[list[Any]] = []
        for i, name in enumerate(names):
            some = (
                label[:, i] > 0
                if target == "class"
                else np.array([(one == i).any() for one in label])
            )
            if some.any():
                # a mask shows classes of other polygons, too
                of = [len(np.unique(polygons[some]))] if target == "class" else []
                rows.append([name, *of, int(some.sum())])
        inputs = ", ".join(
            f"{key.removesuffix('_bands')} ({' '.join(value)})"
            for key, value in file.attrs.items()
            if key.endswith("_bands")
        )
        scenes = len(np.unique(file["scene"][:]))
        size = "{}×{}".format(*label.file[_first(file)].shape[1:3])
    console.print(
        f"{out}: {counted(len(polygons), 'patch')} of {size} pixels from "
        f"{counted(scenes, 'scene')}; {inputs}",
        soft_wrap=True,
    )
    # a patch with a mask counts for each class in it
    counts = ["polygons", "patches"] if target == "class" else ["patches with it"]
    print_table("", ["class", *counts], rows)
    console.print(
        f"next: autoai4eo fit {quote(str(out))} --group polygon --out RUN",
        soft_wrap=True,
    )


def _first(file: Any) -> str:
    """Returns the name of the first input."""
    import json

    return str(json.loads(file.attrs["inputs"])[0])
