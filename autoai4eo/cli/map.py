"""``map``: a scene in, a georeferenced class map out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed, print_table
from autoai4eo.cli.options import MaxGib, Storage
from autoai4eo.data.scenes.files import split_paths
from autoai4eo.errors import UserError


def map(
    model: Annotated[
        str,
        typer.Argument(
            help="A run folder, a .keras, SavedModel or .onnx file, or a name of the "
            "weight catalogue such as lcz42-resnet20-s2."
        ),
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCENE... OUT.tif",
            help="GeoTIFFs, VRTs or a SAFE folder of one place, also as https://… or "
            "s3://…, and last the map.",
        ),
    ],
    bands: Annotated[
        str | None,
        typer.Option(help="B02,B03,…: the scene's bands in their order."),
    ] = None,
    scale: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|tags",
            help="Value = digital number × scale + offset; tags: each band's own.",
        ),
    ] = "1",
    offset: Annotated[float, typer.Option(help="See --scale.")] = 0.0,
    like: Annotated[
        Path | None,
        typer.Option(help="A raster whose grid the map takes, not the finest file's."),
    ] = None,
    mask_clouds: Annotated[
        bool,
        typer.Option(
            "--mask-clouds", help="Cloud and snow of the bands SCL or QA60 are nodata."
        ),
    ] = False,
    stride: Annotated[
        int | None,
        typer.Option(help="Pixels to a cell. By default the model's map step, or 10."),
    ] = None,
    season: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE,FILE,…",
            help="A further scene of the place, all its files; probabilities are "
            "averaged.",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write those of all classes.")
    ] = False,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Pixels under it have no class.")
    ] = 0.0,
    dense: Annotated[
        bool | None,
        typer.Option(
            help="Compute once what windows have in common. By default where that is "
            "provably equal.",
        ),
    ] = None,
    min_agreement: Annotated[
        float, typer.Option(min=0, max=1, help="With exact windows, for --dense.")
    ] = 0.99,
    trial: Annotated[
        int | None, typer.Option(help="This trial of the run, not its finalist.")
    ] = None,
    storage: Storage = None,
    weights: Annotated[
        Path | None, typer.Option(help="The file of the catalogue's weights.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Run a SavedModel, which can read and write files: only where you "
            "know who made it.",
        ),
    ] = False,
    allow_no_crs: Annotated[bool, typer.Option("--allow-no-crs")] = False,
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote",
            help="Read whatever a VRT names, elsewhere or in the network, and any "
            "format of GDAL: only where you know who made it.",
        ),
    ] = False,
    max_gib: MaxGib = None,
    overwrite: Annotated[bool, typer.Option("--overwrite")] = False,
    quiet: Annotated[bool, typer.Option("--quiet")] = False,
) -> None:
    """Classify a scene: writes a georeferenced map of classes."""
    *scene, out = paths
    if not scene:
        raise UserError(
            f"map: expected MODEL SCENE OUT.tif, found no scene before {out}; name the "
            "scene, then the map"
        )
    with hushed():
        from autoai4eo import deploy
    classifier = deploy.load_classifier(
        model, trial=trial, weights=weights, trust=trust
    )
    deploy.map_scene(
        classifier,
        scene,
        out,
        bands=None if bands is None else bands.split(","),
        scale=scale,
        offset=offset,
        like=like,
        mask_clouds=mask_clouds,
        stride=stride,
        seasons=[split_paths(files) for files in season or ()],
        probabilities=probabilities,
        min_confidence=min_confidence,
        dense=dense,
        min_agreement=min_agreement,
        overwrite=overwrite,
        allow_no_crs=allow_no_crs,
        allow_remote=allow_remote,
        verbose=not quiet,
    )
    if not quiet:
        _tell(out, classifier.classes)


def _tell(out: Path, classes: tuple[str, ...]) -> None:
    """How much of the map each class has."""
    import numpy as np
    import rasterio

    counts = np.zeros(len(classes) + 1, int)
    with rasterio.open(out) as cells:
        height, width = cells.shape
        for _, block in cells.block_windows(1):
            found = cells.read(1, window=block).ravel()
            counts += np.bincount(found, minlength=len(counts))
    known = counts[1:].sum()
    rows = [
        [number, classes[number - 1], f"{counts[number] / max(1, known):.1%}"]
        for number in np.argsort(-counts[1:], kind="stable") + 1
        if counts[number]
    ]
    console.print(
        f"{out}: {height:,} × {width:,} cells, {known:,} with data",
        soft_wrap=True,
    )
    print_table("", ["value", "class", "share"], rows)
