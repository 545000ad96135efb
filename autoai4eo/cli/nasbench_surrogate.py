"""``nasbench surrogate``: predicts the figures of networks that were not trained."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autoai4eo.cli.console import as_csv, console, hushed, print_table
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into, check_not_input, written

if TYPE_CHECKING:
    import pandas as pd


def surrogate(
    recorded: Annotated[
        Path, typer.Argument(metavar="DATABASE", help="A database of networks.")
    ],
    target: Annotated[str, typer.Option(help="The figure that is to be predicted.")],
    out: Annotated[Path, typer.Option(help="The folder of the surrogate.")],
    model: Annotated[str, typer.Option(help="xgboost, lightgbm or ridge.")] = "xgboost",
    epoch: Annotated[
        int | None,
        typer.Option(min=1, help="After which the figure is reached; by default last."),
    ] = None,
    known: Annotated[
        str,
        typer.Option(
            help="Figures known before training that are features, too: naswot,synflow"
        ),
    ] = "",
    folds: Annotated[
        int, typer.Option(min=2, help="Outer folds of the cross-validation.")
    ] = 5,
    table: Annotated[
        Path | None,
        typer.Option(help="A new database of predicted figures, of every cell."),
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option(
            help="Predict only the networks of a sample or database for --table."
        ),
    ] = None,
    out_of_fold: Annotated[
        Path | None,
        typer.Option(
            help="A new database of the same networks as predicted by models that did "
            "not learn from their walks."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Fit a surrogate to recorded networks, and validate it.

    OUT/validation.csv has the scores of every model, with 95 % intervals over walks;
    OUT/learning_curve.csv those of the chosen model on fewer walks.

    Example: autoai4eo nasbench surrogate eo_hw_nas.sqlite --target
    val_average_accuracy --out SURROGATE --table cells.sqlite
    """
    _check(recorded, out, table, sample, out_of_fold, known)
    with hushed():
        from autoai4eo.files import folder_in_one_step
        from autoai4eo.nasbench.database import Database
        from autoai4eo.nasbench.surrogates import (
            Surrogate,
            learning_curve,
            models,
            read_records,
            tables,
            validate,
        )
        from autoai4eo.nasbench.surrogates.kinds import is_there
    models.make(model, seed)  # an unknown or missing one is told before the work
    tables.check_own(out)
    with Database(recorded) as database:
        names = [name.strip() for name in known.split(",") if name.strip()]
        records = read_records(database, target, epoch, names)
        about = {**database.about, "recorded": recorded.name}
        space = database.space
    if space == "choices" and table is not None and sample is None:
        raise UserError(
            "--table: expected --sample beside it for networks of choices, got none; "
            "name a database with the networks to predict"
        )
    entries = tables.entries_of(sample, space) if sample else None
    compared = [name for name in models.NAMES if is_there(name)]
    found = validate(records, compared, folds, seed)
    curve = learning_curve(records, model, found, seed)
    fitted = Surrogate.fit(records, model, seed, about)
    with written(out), folder_in_one_step(out) as folder:
        fitted.save(folder)
        for name, frame in ((tables.VALIDATION, found.table), (tables.CURVE, curve)):
            (folder / name).write_text(as_csv(frame), encoding="utf-8")
    _print(f"{target}, {len(records):,} networks, out of fold", found.table, model)
    if missing := [name for name in models.NAMES if name not in compared]:
        console.print(f"{', '.join(missing)}: left out, not installed", markup=False)
    console.print(f"surrogate: {out}", markup=False, soft_wrap=True)
    if out_of_fold is not None:
        predicted = found.predictions[model]
        tables.write_out_of_fold(out_of_fold, records, predicted, space, about)
        console.print(f"out of fold: {out_of_fold}", markup=False, soft_wrap=True)
    if table is not None:
        begin = time.monotonic()
        with fitted.as_table(table, entries) as database:
            console.print(
                f"table: {len(database):,} networks   {table}   "
                f"({time.monotonic() - begin:,.0f} s)",
                markup=False,
                soft_wrap=True,
            )


def _check(
    recorded: Path,
    out: Path,
    table: Path | None,
    sample: Path | None,
    out_of_fold: Path | None,
    known: str,
) -> None:
    if sample is not None and table is None:
        raise UserError("--sample: expected --table beside it, got none; leave it out")
    if known and table is not None and sample is None:
        raise UserError(
            "--table: expected --sample beside it, since the figures of --known are "
            "not known of every network; name a database that has them"
        )
    if table is not None and table == out_of_fold:
        raise UserError(f"--out-of-fold: expected another file than --table, {table}")
    check_can_write_into(out)
    check_not_input(out, [recorded, *([sample] if sample else [])])
    with hushed():
        from autoai4eo.nasbench.database_file import check_new
    for path in filter(None, (table, out_of_fold)):
        check_new(path)


def _print(title: str, table: pd.DataFrame, model: str) -> None:
    """Prints the scores, and the interval of Kendall's tau of the chosen model."""
    scores = [c for c in table if not c.endswith(("_lower", "_upper", "networks"))]
    shown = table[scores].astype(object)
    rows = shown.where(shown.notna(), None).to_numpy().tolist()
    print_table(title, [str(name) for name in scores], rows)
    of = table.set_index("model").loc[model]
    console.print(
        f"{model}: kendall_tau {of['kendall_tau']:.3f} "
        f"[{of['kendall_tau_lower']:.3f}, {of['kendall_tau_upper']:.3f}]   "
        f"r2 {of['r2']:.3f} [{of['r2_lower']:.3f}, {of['r2_upper']:.3f}]"
    )
