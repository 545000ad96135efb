"""The table of compact networks and residual networks on one data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autoai4eo.compact.baselines import RESNETS
from autoai4eo.compact.halves import Halves
from autoai4eo.compact.job import (
    COMPACT,
    SCORES,
    TableSettings,
    Tell,
    asked_of,
    outputs_of,
    result_of,
    results,
)
from autoai4eo.compact.processes import Work, run_jobs
from autoai4eo.compact.queue import open_queue
from autoai4eo.data.between_parts import told_overlap
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.overlap import overlap
from autoai4eo.files import in_one_step
from autoai4eo.learning.evaluation import check_labelled, groups_of, scored
from autoai4eo.learning.intervals import blocks, interval
from autoai4eo.runs import databases
from autoai4eo.tasks.training_data import check_alike

TABLE, MARKDOWN, CONFUSION = "table.csv", "table.md", "confusion.png"
DIFFERENCES = "differences.csv"


def make_table(
    train: Dataset,
    test: Dataset,
    out: Path,
    settings: TableSettings,
    workers: int = 1,
    tell: Tell = lambda text: None,
    storage: str | None = None,
) -> pd.DataFrame:
    """Searches, trains and tests every row with every seed; resumes in its folder.

    Each training is a trial of a study, a folder ``OUT/METHOD-SEED`` and a process of
    its own. Several commands with the same folder share the trainings. The weights of
    the last epoch are tested: test data choose nothing.

    Args:
        train: the training data.
        test: the test data.
        out: the folder, which is made.
        settings: the options.
        workers: trainings at the same time; they share the cores.
        tell: takes lines about the trainings.
        storage: URL of the database of the study, for several machines that share the
            folder; None: ``OUT/study.db``.

    Returns:
        The table, see `summary`; also written as ``OUT/table.csv`` and ``table.md``.

    Raises:
        UserError: the folder has trainings of other data or options, or the database
            cannot be used.
        SearchError: a training failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    train = train.subset(np.flatnonzero(train.known))
    check_labelled(test)
    check_alike(train, test, "test data")
    for note in told_overlap("test data", overlap(test, train), np.empty(0, int)):
        tell(note)
    asked = asked_of(train, test, settings)
    jobs = settings.jobs
    missing = [job for job in jobs if result_of(out, *job, asked) is None]
    storage = storage and databases.name(storage)  # it keeps the password
    study = open_queue(out, storage)
    tell(f"{len(jobs) - len(missing)} of {len(jobs)} trainings are done")
    for seed in {seed for name, seed in missing if name in COMPACT}:
        # refuses too few data before anything is trained
        Halves(train, settings.search.batch_size, seed, None)
    work = Work(train, test, out, settings, missing, storage)
    for (name, seed), told in run_jobs(work, study, workers, tell):
        found = results(out, settings, asked)
        tell(f"{name} seed {seed}   {told}   {len(found)} of {len(jobs)}")
        _write(out, test, found)
    found = results(out, settings, asked)
    if lacking := len(jobs) - len(found):
        tell(f"{lacking} trainings failed in another command; rerun to resume them")
    _write(out, test, found)
    return summary(found)


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


def differences(
    out: Path, test: Dataset, found: Sequence[dict[str, Any]]
) -> pd.DataFrame:
    """Compares the kappa of each method with that of the largest ResNet in the table.

    A paired bootstrap of whole groups of the test data; kappa is the mean over seeds.

    Returns:
        Columns: method, against, difference, lower, upper (95 %), macs_share (of the
        other's multiply-adds). No row without a ResNet.
    """
    columns = ["method", "against", "difference", "lower", "upper", "macs_share"]
    methods = list(dict.fromkeys(one["method"] for one in found))
    resnets = [name for name in RESNETS if name in methods]
    if not resnets:
        return pd.DataFrame(columns=columns)
    _, groups = groups_of(test)
    groups = blocks(len(test)) if groups is None else groups
    kappa, draws, macs = {}, {}, {}
    for method in methods:
        of = [one for one in found if one["method"] == method]
        scorers = [
            scored(test, outputs_of(out, method, one["seed"]), groups) for one in of
        ]
        kappa[method] = np.mean([s.result()["cohen_kappa"] for s in scorers])
        draws[method] = np.mean([s.resampled()["cohen_kappa"] for s in scorers], axis=0)
        macs[method] = np.mean([one["macs"] for one in of])
    other = resnets[-1]
    rows = []
    for method in methods:
        if method == other:
            continue
        lower, upper = interval(draws[method] - draws[other])
        difference = kappa[method] - kappa[other]
        share = macs[method] / macs[other]
        rows.append((method, other, difference, lower, upper, share))
    return pd.DataFrame(rows, columns=columns)


def markdown(table: pd.DataFrame) -> str:
    """Returns the table in Markdown: scores in per cent, costs in millions."""
    lines = [
        "| | seeds | OA, % | AA, % | kappa | parameters | MACs | depths | search "
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


def _write(out: Path, test: Dataset, found: Sequence[dict[str, Any]]) -> None:
    if not found:
        return
    table = summary(found)
    with in_one_step(out / TABLE) as temporary:
        table.to_csv(temporary, index=False)
    with in_one_step(out / MARKDOWN) as temporary:
        temporary.write_text(markdown(table))
    with in_one_step(out / DIFFERENCES) as temporary:
        differences(out, test, found).to_csv(temporary, index=False)
    _draw(out / CONFUSION, test.class_names, found)


def _draw(path: Path, classes: Sequence[str], found: Sequence[dict[str, Any]]) -> None:
    """Draws the confusion matrix of each method, over all seeds, in shares."""
    from matplotlib.figure import Figure

    methods = list(dict.fromkeys(one["method"] for one in found))
    columns = min(4, len(methods))
    lines = -(-len(methods) // columns)
    size = (3.2 * columns + 1.6, 3.3 * lines + 1)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
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
        image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axis.set_title(method, fontsize=10)
        axis.set_xticks(range(len(classes)), numbers, fontsize=6)
        axis.set_yticks(
            range(len(classes)),
            [f"{name} {i}" for i, name in zip(numbers, classes, strict=True)],
            fontsize=6,
        )
    figure.supxlabel("predicted class", fontsize=9)
    figure.supylabel("class", fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
    bar.set_label("share of the class", fontsize=9)
    with in_one_step(path) as temporary:
        figure.savefig(temporary, format="png")
