"""``compact table``: compares compact networks with residual networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.compact_options import (
    Blocks,
    Channels,
    Constant,
    Cost,
    Depth,
    MaxDepth,
    SearchBatchSize,
    SearchEpochs,
    StopAfter,
    Temperatures,
    parse_temperatures,
    settings_of,
    teller,
)
from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    ClassLevel,
    Inputs,
    MaxGib,
    SearchStorage,
)
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input


def table(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder with training.h5 and testing.h5, or the training data."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder of the table.")],
    test: Annotated[
        Path | None,
        typer.Option(help="The test data; by default testing.h5 of a folder DATA."),
    ] = None,
    distribution: Annotated[
        str,
        typer.Option(help="d1: the given test data; d2: 20 % of the training data."),
    ] = "d1",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each row.")] = 4,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD,METHOD,…",
            help="Rows: resnet-8, resnet-20, resnet-32, resnet-110, s, s+c, …; by "
            "default all.",
        ),
    ] = None,
    subset: Annotated[
        int | None,
        typer.Option(min=2, help="Use only so many samples of the training data."),
    ] = None,
    input: Inputs = None,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    channels: Channels = 16,
    blocks: Blocks = 3,
    depth: Depth = None,
    max_depth: MaxDepth = 5,
    constant: Constant = 0.01,
    cost: Cost = "flops",
    search_epochs: SearchEpochs = 50,
    stop_after: StopAfter = None,
    search_batch_size: SearchBatchSize = 64,
    temperature: Temperatures = "10,1",
    epochs: Annotated[int, typer.Option(help="Epochs of each training.")] = 100,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    workers: Annotated[
        int, typer.Option(min=1, help="Trainings at the same time.")
    ] = 1,
    storage: SearchStorage = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Compare compact networks with residual networks: search, train and test each.

    Rerun the command to resume; run it several times at once to share the trainings,
    with --storage also on several machines. OUT/table.csv has a row for each method.

    Example: autoai4eo compact table so2sat --out TABLE --seeds 2 --search-epochs 10
    """
    if distribution not in ("d1", "d2"):
        raise UserError(f"--distribution: expected d1 or d2, got {distribution!r}")
    if distribution == "d2" and test is not None:
        raise UserError("expected --test or --distribution d2, got both; leave one out")
    train_path = data / "training.h5" if data.is_dir() else data
    if data.is_dir() and not train_path.is_file():
        train_path = data  # a folder of images
    if test is None and distribution == "d1":
        test = data / "testing.h5"
        if not data.is_dir() or not test.is_file():
            raise UserError(
                f"--test: expected the test data of --distribution d1, found no {test};"
                " name them, or take --distribution d2"
            )
    check_can_write_into(out)
    check_not_input(out, filter(None, (train_path, test)))
    with hushed():
        from autoai4eo.cli.parts import Opening, open_training, with_others
        from autoai4eo.compact.job import METHODS, TableSettings
        from autoai4eo.compact.table import TABLE, make_table, markdown
    rows = (
        METHODS
        if methods is None
        else tuple(name.strip() for text in methods for name in text.split(","))
    )
    settings = TableSettings(
        rows,
        seeds,
        epochs,
        batch_size,
        settings_of(
            epochs=search_epochs,
            batch_size=search_batch_size,
            channels=channels,
            blocks=blocks,
            depth=depth,
            max_depth=max_depth,
            constant=constant,
            cost=cost,
            temperature=parse_temperatures(temperature),
            stop_after=stop_after,
        ),
    )
    tell = teller(quiet)
    how = Opening(
        (0.8, 0.2),
        names=("training", "test"),
        input=input,
        bands=bands,
        class_level=class_level,
        allow_remote=allow_remote,
        subset=subset,
        at_random=True,  # d2, as in the paper
    )
    training = open_training(train_path, how, tell)
    training, testing = with_others(training, test, how, tell)
    found = make_table(training, testing, out, settings, workers, tell, storage)
    if not quiet:
        console.print(markdown(found), soft_wrap=True, markup=False)
        console.print(f"table: {out / TABLE}", soft_wrap=True, markup=False)
