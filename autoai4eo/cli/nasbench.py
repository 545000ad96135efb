"""``nasbench``: samples of cells, databases of trained networks, landscapes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli import nasbench_surrogate, nasbench_train
from autoai4eo.cli.console import console, hushed
from autoai4eo.cli.options import Overwrite
from autoai4eo.cli.usage import Commands
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write, check_not_input, check_replaceable
from autoai4eo.text import counted

Choices = Annotated[str, typer.Option(help="Columns that identify a network: a,b,c")]
Adjacency = Annotated[
    str, typer.Option(help="Columns of a cell's matrix and of its operations: a,b")
]

app = Commands(
    help="Sample and train cells, import trained networks, describe and predict their "
    "fitness.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def nasbench() -> None:
    """Databases of trained networks."""


@app.command("sample")
def sample(
    out: Annotated[Path, typer.Option(help="The JSON file of the sample.")],
    walks: Annotated[
        int | None, typer.Option(min=1, help="Number of random walks.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Cells of each walk; by default 15.")
    ] = None,
    uniform: Annotated[
        int | None,
        typer.Option(min=1, help="Draw so many cells, each as probable as any other."),
    ] = None,
    spread: Annotated[
        int | None,
        typer.Option(min=1, help="Draw so many cells, spread as by a Latin hypercube."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Sample cells of NAS-Bench-101, all of them distinct.

    Example: autoai4eo nasbench sample --walks 30 --steps 15 --out sample.json
    """
    given = [n for n in (walks, uniform, spread) if n is not None]
    if len(given) != 1:
        raise UserError(
            "expected one of --walks, --uniform and --spread, got "
            f"{'several' if given else 'none'}"
        )
    if steps is not None and walks is None:
        raise UserError("--steps: expected --walks beside it, got none; leave it out")
    check_can_write(out)
    check_replaceable(out, overwrite)
    with hushed():
        import numpy as np

        from autoai4eo.nasbench import sample as samples
        from autoai4eo.nasbench.space import random_cells
    rng = np.random.default_rng(seed)
    if walks is not None:
        found = samples.walks_of(walks, steps or 15, rng)
    elif uniform is not None:
        found = [[cell] for cell in random_cells(uniform, rng)]
    else:
        found = [[cell] for cell in samples.spread_cells(given[0], rng)]
    samples.write_sample(out, found)
    told = sum(map(len, found))
    console.print(f"sample: {told:,} cells   {out}", markup=False, soft_wrap=True)


app.command("train")(nasbench_train.train)


@app.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(help="The folder of EO HW-NAS's records, or a CSV file."),
    ],
    out: Annotated[Path, typer.Option(help="The database, such as cells.sqlite.")],
    choices: Choices = "",
    adjacency: Adjacency = "",
    architecture: Annotated[
        str | None,
        typer.Option(help="Column of strings of NAS-Bench-201: |nor_conv_3x3~0|+|…"),
    ] = None,
    known: Annotated[
        str, typer.Option(help="Columns that are known before training.")
    ] = "",
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            help="Epochs of all trainings, if the file has no column epoch; by default "
            "1.",
        ),
    ] = None,
) -> None:
    """Import recorded networks into a database.

    Example: autoai4eo nasbench import eo_hw_nas --out eo_hw_nas.sqlite
    """
    check_not_input(out, [source])
    with hushed():
        from autoai4eo.nasbench import importing
    if source.is_dir():
        if choices or adjacency or architecture or known or epochs:
            raise UserError(
                f"{source}: expected neither columns nor --epochs for the records of "
                "EO HW-NAS, got some; leave them out, or name a CSV file"
            )
        database, wrong = importing.import_eo_hw_nas(source, out)
    else:
        wrong = []
        database = importing.import_csv(
            source,
            out,
            choices=_names(choices),
            adjacency=_names(adjacency),
            architecture=architecture,
            known=_names(known),
            epochs=epochs,
        )
    with database:
        for told in wrong:
            console.print(told, markup=False, soft_wrap=True)
        epochs_known = ", ".join(map(str, database.epochs)) or "none"
        networks = counted(len(database), "network")
        console.print(
            f"database: {networks}, epochs {epochs_known}   {out}",
            markup=False,
            soft_wrap=True,
        )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


@app.command("landscape")
def landscape(
    recorded: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="A database of networks, or a CSV file with one network per row.",
        ),
    ],
    fitness: Annotated[
        str, typer.Option(help="The column that a search would improve.")
    ],
    choices: Choices = "",
    adjacency: Adjacency = "",
    minimize: Annotated[
        bool, typer.Option("--minimize", help="Less of the fitness is better.")
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(help="A second table, shown beside the first one."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The page, in HTML.")] = None,
    figures_path: Annotated[
        Path | None, typer.Option("--json", help="The figures, in JSON.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Describe the fitness landscape of recorded networks.

    Example: autoai4eo nasbench landscape eo_hw_nas.sqlite --fitness
    val_average_accuracy --out report.html --json figures.json
    """
    if out is None and figures_path is None:
        raise UserError("expected --out, --json or both, got neither")
    if out is not None and out == figures_path:
        raise UserError(f"--json: expected another file than --out, got {out} twice")
    sources = [recorded] if against is None else [recorded, against]
    for path in filter(None, (out, figures_path)):
        check_can_write(path)
        check_not_input(path, sources)
    with hushed():
        from autoai4eo.files import write_json
        from autoai4eo.locks import written_alone
        from autoai4eo.nasbench.database_file import is_database
        from autoai4eo.nasbench.landscape import (
            landscape_differences,
            landscape_figures,
            read_landscape,
        )
        from autoai4eo.nasbench.landscape.figures import cost_names
        from autoai4eo.report.landscape import Shown, landscape_page
    shown, every = [], []
    for path in sources:
        # a database beside a CSV file knows its own
        knows = against is not None and is_database(path)
        networks = read_landscape(
            path,
            fitness,
            choices=[] if knows else _names(choices),
            adjacency=[] if knows else _names(adjacency),
            minimize=minimize,
        )
        every.append(networks)
        costs = {name: networks.figures[name] for name in cost_names(networks)}
        found = landscape_figures(networks, seed)
        shown.append(Shown(found, networks.values, networks.distances, costs))
    differences = (
        None if against is None else landscape_differences(every[0], every[1], seed)
    )
    if figures_path is not None:
        found = dict(shown[0].figures)
        if against is not None:
            found |= {"against": shown[1].figures, "differences": differences}
        write_json(figures_path, found)
    if out is not None:
        with written_alone(out, "nasbench landscape") as temporary:
            temporary.write_text(landscape_page(shown, differences), encoding="utf-8")
    for one in shown:
        told = {
            name: one.figures[name]
            for name in (
                "fitness_distance_correlation",
                "first_autocorrelation",
                "correlation_length",
            )
        }
        numbers = "   ".join(
            f"{name} {'–' if value is None else f'{value:.3f}'}"
            for name, value in told.items()
        )
        console.print(
            f"{one.figures['name']}: {one.figures['networks']:,} networks   "
            f"local_optima {one.figures['local_optima']:,}   {numbers}",
            markup=False,
            soft_wrap=True,
        )


app.command("surrogate")(nasbench_surrogate.surrogate)
