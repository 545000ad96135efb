"""``nasbench train``: trains a sample of cells and records them in a database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    BlockKm,
    ClassLevel,
    Inputs,
    MaxGib,
    Runtime,
    SearchStorage,
    Threads,
)
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input
from autoai4eo.log import log
from autoai4eo.text import counted


def train(
    sample: Annotated[
        Path, typer.Argument(help="The sample that `autoai4eo nasbench sample` wrote.")
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="The training data, or a folder with training.h5, validation.h5 and "
            "testing.h5."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder of the run.")],
    val: Annotated[Path | None, typer.Option(help="The validation data.")] = None,
    test: Annotated[Path | None, typer.Option(help="The test data.")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="As for fit; of training data that are divided without --val."
        ),
    ] = None,
    block_km: BlockKm = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="As for fit.")
    ] = False,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 36,
    every: Annotated[
        int,
        typer.Option(min=1, help="Score all parts after every so many epochs."),
    ] = 2,
    channels: Annotated[
        int, typer.Option(min=5, help="Filters of the stem; they double by stack.")
    ] = 128,
    stacks: Annotated[int, typer.Option(min=1, help="Number of stacks.")] = 3,
    cells: Annotated[int, typer.Option(min=1, help="Cells of each stack.")] = 3,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    subset: Annotated[
        int | None,
        typer.Option(min=2, help="Use only so many samples of the training data."),
    ] = None,
    input: Inputs = None,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    runtime: Runtime = None,
    threads: Threads = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Networks trained at the same time.")
    ] = 1,
    storage: SearchStorage = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Train a sample of cells, and record costs and scores of each in a database.

    Rerun the command to resume. Without validation data a fifth of the training data
    is used. The database is OUT/networks.sqlite.

    Example: autoai4eo nasbench train sample.json so2sat --out CELLS --channels 16
    --cells 1 --epochs 20 --workers 2
    """
    train_path = data
    if (data / "training.h5").is_file():
        train_path = data / "training.h5"
        beside = (data / "validation.h5", data / "testing.h5")
        val, test = (
            given or (path if path.is_file() else None)
            for given, path in zip((val, test), beside, strict=True)
        )
    folder = Path(os.path.realpath(out.expanduser()))
    if not folder.name:
        raise UserError(f"--out: expected a folder for the run, found {out}; name one")
    check_can_write_into(out)
    check_not_input(folder, filter(None, (sample, train_path, val, test)))
    with hushed():
        from autoai4eo.blocks.cells.nasbench import Stacks
        from autoai4eo.cli.parts import Opening, open_training, with_others
        from autoai4eo.nasbench.sample import read_sample
        from autoai4eo.tasks.cells import train_sample
    walks = read_sample(sample)
    tell = log(not quiet)
    how = Opening(
        (0.8, 0.2),
        input=input,
        bands=bands,
        class_level=class_level,
        allow_remote=allow_remote,
        subset=subset,
        group=group,
        block_km=block_km,
        allow_overlap=allow_overlap,
        seed=seed,
    )
    training = open_training(train_path, how, tell)
    testing = None
    if test is not None:
        _, testing = with_others(training, test, how, tell)
    training, validation = with_others(training, val, how, tell)
    with train_sample(
        walks,
        training,
        validation,
        testing,
        folder,
        epochs=epochs,
        every=every,
        shape=Stacks(channels, stacks, cells),
        batch_size=batch_size,
        seed=seed,
        verbose=0 if quiet else 1,
        workers=workers,
        storage=storage,
        runtime=runtime,
        threads=threads,
    ) as database:
        wanted = sum(map(len, walks))
        known = sum(
            bool(cell in database and database.figures_after(cell, epochs))
            for walk in walks
            for cell in walk
        )
        lost = ""
        if known < wanted:
            lost = f" of {wanted}; `autoai4eo trials {out}` tells of the others"
        told = (
            f"database: {counted(known, 'network')}{lost}   {out / database.path.name}"
        )
        console.print(told, markup=False, soft_wrap=True)
