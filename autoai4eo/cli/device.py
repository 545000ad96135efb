"""``device``: measures networks where they will run.

`autoai4eo.__main__` runs ``device serve`` itself, where it is called as a command: this
is for who calls the command line from Python, and for the help.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    ClassLevel,
    Device,
    DeviceTokenFile,
    Inputs,
    LatencyBatchSize,
    MaxGib,
    Overwrite,
    Precision,
    Runtime,
    Threads,
    parse_bands,
)
from autoai4eo.cli.usage import Commands
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write, check_not_input, check_replaceable, written

app = Commands(
    help="Measure networks on the device where they will run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def device() -> None:
    """Measure networks on the device where they will run."""


@app.command(
    "serve",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def serve(context: typer.Context) -> None:
    """Measure networks here for a search on another machine.

    Example: autoai4eo device serve --runtime litert --threads 2
    """
    from autoai4eo.devices.serving import main

    raise typer.Exit(main(context.args))


@app.command("profile")
def profile(
    out: Annotated[Path, typer.Option(help="The file to write, such as nano.json.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="The training data of the searches that will use the profile. By "
            "default the shapes of So2Sat LCZ42."
        ),
    ] = None,
    input: Inputs = None,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    latency_batch_size: LatencyBatchSize = 1,
    runtime: Runtime = None,
    precision: Precision = None,
    threads: Threads = None,
    device: Device = None,
    device_token_file: DeviceTokenFile = None,
    single_layers: Annotated[
        int, typer.Option(min=2, help="Layers to measure, each as a network.")
    ] = 60,
    networks: Annotated[int, typer.Option(min=2, help="Networks to measure.")] = 40,
    held_out: Annotated[
        int, typer.Option(min=10, help="Further networks, to judge the predictions on.")
    ] = 50,
    overwrite: Overwrite = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Measure once what predicts latency where the device cannot be reached later.

    Measures here, or on --device. `autoai4eo fit --device-profile FILE` then predicts.

    Example: autoai4eo device profile --data training.h5 --out nano.json
    """
    if data is None and (bands is not None or class_level is not None):
        raise UserError(
            "--bands, --class-level: expected --data beside them, found none; add "
            "--data, or leave them out"
        )
    check_can_write(out)
    check_not_input(out, filter(None, [data]))
    check_replaceable(out, overwrite)
    with hushed():
        from autoai4eo.data.readers.opening import open_dataset
        from autoai4eo.devices.profiling import Sizes
        from autoai4eo.log import log
        from autoai4eo.tasks import AutoModel, So2SatClassifier, model_of
        from autoai4eo.tasks.profiling import profile_device, so2sat_patches
    asked: dict[str, Any] = {
        "inputs": input,
        "latency_batch_size": latency_batch_size,
        "runtime": runtime,
        "precision": precision,
        "threads": threads,
        "device": device,
    }
    model: AutoModel
    given: Any
    if data is None:
        model, given = So2SatClassifier(**asked), so2sat_patches()
    else:
        opened = open_dataset(
            data,
            inputs=input,
            bands=parse_bands(bands),
            class_level=class_level,
            allow_remote=allow_remote,
        )
        model, given = model_of(opened.target.kind)(**asked), (opened,)
    sizes = Sizes(single_layers, networks, held_out)
    measured = profile_device(model, *given, sizes=sizes, tell=log(not quiet))
    with written(out):
        measured.write(out)
    if not quiet:
        about, judged = measured.about, measured.accuracy
        console.print(
            f"{about['runtime']} {about['runtime_version']} with {about['threads']} "
            f"threads on {about['device']}: predictions on {judged.networks} networks "
            f"held out: Spearman {judged.spearman:.3f} (MACs alone "
            f"{judged.spearman_of_macs:.3f}), median error {judged.median_error:.1%}, "
            f"90 % within {judged.p90_error:.1%}\n"
            f"written: {out}\n"
            + (
                f"warning: {doubt}"
                if (doubt := measured.doubt())
                else f"next: autoai4eo fit … --device-profile {out}"
            )
        )
