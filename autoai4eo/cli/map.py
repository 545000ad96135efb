"""``map``: makes a georeferenced map of a scene."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.map_summary import print_map, print_reference
from autoai4eo.cli.options import (
    AllowRemoteScene,
    MaxGib,
    Precision,
    Runtime,
    Storage,
    Threads,
    Trial,
    Trust,
    Weights,
)
from autoai4eo.data.scenes.files import split_paths
from autoai4eo.errors import UserError


def map(
    model: Annotated[
        str,
        typer.Argument(
            help="A run folder, a .keras, SavedModel, .onnx, .tflite or OpenVINO "
            "model, or a name of the weight catalogue such as lcz42-resnet20-s2."
        ),
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCENE... OUT.tif",
            help="GeoTIFFs, VRTs or SAFE folders of one place, also as https://… or "
            "s3://…; the last path is the map.",
        ),
    ],
    bands: Annotated[
        str | None,
        typer.Option(
            help="Names of the scene's bands in their order: B02,B03,… By default "
            "those in its files."
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
    like: Annotated[
        Path | None,
        typer.Option(
            help="A raster whose grid the map takes. By default the grid of the file "
            "with the smallest pixels."
        ),
    ] = None,
    mask_clouds: Annotated[
        bool,
        typer.Option(
            "--mask-clouds", help="Treat cloud and snow in SCL or QA60 as nodata."
        ),
    ] = False,
    stride: Annotated[
        int | None,
        typer.Option(
            help="Pixels of the scene from one map pixel to the next. By default the "
            "model's map step, or 10."
        ),
    ] = None,
    season: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE,FILE,…",
            help="All files of a further scene of the place; the predictions for all "
            "scenes are averaged.",
        ),
    ] = None,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Also write OUT_probabilities.tif, with a band for each class.",
        ),
    ] = False,
    min_confidence: Annotated[
        float,
        typer.Option(min=0, max=1, help="Pixels with a lower confidence get no class."),
    ] = 0.0,
    dense: Annotated[
        bool | None,
        typer.Option(
            help="Compute once the features that windows share. By default where the "
            "result is provably equal.",
        ),
    ] = None,
    min_agreement: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="For --dense and --runtime: the share of sampled windows that must "
            "agree with the model on windows computed one by one.",
        ),
    ] = 0.99,
    overlap: Annotated[
        float | None,
        typer.Option(
            help="For a network with a class for each pixel: the share of a tile that "
            "the next one covers, too. By default 0.5, or 0 if it pads nothing.",
        ),
    ] = None,
    polygons: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.gpkg", help="Also write the areas of each class as polygons."
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(help="Simplify polygons by so many units of the map's CRS."),
    ] = 0.0,
    min_area: Annotated[
        float, typer.Option(help="Leave out polygons of fewer square metres.")
    ] = 0.0,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            help="Also draw the map beside the scene, and beside the --reference.",
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="LABELS",
            help="Hold the map against a GeoTIFF of labels, polygons or points, and "
            "write OUT_reference.json.",
        ),
    ] = None,
    reference_class: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VALUE=CLASS",
            help="What a value of the reference is in the map: 1=water, a group "
            "2=pasture+wetland, or 0=rest. By default it has the map's classes.",
        ),
    ] = None,
    reference_field: Annotated[
        str | None, typer.Option(help="The field of the polygons' class.")
    ] = None,
    unlike: Annotated[
        bool,
        typer.Option(
            "--unlike",
            help="Also write OUT_unlike.tif: how many bands of each pixel are outside "
            "of what the network was trained on.",
        ),
    ] = False,
    match_training: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="Bring each band to the training data: dark-object shifts it, against "
            "haze; moments gives it the same mean and standard deviation.",
        ),
    ] = None,
    stretch: Annotated[
        str | None,
        typer.Option(
            metavar="LOW,HIGH",
            help="For a network for colours (R, G, B) on B04, B03, B02: the "
            "reflectances that become 1 and 255. By default EuroSAT's 0,0.275.",
        ),
    ] = None,
    runtime: Runtime = None,
    precision: Precision = None,
    threads: Threads = None,
    trial: Trial = None,
    storage: Storage = None,
    weights: Weights = None,
    trust: Trust = False,
    allow_no_crs: Annotated[
        bool,
        typer.Option(
            "--allow-no-crs", help="Accept a scene without a coordinate system."
        ),
    ] = False,
    allow_remote: AllowRemoteScene = False,
    max_gib: MaxGib = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing map.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Predict for every window or pixel of a scene and write a georeferenced map.

    The map has a class for each pixel, or a band for each label or value, as the model
    predicts.

    Example: autoai4eo map RUN scene.tif map.tif --scale 0.0001
    """
    *scene, out = paths
    if not scene:
        raise UserError(
            f"map: expected MODEL SCENE OUT.tif, found no scene before {out}; name the "
            "scene, then the map"
        )
    with hushed():
        from autoai4eo import deploy
        from autoai4eo.deploy.mapping.earlier import layers_of
        from autoai4eo.deploy.mapping.reference_classes import parse_legend, values_of

        predictor = deploy.load_predictor(
            model, trial=trial, weights=weights, trust=trust
        )
    deploy.map_scene(
        predictor,
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
        overlap=overlap,
        polygons=polygons,
        tolerance=tolerance,
        min_area=min_area,
        figure=figure,
        reference=reference,
        reference_classes=parse_legend(reference_class or ()),
        reference_field=reference_field,
        unlike=unlike,
        match_training=match_training,
        stretch=_stretch(stretch),
        runtime=runtime,
        precision=precision,
        threads=threads,
        overwrite=overwrite,
        allow_no_crs=allow_no_crs,
        allow_remote=allow_remote,
        verbose=not quiet,
    )
    if not quiet:
        print_map(out, predictor.target, values_of(predictor))
        compared = None if reference is None else print_reference(out)
        made = [*layers_of(out), *filter(None, (compared, polygons, figure))]
        console.print(
            f"written: {', '.join(f'{path}' for path in made)}", soft_wrap=True
        )


def _stretch(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"--stretch: expected two reflectances LOW,HIGH such as 0,0.275, got {text}"
        ) from None
    return low, high
