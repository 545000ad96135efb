"""Options that several commands have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.devices.tokens import TOKEN, TOKEN_FILE, read_token
from autoai4eo.errors import UserError
from autoai4eo.files import MAX_GIB, max_bytes
from autoai4eo.runs import databases

#: Old names of options, by command, which still work, with a warning.
RENAMED_OPTIONS = {
    ("fit", "--stop-hopeless"): "--prune",
    ("map", "--no-share"): "--no-dense",
    ("map", "--share"): "--dense",
    ("simulate", "--strategies"): "--tuners",
}
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", help="Use this input. By default all."),
]
LatencyBatchSize = Annotated[
    int, typer.Option(min=1, help="Batch size that latency is measured with.")
]
PretrainedWeights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME[=FILE]",
        help="With --masks: try a trunk with pretrained weights of the catalogue, too, "
        "such as imagenet-resnet50; FILE where they are not downloaded.",
    ),
]
Bands = Annotated[
    list[str] | None,
    typer.Option(
        metavar="B02,B03,…",
        help="Use these bands; if the data do not name theirs: their names, in order. "
        "For several inputs once for each, sen2=B02,B03,…; fit and inspect leave "
        "out inputs that are not named.",
    ),
]
ClassLevel = Annotated[
    int | None,
    typer.Option(
        help="The level of folders that are the classes, from 1. By default the first "
        "level with several folders. For BigEarthNet the number of classes, 19 or 43."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an existing file.")
]
BlockKm = Annotated[
    float | None,
    typer.Option(
        help="Side of the squares of the group spatial_block, in kilometres. By "
        "default a tenth of the longer side of the samples' area."
    ),
]
Prior = Annotated[
    list[Path] | None,
    typer.Option(
        help="Learn from an earlier search, also of other data: a run's folder, a "
        "database of networks or a CSV file. Several are possible."
    ),
]
Rule = Annotated[
    str | None,
    typer.Option(
        help="Select as the finalist: one-se, the cheapest candidate within one "
        "standard error of the best; knee, where the front bends most. By default "
        "the best by the first objective."
    ),
]
Masks = Annotated[
    Path | None,
    typer.Option(
        help="A folder of masks (GeoTIFF or PNG), one for each scene and named like "
        "it, such as a_mask.tif for a.tif; or the mask of one scene. Data are then "
        "tiles."
    ),
]
ValMasks = Annotated[
    Path | None,
    typer.Option("--val-masks", help="The masks of the scenes of --val."),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="What to learn, where the data allow several: class, labels, value, mask.",
    ),
]
Ignored = Annotated[
    list[str] | None,
    typer.Option(
        metavar="0,255,…",
        help="Values of masks whose pixels have no known class; repeatable.",
    ),
]
ClassNames = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,NAME,…",
        help="Names of the classes in the order of their values, where the data have "
        "none.",
    ),
]
Tile = Annotated[int, typer.Option(help="Edge of a tile of a scene, in pixels.")]
TileStride = Annotated[
    int | None,
    typer.Option(help="Pixels from tile to tile; without it the tile's edge."),
]
AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Let data read pixels from files outside their own folder (by HDF5 links, "
        "virtual data sets and external storage).",
    ),
]

AllowRemoteScene = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Let a VRT read files elsewhere and on the network, in any format of "
        "GDAL: use it only if you know who made the VRT.",
    ),
]


def _set_max_gib(number: float | None) -> float | None:
    """Sets the limit for all readers, here and in worker processes."""
    if number is not None:
        os.environ[MAX_GIB] = str(number)
        max_bytes()
    return number


MaxGib = Annotated[
    float | None,
    typer.Option(
        callback=_set_max_gib,
        help="Limit of the memory for one read (an image, a block of a scene, "
        f"labels), in GiB. By default ${MAX_GIB}, or 4.",
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="postgresql://USER@HOST/DATABASE",
        # commands may connect to a database that is named here
        callback=lambda url: url and databases.name(url),
        help="The database of a run that is not recorded in its folder. By default "
        "$AUTOAI4EO_STORAGE; a database named only by the run is never used.",
    ),
]

SearchStorage = Annotated[
    str | None,
    typer.Option(
        help="postgresql://USER@HOST/DATABASE, for several machines that share "
        "OUT. By default a file in OUT."
    ),
]


Runtime = Annotated[
    str | None,
    typer.Option(
        help="What runs the network: onnx, tensorflow, jax, litert or openvino. By "
        "default onnx on a CPU, and Keras's own backend on a GPU."
    ),
]
Trial = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|ensemble-NUMBER",
        help="A trial of the run, or an ensemble. By default its finalist.",
    ),
]
Weights = Annotated[
    Path | None, typer.Option(help="The file of the catalogue's weights.")
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run a SavedModel. It can read and write any file: use it only if you "
        "know who made the model.",
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


def _set_token_file(file: Path | None) -> Path | None:
    """Names the file with a device's token, here and for worker processes."""
    if file is not None:
        read_token(file)
        os.environ[TOKEN_FILE] = str(file.absolute())
    return file


Device = Annotated[
    str | None,
    typer.Option(
        metavar="http://HOST:PORT",
        help="Measure latency on this device, where autoai4eo device serve runs. Its "
        f"token is in ${TOKEN} or --device-token-file.",
    ),
]
DeviceTokenFile = Annotated[
    Path | None,
    typer.Option(callback=_set_token_file, help="The file with the token of --device."),
]


DeviceProfile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Predict latency on the device where autoai4eo device profile wrote FILE.",
    ),
]


def parse_bands(texts: list[str] | None) -> dict[str, list[str]] | list[str] | None:
    """Returns the argument ``bands`` of `open_dataset` for ``--bands``.

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


def parse_ignored(texts: list[str] | None) -> list[int] | None:
    """Returns the values of ``--ignored``.

    Raises:
        UserError: one is no whole number.
    """
    if texts is None:
        return None
    values = [value.strip() for text in texts for value in text.split(",")]
    try:
        return [int(value) for value in values]
    except ValueError:
        raise UserError(
            "--ignored: expected whole numbers with commas between them, such as "
            f"0,255, got {','.join(texts)!r}"
        ) from None


def parse_names(text: str | None) -> list[str] | None:
    """Returns the names of ``--class-names``.

    Raises:
        UserError: one is empty.
    """
    names = None if text is None else [name.strip() for name in text.split(",")]
    if names is not None and not all(names):
        raise UserError(
            f"--class-names: expected names with commas between them, got {text!r}"
        )
    return names


def parse_shares(text: str) -> tuple[float, ...]:
    """Returns the shares of ``--split``.

    Raises:
        UserError: they are no two or three shares that add up to 1.
    """
    try:
        shares = tuple(float(share) for share in text.split("/"))
    except ValueError:
        shares = ()
    if len(shares) not in (2, 3) or abs(sum(shares) - 1) > 1e-6 or min(shares) <= 0:
        raise UserError(
            "--split: expected two or three shares that add up to 1, such as "
            f"0.8/0.1/0.1, got {text!r}"
        )
    return shares
