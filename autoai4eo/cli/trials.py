"""``trials`` and ``pareto``: show the trials of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoai4eo.cli.console import as_csv, console, print_json, print_table
from autoai4eo.cli.options import Storage
from autoai4eo.files import (
    check_can_write,
    is_plain,
    is_planted,
    written,
)
from autoai4eo.learning.figures import (
    LATENCY,
    METRICS,
    PREDICTED,
    VALIDATION,
    find,
    in_order,
    is_uncertain,
    rounded,
    with_spread,
)
from autoai4eo.learning.verdict import short
from autoai4eo.locks import written_alone
from autoai4eo.runs.network_id import TRIAL, NetworkId
from autoai4eo.text import counted

if TYPE_CHECKING:
    from autoai4eo.runs.comparable import MeasuredWith


def trials(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    storage: Storage = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Sort by a column of --csv, the best first: val_cohen_kappa, "
            "latency_ms, params, …",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Show so many trials; without --sort the best by the first objective.",
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Show every metric and cost, and the hyperparameters, as --csv and "
            "--json do.",
        ),
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Write a CSV file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the trials of a run, one per row.

    Example: autoai4eo trials RUN --sort latency_ms --top 5
    """
    from autoai4eo.runs.belonging import trained_finalist
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.study import open_study, trials_table
    from autoai4eo.runs.tables import sorted_by

    if csv is not None:
        check_can_write(csv)
    study = open_study(run)
    table = trials_table(study, Run(run).is_at_work())
    if top is not None and sort is None:
        sort = study.user_attrs["objectives"][0]
    if sort is not None:
        table = sorted_by(table, sort).head(top)
    references = Run(run).read_references().get("scores")
    _show(table, str(run), csv, json, references, trained_finalist(run), whole)


def pareto(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    storage: Storage = None,
    csv: Annotated[Path | None, typer.Option(help="Write a CSV file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the Pareto front of a run and the hypervolume that it dominates."""
    from autoai4eo.runs import ensembles, front
    from autoai4eo.runs.belonging import trained_finalist
    from autoai4eo.runs.comparable import measured_with, told_apart
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.study import estimate_errors, open_study

    if csv is not None:
        check_can_write(csv)
    study = open_study(run)
    made = ensembles.ensembles_of(run, study)
    finalist = trained_finalist(run)
    best = front.front_table(study)
    _show(best, f"the front of {run}", csv, json, finalist=finalist)
    if csv is None and not json:
        if finalist is not None and finalist.is_ensemble:
            console.print(f"the finalist is {finalist}")
        elif finalist is not None and finalist.number not in set(best["trial"]):
            console.print(
                f"the finalist, {finalist}, is not on the front; `autoai4eo trials "
                f"{run}` shows its figures"
            )
        if made:
            print_ensembles(ensembles.table(made, front.optimal(study, made)), run)
            of_ensembles = {one.id: measured_with(one.cost) for one in made}
            if apart := told_apart(_measured(best) | of_ensembles):
                console.print(apart)
        limits = Run(run).read()["arguments"].get("constraints", {})
        point = front.reference(study, limits)
        at = ", ".join(f"{name} {rounded(value)}" for name, value in point.items())
        volume = front.dominated(study, point)
        console.print(f"hypervolume {volume:.4g} (reference: {at or 'none yet'})")
        grown = front.growth(study, point)
        if len(point) > 1 and len(grown) > 1:
            (n, first), *later = grown
            series = f"{first:.4g} after {counted(n, 'complete trial')}"
            series += "".join(f", {reached:.4g} after {n}" for n, reached in later)
            moves = "; the point moves with the worst trial, so compare these only"
            console.print(
                f"hypervolume up to this point: {series}"
                + ("" if front.is_fixed(study, limits) else moves)
            )
        estimated = estimate_errors(study, {*point, *limits})
        errors = [
            f"{n} {off:.1%} ({of} networks)" for n, (off, of) in estimated.items()
        ]
        if errors:
            console.print(
                "the costs above are exact; before a network was built, the strategy "
                f"estimated them with a median error of {', '.join(errors)}"
            )


def _show(
    found: Any,
    title: str,
    csv: Path | None,
    json: bool,
    references: Mapping[str, Mapping[str, float]] | None = None,
    finalist: NetworkId | None = None,
    whole: bool = False,
) -> None:
    """Writes a table of trials as CSV, or prints it as JSON or as text."""
    if csv is not None:
        with written(csv):
            _write_csv(csv, as_csv(found))
        console.print(f"written: {csv} ({counted(len(found), 'trial')})")
    elif json:
        known = found.notna() & ~found.isin([math.inf, -math.inf])
        print_json(found.astype(object).where(known, None).to_dict("records"))
    else:
        print_trials(found, title, references, finalist, whole)
        console.print(
            "scores: of each trial's best epoch in the search, on the validation data"
        )


def _write_csv(path: Path, text: str) -> None:
    if path.exists() and not is_plain(path) and not is_planted(path):
        path.write_text(text, "utf-8")  # a device, such as /dev/stdout
        return
    with written_alone(path, "trials") as temporary:
        temporary.write_text(text, "utf-8")


def print_trials(
    trials: Any,
    title: str,
    references: Mapping[str, Mapping[str, float]] | None = None,
    finalist: NetworkId | None = None,
    whole: bool = False,
) -> None:
    """Prints the main columns, and a row for each reference; --csv and --json have all.

    Of the metrics it prints those on the validation data. Says so if latencies cannot
    be compared. A latency whose spread is larger has it beside it.

    Args:
        trials: the table.
        title: of the table.
        references: scores of each reference by name.
        finalist: of the run; a trial that is it is marked.
        whole: whether to print every column.
    """
    from autoai4eo.runs.comparable import told_alike, told_apart

    main = [n for n in in_order(trials) if find(n).main and n not in METRICS]
    names = [
        n
        for n in (trials.columns[2:] if whole else (*main, "message"))
        if n in trials and (trials[n].notna() & (trials[n] != "")).any()
    ]
    found = trials[["trial", "status", *names]].astype(object)
    rows = found.where(found.notna(), None).to_numpy().tolist()
    if LATENCY in names:
        at = 2 + names.index(LATENCY)
        for row, figures in zip(rows, trials.to_dict("records"), strict=True):
            row[at] = with_spread(figures) if is_uncertain(figures) else row[at]
    for row in rows:
        row[1] += ", finalist" if (TRIAL, row[0]) == finalist else ""
    for reference, scores in (references or {}).items():
        values = [scores.get(n.removeprefix(VALIDATION)) for n in names]
        rows.append([short(reference), "reference", *values])
    headers = [n if whole else find(n).short for n in names]
    measured = _measured(trials)
    if PREDICTED in trials and all(how.profile for how in measured.values() if how):
        headers = [
            f"{header} (predicted)" if name.startswith("latency_") else header
            for name, header in zip(names, headers, strict=True)
        ]
    rows = [
        [*row[:2], *(_cell(n, value) for n, value in zip(names, row[2:], strict=True))]
        for row in rows
    ]
    print_table(title, ["trial", "status", *headers], rows)
    if LATENCY in names and (how := told_apart(measured) or told_alike(measured)):
        console.print(how)


def _cell(name: str, value: Any) -> Any:
    return find(name).cell(value) if isinstance(value, float) else value


def _measured(trials: Any) -> dict[NetworkId, MeasuredWith | None]:
    """Returns what measured the latency of each trial of a table."""
    from autoai4eo.runs.comparable import measured_with

    return {
        NetworkId(TRIAL, int(row["trial"])): measured_with(row)
        for row in trials.to_dict("records")
    }


def print_ensembles(found: Any, run: Path) -> None:
    """Prints the main columns of a table of ensembles, and how to take its scores."""
    from autoai4eo.runs.ensembles import CAVEAT

    main = [n for n in in_order(found) if find(n).main and n not in METRICS]
    summed = [n for n in found if n == "summed_latency_ms"]
    names = ["ensemble", "members", *main, *summed]
    headers = ["ensemble", "members (weight)", *(find(n).short for n in main)]
    headers += ["ms, summed" for _ in summed]
    shown = found[names].astype(object)
    rows = [
        [_cell(name, value) for name, value in zip(names, row, strict=True)]
        for row in shown.where(shown.notna(), None).to_numpy().tolist()
    ]
    optimal = ["yes" if is_best else "no" for is_best in found["on_front"]]
    print_table(
        f"ensembles of {run}",
        [*headers, "on the front"],
        [[*row, best] for row, best in zip(rows, optimal, strict=True)],
    )
    console.print(
        "on the front: no trial and no other ensemble is better in one objective and "
        "as good in the others; a trial counts with its score in the search, not with "
        f"what its training as the finalist reached. For every ensemble: {CAVEAT}"
    )
