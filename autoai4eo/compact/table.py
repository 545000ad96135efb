"""The table of compact networks and residual networks on one data set."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.compact.job import (
    SCORES,
    TableSettings,
    asked_of,
    do_job,
    result_of,
    results,
)
from autoai4eo.data.dataset import Dataset
from autoai4eo.errors import SearchError, UserError
from autoai4eo.files import in_one_step

Tell = Callable[[str], None]
TABLE, MARKDOWN, CONFUSION = "table.csv", "table.md", "confusion.png"
LOG = "jobs.log"


def make_table(
    train: Dataset,
    test: Dataset,
    out: Path,
    settings: TableSettings,
    workers: int = 1,
    tell: Tell = lambda text: None,
) -> pd.DataFrame:
    """Searches, trains and tests every row with every seed; resumes in its folder.

    Each training is a folder ``OUT/METHOD-SEED`` and a process of its own. Several
    commands with the same folder share the trainings. The weights of the last epoch
    are tested: test data choose nothing.

    Args:
        train: the training data.
        test: the test data.
        out: the folder, which is made.
        settings: the options.
        workers: trainings at the same time; they share the cores.
        tell: takes a line about each training.

    Returns:
        The table, see `summary`; also written as ``OUT/table.csv`` and ``table.md``.

    Raises:
        UserError: the folder has trainings of other data or options.
        SearchError: a training failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    asked = asked_of(train, test, settings)
    missing = [job for job in settings.jobs if result_of(out, *job, asked) is None]
    done = len(settings.jobs) - len(missing)
    tell(f"{done} of {len(settings.jobs)} trainings are done")
    cores = max(1, (os.cpu_count() or 1) // workers)
    threads = {f"TF_NUM_{of}_THREADS": str(cores) for of in ("INTRAOP", "INTEROP")}
    spawn = multiprocessing.get_context("spawn")
    busy = 0
    with ProcessPoolExecutor(
        workers, spawn, _begin, (threads, out / LOG), max_tasks_per_child=1
    ) as pool:
        name, seed = "", 0
        try:
            running = {
                pool.submit(do_job, train, test, out, settings, *job): job
                for job in missing
            }
            for future in as_completed(running):
                name, seed = running[future]
                if (told := future.result()) is None:
                    busy += 1
                    continue
                done += 1
                tell(f"{name} seed {seed}   {told}   {done} of {len(settings.jobs)}")
                if found := results(out, settings, asked):
                    _write(out, summary(found), test, found)
        except UserError:
            pool.shutdown(cancel_futures=True)
            raise
        except Exception as error:
            pool.shutdown(cancel_futures=True)
            raise SearchError(
                f"{out}: the training of {name} with seed {seed} failed ({error}); "
                "rerun the command to resume"
            ) from error
    if busy:
        tell(f"{busy} trainings are being done by another command in {out}")
    found = results(out, settings, asked)
    table = summary(found)
    _write(out, table, test, found)
    return table


def _begin(environment: Mapping[str, str], log: Path) -> None:
    """Prepares a process: its threads, and where libraries print."""
    os.environ.update(environment)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 2)


def summary(found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Returns a row for each method: means over the seeds, and standard deviations.

    Columns: method, seeds; accuracy, average_accuracy and cohen_kappa, each followed by
    its ``_std`` (of a sample; empty for one seed); params, macs (means); depths (of
    each seed); search_seconds and train_seconds (means).
    """
    rows = []
    for method in dict.fromkeys(one["method"] for one in found):
        of = [one for one in found if one["method"] == method]
        row: dict[str, Any] = {"method": method, "seeds": len(of)}
        for name in SCORES:
            values = np.array([one[name] for one in of])
            row[name] = values.mean()
            row[f"{name}_std"] = values.std(ddof=1) if len(of) > 1 else np.nan
        for name in ("params", "macs"):
            row[name] = round(float(np.mean([one[name] for one in of])))
        depths = [one["depths"] for one in of if one["depths"] is not None]
        row["depths"] = "; ".join("-".join(map(str, one)) for one in depths)
        for name in ("search_seconds", "train_seconds"):
            seconds = [one[name] for one in of if one[name] is not None]
            row[name] = round(float(np.mean(seconds)), 1) if seconds else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """Returns the table in Markdown: scores in per cent, costs in millions."""
    lines = [
        "| | seeds | OA | AA | kappa | parameters | MACs | depths | search "
        "| training |",
        "|" + "---|" * 10,
    ]
    for row in table.to_dict("records"):
        scores = []
        for name, factor, digits in zip(SCORES, (100, 100, 1), (2, 2, 3), strict=True):
            spread = row[f"{name}_std"]
            told = f"{factor * row[name]:.{digits}f}"
            if np.isfinite(spread):
                told += f" ± {factor * spread:.{digits}f}"
            scores.append(told)
        seconds = [
            f"{row[name]:,.0f} s" if np.isfinite(row[name]) else ""
            for name in ("search_seconds", "train_seconds")
        ]
        lines.append(
            f"| {row['method']} | {row['seeds']} | {' | '.join(scores)} "
            f"| {row['params'] / 1e6:.3f} M | {row['macs'] / 1e6:.2f} M "
            f"| {row['depths']} | {' | '.join(seconds)} |"
        )
    return "\n".join(lines) + "\n"


def _write(
    out: Path, table: pd.DataFrame, test: Dataset, found: Sequence[dict[str, Any]]
) -> None:
    with in_one_step(out / TABLE) as temporary:
        table.to_csv(temporary, index=False)
    with in_one_step(out / MARKDOWN) as temporary:
        temporary.write_text(markdown(table))
    _draw(out / CONFUSION, test.class_names, found)


def _draw(path: Path, classes: Sequence[str], found: Sequence[dict[str, Any]]) -> None:
    """Draws the confusion matrix of each method, over all seeds, in shares."""
    from matplotlib.figure import Figure

    methods = list(dict.fromkeys(one["method"] for one in found))
    columns = min(4, len(methods))
    lines = -(-len(methods) // columns)
    figure = Figure(figsize=(3.2 * columns + 1.6, 3.3 * lines + 1), dpi=120)
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    numbers = range(1, len(classes) + 1)
    for axis in axes.flat:
        axis.set_visible(False)
    for axis, method in zip(axes.flat, methods, strict=False):
        counts = np.sum(
            [one["confusion_matrix"] for one in found if one["method"] == method],
            axis=0,
        )
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.set_visible(True)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(method, fontsize=10)
        axis.set_xticks(range(len(classes)), numbers, fontsize=6)
        axis.set_yticks(
            range(len(classes)),
            [f"{name} {i}" for i, name in zip(numbers, classes, strict=True)],
            fontsize=6,
        )
    figure.supxlabel("predicted class", fontsize=9)
    figure.supylabel("class", fontsize=9)
    figure.tight_layout()
    with in_one_step(path) as temporary:
        figure.savefig(temporary, format="png")
