"""``compact``: differentiable search of a compact cell and of depths."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli import compact_table
from autoai4eo.cli.compact_options import (
    Blocks,
    Channels,
    Constant,
    Cost,
    Depth,
    MaxDepth,
    Method,
    SearchBatchSize,
    SearchEpochs,
    StopAfter,
    Temperatures,
    parse_temperatures,
    settings_of,
    teller,
)
from autoai4eo.cli.console import hushed
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    BlockKm,
    ClassLevel,
    Inputs,
    MaxGib,
    parse_shares,
)
from autoai4eo.cli.outcome import print_outcome
from autoai4eo.cli.usage import Commands
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input
from autoai4eo.log import told_while

app = Commands(
    help="Search compact networks: one cell, its depth in each block, a cost loss.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def compact() -> None:
    """Search compact networks."""


@app.command("search")
def search(
    train: Annotated[Path, typer.Argument(help="Training data, as for fit.")],
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    val: Annotated[
        Path | None, typer.Option(help="Data to judge the found network on.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="As for fit; 0.8/0.2 if --val is missing.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="As for fit.")] = None,
    block_km: BlockKm = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="As for fit.")
    ] = False,
    subset: Annotated[int | None, typer.Option(min=2, help="As for fit.")] = None,
    input: Inputs = None,
    bands: Bands = None,
    class_level: ClassLevel = None,
    allow_remote: AllowRemote = False,
    max_gib: MaxGib = None,
    method: Method = "s+c+d",
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
    epochs: Annotated[
        int,
        typer.Option(
            help="Epochs of the found network's training; as the finalist it trains as "
            "many more."
        ),
    ] = 50,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="Train the network on the validation data, too."),
    ] = False,
    references: Annotated[bool, typer.Option(help="As for fit.")] = True,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Search a cell and depths on two halves of TRAIN, then train the found network.

    Rerun the command to resume. OUT is a run like that of fit: evaluate, export, map
    and report take it.

    Example: autoai4eo compact search training.h5 --val validation.h5 --out RUN
    """
    if val is not None and split is not None:
        raise UserError("expected --val or --split, got both; leave one out")
    if epochs < 1:
        raise UserError(f"--epochs: expected 1 or more, got {epochs}")
    folder = out.expanduser().absolute()
    check_can_write_into(out)
    check_not_input(folder, filter(None, (train, val)))
    shares = parse_shares(split or "0.8/0.2")
    begin = time.monotonic()
    with hushed():
        from autoai4eo.cli.parts import Opening, open_training, with_others
        from autoai4eo.compact.classifier import classifier_of
        from autoai4eo.compact.search import search as search_compact
        from autoai4eo.runs.folder import Run
        from autoai4eo.tasks.training_data import check_alike, check_unseen
        from autoai4eo.tasks.validating import keep_test
    settings = settings_of(
        method=method,
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
        seed=seed,
    )
    tell = teller(quiet)
    how = Opening(
        shares,
        input=input,
        bands=bands,
        class_level=class_level,
        allow_remote=allow_remote,
        subset=subset,
        group=group,
        block_km=block_km,
        seed=seed,
        allow_overlap=allow_overlap,
    )
    training = open_training(train, how, tell)
    training, validation, *rest = with_others(training, val, how, tell)
    check_alike(training, validation)
    if not allow_overlap:
        check_unseen(training, validation)
    if Run(folder).exists and not Run(folder).compact.exists():
        raise UserError(
            f"{out}: expected a folder without a run, or with one of compact search, "
            "found another run; choose another --out"
        )
    found = search_compact(training, folder, settings, tell=tell)
    classifier = classifier_of(
        found,
        [spec.name for spec in training.inputs],
        directory=folder.parent,
        project_name=folder.name,
        seed=seed,
    )
    classifier.fit(
        training,
        validation_data=validation,
        epochs=epochs,
        batch_size=batch_size,
        refit=refit,
        references=references,
        allow_overlap=allow_overlap,
        verbose=0 if quiet else 1,
    )
    scores, test = None, rest[0] if rest else None
    if test is not None:
        with told_while(tell, "evaluating the finalist on the test part"):
            network = Run(folder).read_evaluation().get("network")
            scores = classifier.evaluate(test)
            keep_test(folder, network, scores)
    if not quiet:
        seconds = time.monotonic() - begin
        tested = None if test is None else (scores, len(test))
        print_outcome(out, folder, classifier.trials(all=True), seconds, tested)


app.command("table")(compact_table.table)
