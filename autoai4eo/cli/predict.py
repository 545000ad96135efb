"""``predict``: writes a table of what a network predicts for patches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.data_paths import check_no_run
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    ClassLevel,
    MaxGib,
    Storage,
    Trial,
    Trust,
    Weights,
    parse_bands,
)
from autoai4eo.text import counted


def predict(
    model: Annotated[
        str,
        typer.Argument(
            help="A run folder, a .keras, SavedModel, .onnx, .tflite or OpenVINO "
            "model, or a name of the weight catalogue."
        ),
    ],
    data: Annotated[Path, typer.Argument(help="Patches, with or without labels.")],
    out: Annotated[
        Path,
        typer.Argument(
            help="The table, by its ending: .csv, .parquet, .gpkg or .geojson; the "
            "last two have a point for each patch."
        ),
    ],
    trial: Trial = None,
    storage: Storage = None,
    weights: Weights = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    trust: Trust = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing table.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Predict for patches, and write a table with a row for each.

    It has the class and the probability of each class, the labels, or the values, as
    the network predicts; and longitude and latitude where the data have them. A class
    for each pixel is written by `autoai4eo map`.

    Example: autoai4eo predict RUN patches.h5 predictions.csv
    """
    with hushed():
        from autoai4eo import deploy
        from autoai4eo.deploy.tables import check

        check(out, overwrite)
        check_no_run(data)
        predictor = deploy.load_predictor(
            model, trial=trial, weights=weights, trust=trust
        )
    dataset = deploy.open_unlabelled(
        predictor,
        data,
        bands=parse_bands(bands),
        class_level=class_level,
        allow_remote=allow_remote,
    )
    number = deploy.predict_table(
        predictor, dataset, out, batch_size=batch_size, overwrite=overwrite
    )
    if not quiet:
        console.print(f"written: {out} ({counted(number, 'patch')})", soft_wrap=True)
