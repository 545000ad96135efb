"""Options that several commands have."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from autoai4eo.errors import UserError
from autoai4eo.files import MAX_GIB, max_bytes
from autoai4eo.runs import databases

#: Old names of options, which still work, with a warning.
RENAMED_OPTIONS = {
    "--no-share": "--no-dense",
    "--share": "--dense",
    "--stop-hopeless": "--prune",
    "--strategies": "--tuners",
}
Bands = Annotated[
    list[str] | None,
    typer.Option(
        metavar="B02,B03,…",
        help="Take these bands; names, in their order, of bands that the data do not "
        "name. Of one input among several: sen2=B02,B03,…",
    ),
]
ClassLevel = Annotated[
    int | None,
    typer.Option(
        help="The level of folders that are the classes, from 1; by default the first "
        "with several."
    ),
]
AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Data may take pixels from files outside their own folder (HDF5's links, "
        "virtual data sets and external storage).",
    ),
]


def _set_max_gib(number: float | None) -> float | None:
    """For all readers here and in worker processes."""
    if number is not None:
        os.environ[MAX_GIB] = str(number)
        max_bytes()
    return number


MaxGib = Annotated[
    float | None,
    typer.Option(
        callback=_set_max_gib,
        help="The most memory that what is read at once (an image, a block of a scene, "
        "labels) may need; else "
        f"${MAX_GIB}, or 4.",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="postgresql://USER@HOST/DATABASE",
        # what is named so is connected to
        callback=lambda url: url and databases.name(url),
        help="The database of a run that is not recorded in its folder; else "
        "$AUTOAI4EO_STORAGE. No other is connected to.",
    ),
]


Runtime = Annotated[
    str | None,
    typer.Option(
        help="What runs the network: onnx, tensorflow, jax, litert or openvino. By "
        "default onnx on a CPU, and Keras's own backend on a GPU."
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="Of the runtime: float32 (the default), float16, bfloat16 or int8."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(help="Of the runtime; by default one for each core."),
]


def parse_bands(texts: list[str] | None) -> dict[str, list[str]] | list[str] | None:
    """What `open_dataset` takes for ``--bands``.

    Raises:
        UserError: bands with and without an input, or no bands.
    """
    if texts is None:
        return None
    parts = [text.rpartition("=") for text in texts]
    by_input = {
        name: [band.strip() for band in bands.split(",") if band.strip()]
        for name, _, bands in parts
    }
    if not all(by_input.values()):
        raise UserError(
            "--bands: expected names of bands, B02,B03,…, got none; name them, or "
            "leave it out"
        )
    if "" not in by_input:
        return by_input
    if len(parts) > 1:
        raise UserError(
            "--bands: expected once B02,B03,… or for each input INPUT=B02,B03,…, got "
            f"{' '.join(texts)}"
        )
    return by_input[""]
