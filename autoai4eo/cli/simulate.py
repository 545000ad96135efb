"""``simulate``: strategies on a table of recorded networks."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from autoai4eo.cli.console import as_csv, console, hushed, print_table
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input, in_one_step, written
from autoai4eo.text import counted
from autoai4eo.version import __version__


def simulate(
    recorded: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="A CSV file with one network per row, or a database of networks.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder for the results.")],
    choices: Annotated[
        str, typer.Option(help="Columns that identify a network: a,b,c")
    ] = "",
    adjacency: Annotated[
        str,
        typer.Option(
            help="In place of --choices: the column of a cell's adjacency matrix and "
            "that of its operations."
        ),
    ] = "",
    maximize: Annotated[
        list[str] | None, typer.Option(help="Column to maximise.")
    ] = None,
    minimize: Annotated[
        list[str] | None, typer.Option(help="Column to minimise.")
    ] = None,
    known: Annotated[
        str, typer.Option(help="Columns that are known before training.")
    ] = "",
    tuners: Annotated[
        str | None,
        typer.Option(
            help="Strategies to compare: random,tpe. By default all that take these "
            "objectives, except hyperband."
        ),
    ] = None,
    budget: Annotated[
        int, typer.Option(min=1, help="Distinct trainings of a search.")
    ] = 100,
    start: Annotated[
        str,
        typer.Option(
            metavar="random|surrogate|FILE",
            help="What searches train first: what the strategy draws; what a surrogate "
            "expects to be on the front; or the networks of a CSV file of choices, of "
            "a sample of cells.",
        ),
    ] = "random",
    fitted_on: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Random networks that the surrogate of --start surrogate is fitted "
            "on; by default 20.",
        ),
    ] = None,
    charge: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How many of these are part of the budget; by default all. 0: they "
            "were trained elsewhere.",
        ),
    ] = None,
    prior: Annotated[
        list[Path] | None,
        typer.Option(
            help="Another table of such networks, trained on other data, that "
            "cost-aware learns from. Several are possible."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches per strategy.")] = 10,
    log: Annotated[
        str | None,
        typer.Option(
            help="Objectives on a logarithmic scale. By default latency, latency_ms, "
            "macs, params and flops."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. By default one per core.")
    ] = None,
) -> None:
    """Compare strategies on a table of networks that are already trained.

    OUT keeps every finished search. Rerun the command to resume, also with more seeds
    or strategies.
    """
    begin = time.monotonic()
    with hushed():
        from autoai4eo import nasbench
        from autoai4eo.log import say
        from autoai4eo.nasbench import kept
        from autoai4eo.nasbench.measures import labels
        from autoai4eo.report.comparison import write_page
        from autoai4eo.runs.locking import alone
    columns: dict[str, Any] = {
        "maximize": _names(maximize),
        "minimize": _names(minimize),
        "choices": _names([choices]),
        "adjacency": _names([adjacency]),
        "known": _names([known]),
        "log": None if log is None else _names([log]),
    }
    check_can_write_into(out)
    given = [] if start in ("random", "surrogate") else [Path(start)]
    for name in kept.WRITTEN:
        check_not_input(out / name, [recorded, *given, *(prior or [])])
    networks = nasbench.read_table(recorded, **columns)
    if prior and "cost-aware" not in (_names([tuners]) if tuners else ["cost-aware"]):
        raise UserError(
            "--prior: expected cost-aware among --tuners, which learns from it, got "
            f"{tuners}; leave one of them out"
        )
    for path in prior or []:
        if _digest(path) == _digest(recorded):
            raise UserError(
                f"--prior: expected another table, got {path}, whose networks are "
                "those that are searched; leave it out"
            )
    if prior:
        of_priors = {name: some for name, some in columns.items() if name != "log"}
        priors = [nasbench.read_prior(path, **of_priors) for path in prior]
        networks = dataclasses.replace(networks, priors=priors)
    strategies = nasbench.check_strategies(
        _names([tuners]) if tuners else None, networks.objectives
    )
    begins, told = _start(start, fitted_on, charge, networks)
    simulated = {
        "table": _digest(recorded),
        **columns,
        "budget": budget,
        **told,
        "prior": [_digest(path) for path in prior or []],
        "autoai4eo": __version__,
    }

    def keep(searches: Any) -> None:
        with written(out):
            kept.keep(out, networks, searches)

    with ExitStack() as held:
        with written(out):
            out.mkdir(parents=True, exist_ok=True)
            held.enter_context(alone(out))
            kept.begin(out, simulated)
        queries = nasbench.replay_all(
            networks,
            strategies,
            seeds,
            budget,
            workers,
            start=begins,
            searches=kept.read(out, networks),
            keep=keep,
            tell=say,
        )
        found = nasbench.results(networks, queries, budget)
        title = f"{recorded.name}: {len(networks):,} networks, {counted(seeds, 'seed')}"
        with written(out):
            for name, frame in found.items():
                if name != "queries":  # `keep` wrote them, with those of earlier calls
                    with in_one_step(out / f"{name}.csv") as temporary:
                        temporary.write_text(as_csv(frame), "utf-8")
            shown = labels(networks.objectives)
            write_page(out, title, networks.objectives, begins.sentence, shown, found)
    summary = found["summary"].astype(object)
    beyond = summary.columns.str.startswith("hv_at_") & summary.isna().all()
    summary = summary.loc[:, ~beyond]  # where no budget was so large
    rows = summary.where(summary.notna(), None).to_numpy().tolist()
    print_table(title, list(summary.columns), rows)
    console.print(
        f"to_N: median trainings until N % of the attainable hypervolume (hv)\n"
        f"written: {out}/summary.csv, queries.csv, curves.csv, differences.csv, "
        f"curves.png, index.html   ({time.monotonic() - begin:,.0f} s)"
    )


def _start(
    start: str, fitted_on: int | None, charge: int | None, networks: Any
) -> tuple[Any, dict[str, Any]]:
    """Returns how searches begin, and what the folder records of it.

    Raises:
        UserError: options do not fit together, or the file is no such file.
    """
    from autoai4eo.nasbench.start import RANDOM, by_surrogate, read_start

    if start == "surrogate":
        found = by_surrogate(networks, fitted_on, charge)
        known = {"fitted_on": found.fitted_on, "charge": found.charge}
        return found, {"start": start, **known}
    if fitted_on is not None or charge is not None:
        raise UserError(
            "--fitted-on and --charge: expected --start surrogate beside them, got "
            f"--start {start}; leave them out"
        )
    told = {"fitted_on": None, "charge": None}
    if start == "random":
        return RANDOM, {"start": start, **told}
    path = Path(start)
    found = read_start(path, networks)
    return found, {"start": _digest(path), **told}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _names(texts: list[str] | None) -> list[str]:
    return [
        name.strip() for text in texts or [] for name in text.split(",") if name.strip()
    ]
