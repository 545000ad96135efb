"""``trials`` and ``pareto``: show the trials of a search."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
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

_STDOUT = Path("-")
Csv = Annotated[
    Path | None, typer.Option(help="Write a CSV file; - prints the table as CSV.")
]


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
    csv: Csv = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the trials of a run, one per row.

    Example: autoai4eo trials RUN --sort latency_ms --top 5
    """
    from autoai4eo.runs.belonging import trained_finalist
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.study import open_study, trials_table
    from autoai4eo.runs.tables import sorted_by

    if csv is not None and csv != _STDOUT:
        check_can_write(csv)
    study = open_study(run)
    table = trials_table(study, Run(run).is_at_work())
    if top is not None and sort is None:
        sort = study.user_attrs["objectives"][0]
    if sort is not None:
        table = sorted_by(table, sort).head(top)
    references = Run(run).read_references().get("scores")
    asked = Run(run).read()["arguments"] if Run(run).exists else {}
    precision = asked.get("precision") if asked.get("judge_quantized") else None
    objectives, finalist = study.user_attrs["objectives"], trained_finalist(run)
    shown = Shown(str(run), objectives, finalist, references, whole, precision)
    _show(table, shown, csv, json)


def pareto(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    storage: Storage = None,
    csv: Csv = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the Pareto front of a run and the hypervolume that it dominates."""
    from autoai4eo.runs import ensembles, front
    from autoai4eo.runs.belonging import trained_finalist
    from autoai4eo.runs.comparable import measured_with, told_apart
    from autoai4eo.runs.folder import Run
    from autoai4eo.runs.study import estimate_errors, open_study

    if csv is not None and csv != _STDOUT:
        check_can_write(csv)
    study = open_study(run)
    made = ensembles.ensembles_of(run, study)
    finalist = trained_finalist(run)
    best = front.front_table(study)
    objectives = study.user_attrs["objectives"]
    _show(best, Shown(f"the front of {run}", objectives, finalist), csv, json)
    if csv is None and not json:
        if finalist is not None and finalist.is_ensemble:
            console.print(f"the finalist is {finalist}")
        elif finalist is not None and finalist.number not in set(best["trial"]):
            console.print(
                f"the finalist, {finalist}, is not on the front; `autoai4eo trials "
                f"{run}` shows its figures"
            )
        if made:
            print_ensembles(
                ensembles.table(made, front.optimal(study, made)), run, objectives
            )
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
                "before a network was built, the strategy estimated its costs "
                f"with a median error of {', '.join(errors)}"
            )


@dataclass(frozen=True)
class Shown:
    """What a printed table of trials shows.

    Attributes:
        title: of the table.
        objectives: names of those of the search, which have a column each.
        finalist: of the run; a trial that is it is marked.
        references: scores of each reference by name.
        whole: whether every column is printed.
        precision: that candidates were judged in, if that is not float32.
    """

    title: str
    objectives: Collection[str]
    finalist: NetworkId | None = None
    references: Mapping[str, Mapping[str, float]] | None = None
    whole: bool = False
    precision: str | None = None

    def columns(self, trials: Any) -> list[str]:
        """The names of the columns, without those that are empty."""
        names = _main(trials, self.objectives)
        return [
            name
            for name in (
                trials.columns[2:] if self.whole else ("training", *names, "message")
            )
            if name in trials and (trials[name].notna() & (trials[name] != "")).any()
        ]


def _show(found: Any, shown: Shown, csv: Path | None, json: bool) -> None:
    """Writes a table of trials as CSV, or prints it as JSON or as text."""
    if csv == _STDOUT:
        print(as_csv(found), end="")
    elif csv is not None:
        with written(csv):
            _write_csv(csv, as_csv(found))
        console.print(f"written: {csv} ({counted(len(found), 'trial')})")
    elif json:
        known = found.notna() & ~found.isin([math.inf, -math.inf])
        print_json(found.astype(object).where(known, None).to_dict("records"))
    else:
        print_trials(found, shown)
        if any(name.startswith(VALIDATION) for name in shown.columns(found)):
            console.print(
                "scores: of each trial's best epoch in the search, on the validation "
                "data" + (f", in {shown.precision}" if shown.precision else "")
            )


def _write_csv(path: Path, text: str) -> None:
    if path.exists() and not is_plain(path) and not is_planted(path):
        path.write_text(text, "utf-8")  # a device, such as /dev/stdout
        return
    with written_alone(path, "trials") as temporary:
        temporary.write_text(text, "utf-8")


def print_trials(trials: Any, shown: Shown) -> None:
    """Prints the main columns, the objectives, and a row for each reference.

    Of the metrics it prints those on the validation data; --csv and --json have all.
    Says so if latencies cannot be compared. A latency whose spread is larger has it
    beside it.

    Args:
        trials: the table.
        shown: what is shown of it.
    """
    from autoai4eo.runs.comparable import told_alike, told_apart

    names = shown.columns(trials)
    found = trials[["trial", "status", *names]].astype(object)
    rows = found.where(found.notna(), None).to_numpy().tolist()
    if LATENCY in names:
        at = 2 + names.index(LATENCY)
        for row, figures in zip(rows, trials.to_dict("records"), strict=True):
            row[at] = with_spread(figures) if is_uncertain(figures) else row[at]
    for row in rows:
        row[1] += ", finalist" if (TRIAL, row[0]) == shown.finalist else ""
    scored = any(name.startswith(VALIDATION) for name in names)
    references = shown.references if scored else None
    for reference, scores in (references or {}).items():
        # they are of the validation data, and have no place in other columns
        values = [
            scores.get(n.removeprefix(VALIDATION)) if n.startswith(VALIDATION) else None
            for n in names
        ]
        rows.append([short(reference), "reference", *values])
    headers = [n if shown.whole else _header(n) for n in names]
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
    print_table(shown.title, ["trial", "status", *headers], rows)
    if LATENCY in names and (how := told_apart(measured) or told_alike(measured)):
        console.print(how)


def _main(table: Any, objectives: Collection[str]) -> list[str]:
    """The names of objectives and main figures of a table, in the catalogue's order."""
    main = [n for n in table if find(n).main and n not in METRICS]
    named = [n for n in table if n in {*main, *objectives}]
    known = in_order(named)
    return [*(n for n in named if n not in known), *known]


def _header(name: str) -> str:
    return name if name == "training" else find(name).short


def _cell(name: str, value: Any) -> Any:
    return find(name).cell(value) if isinstance(value, float) else value


def _measured(trials: Any) -> dict[NetworkId, MeasuredWith | None]:
    """Returns what measured the latency of each trial of a table."""
    from autoai4eo.runs.comparable import measured_with

    return {
        NetworkId(TRIAL, int(row["trial"])): measured_with(row)
        for row in trials.to_dict("records")
    }


def print_ensembles(found: Any, run: Path, objectives: Collection[str]) -> None:
    """Prints the main columns of a table of ensembles, and how to take its scores."""
    from autoai4eo.runs.ensembles import CAVEAT

    main = _main(found, objectives)
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
