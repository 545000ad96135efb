"""``compact``: differentiable search of a compact cell and of depths."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.options import (
    AllowRemote,
    Bands,
    BlockKm,
    ClassLevel,
    Inputs,
    MaxGib,
    parse_bands,
    parse_shares,
)
from autoai4eo.cli.outcome import print_outcome
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input
from autoai4eo.log import say, told_while

app = typer.Typer(
    help="Search compact networks: one cell, its depth in each block, a cost loss.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Method = Annotated[
    str,
    typer.Option(
        help="s: a single cell; s+c: and the complexity loss; s+d: and depths; s+c+d."
    ),
]
Channels = Annotated[
    int, typer.Option(min=1, help="Filters of the first block; the others double.")
]
Blocks = Annotated[int, typer.Option(min=1, help="Number of blocks.")]
Depth = Annotated[
    int, typer.Option(min=1, help="Cells of a block; a search of depths begins so.")
]
MaxDepth = Annotated[int, typer.Option(help="Most cells of a block.")]
Constant = Annotated[float, typer.Option(help="Factor of the complexity loss.")]
Cost = Annotated[
    str,
    typer.Option(help="What is kept low: flops, or latency_ms as measured here."),
]
SearchEpochs = Annotated[int, typer.Option(help="Most epochs of a search.")]
StopAfter = Annotated[
    int | None,
    typer.Option(help="End a search when its architecture is unchanged for so long."),
]
SearchBatchSize = Annotated[
    int, typer.Option(help="Patches in each of the two batches of a search's step.")
]
Temperatures = Annotated[
    str, typer.Option(help="Of the draws in the first and the last epoch.")
]


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
    depth: Depth = 3,
    max_depth: MaxDepth = 5,
    constant: Constant = 0.01,
    cost: Cost = "flops",
    search_epochs: SearchEpochs = 50,
    stop_after: StopAfter = None,
    search_batch_size: SearchBatchSize = 64,
    temperature: Temperatures = "10,1",
    epochs: Annotated[
        int, typer.Option(help="Epochs of the training of the found network.")
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
        from autoai4eo.cli.dividing import divided
        from autoai4eo.compact.classifier import classifier_of
        from autoai4eo.compact.search import search as search_compact
        from autoai4eo.compact.settings import CompactSettings
        from autoai4eo.data.readers.opening import open_dataset
        from autoai4eo.data.splits import sample
        from autoai4eo.runs.folder import Run
        from autoai4eo.tasks.training_data import check_alike, names_of
    settings = CompactSettings(
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
    tell = _teller(quiet)
    how: dict[str, Any] = {
        "inputs": input,
        "class_level": class_level,
        "allow_remote": allow_remote,
    }
    with told_while(tell, f"opening {train}"):
        training = open_dataset(train, bands=parse_bands(bands), **how)
    if subset is not None:
        training = sample(training, subset, seed=seed)
    test = None
    if val is None:
        training, validation, test = divided(
            training,
            shares,
            group=group,
            block_km=block_km,
            allow_overlap=allow_overlap,
            seed=seed,
            tell=tell,
        )
    else:
        with told_while(tell, f"opening {val}"):
            validation = open_dataset(val, **names_of(training), **how)
    check_alike(training, validation)
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
        verbose=0 if quiet else 1,
    )
    if not quiet:
        seconds = time.monotonic() - begin
        tested = None if test is None else (classifier.evaluate(test), len(test))
        print_outcome(out, folder, classifier.trials(), seconds, tested)


@app.command("table")
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
        str | None,
        typer.Option(help="Rows: resnet-8, resnet-20, resnet-32, resnet-110, s, s+c …"),
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
    depth: Depth = 3,
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
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
) -> None:
    """Compare compact networks with residual networks: search, train and test each.

    Rerun the command to resume. OUT/table.csv has a row for each method.

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
        from autoai4eo.cli.dividing import divided
        from autoai4eo.compact.job import METHODS, TableSettings
        from autoai4eo.compact.settings import CompactSettings
        from autoai4eo.compact.table import TABLE, make_table, markdown
        from autoai4eo.data.readers.opening import open_dataset
        from autoai4eo.data.splits import sample
        from autoai4eo.tasks.training_data import names_of
    rows = METHODS if methods is None else tuple(methods.split(","))
    settings = TableSettings(
        rows,
        seeds,
        epochs,
        batch_size,
        CompactSettings(
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
    tell = _teller(quiet)
    how: dict[str, Any] = {
        "inputs": input,
        "class_level": class_level,
        "allow_remote": allow_remote,
    }
    training = open_dataset(train_path, bands=parse_bands(bands), **how)
    if subset is not None:
        training = sample(training, subset)
    if distribution == "d1":
        assert test is not None
        testing = open_dataset(test, **names_of(training), **how)
    else:
        # at random, as in the paper: windows of one place may lie in both
        training, testing, _ = divided(
            training,
            (0.8, 0.2),
            group=None,
            block_km=None,
            allow_overlap=True,
            seed=0,
            tell=tell,
        )
    found = make_table(training, testing, out, settings, workers, tell)
    if not quiet:
        console.print(markdown(found), soft_wrap=True, markup=False)
        console.print(f"table: {out / TABLE}", soft_wrap=True, markup=False)


def _teller(quiet: bool) -> Callable[[str], None]:
    """Returns what takes a line: also in a terminal, where `fit` shows a live view."""
    return (lambda text: None) if quiet else say


def parse_temperatures(text: str) -> tuple[float, float]:
    """Returns the two numbers of ``10,1``.

    Raises:
        UserError: the text has another form.
    """
    try:
        first, last = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            "--temperature: expected two numbers, for the first and the last epoch, "
            f"such as 10,1, got {text!r}"
        ) from None
    return first, last
