"""A search on `so2sat_layout` by two workers that share the card."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

import autoai4eo as ae
from gpu_parts import card
from gpu_parts.asked import Asked, Rows

SHOWN = ("trial", "status", "val_cohen_kappa", "latency_ms", "params", "train_seconds")


def search(asked: Asked) -> None:
    """Searches by two workers; in full size also by one, for comparison."""
    rows = Rows(asked.out, "search")
    for workers in asked.choose((2, 1), (2,), (2,)):
        _search(asked, rows, workers)


def _search(asked: Asked, rows: Rows, workers: int) -> None:
    left = asked.end - time.monotonic()
    classifier = ae.So2SatClassifier(
        objective=["val_cohen_kappa", "latency_ms"],
        max_trials=asked.choose(20, 6, 2),
        workers=workers,
        seed=0,
        directory=asked.work,
        project_name=f"workers-{workers}",
    )
    begin = time.monotonic()
    with card.watched() as seen, _kept(rows, classifier, workers):
        classifier.fit(
            asked.data / "training.h5",
            validation_data=asked.data / "validation.h5",
            epochs=asked.choose(20, 3, 1),
            max_hours=0.6 * left / 3600,  # the finalist's training comes on top
        )
    spent = time.monotonic() - begin
    name = f"{workers} worker{'s' if workers > 1 else ''}"
    scores = classifier.evaluate(asked.data / "testing.h5")
    rows.find(
        **{
            f"{name}: seconds": spent,
            f"{name}: most memory of the card, MiB": seen.get("memory_MiB"),
            f"{name}: mean use of the card, %": seen.get("use_percent"),
            f"{name}: kappa, OA on testing.h5": f"{scores['cohen_kappa']:.3f}, "
            f"{scores['accuracy']:.3f}",
        }
    )
    _check_errors(classifier.run, rows)


@contextmanager
def _kept(rows: Rows, classifier: ae.ImageClassifier, workers: int) -> Iterator[None]:
    """Adds each trial as it ends, so that a search that is cut leaves what it has."""
    over = threading.Event()
    known: set[int] = set()

    def keep() -> None:
        if not hasattr(classifier, "tuner"):
            return  # the search has not begun
        for trial in classifier.trials(all=True).to_dict("records"):
            if trial["status"] != "running" and trial["trial"] not in known:
                known.add(trial["trial"])
                told = {n: _plain(trial[n]) for n in SHOWN if n in trial}
                rows.add(workers=workers, **told)

    def watch() -> None:
        while not over.wait(3):
            keep()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        keep()


def _check_errors(run: Path, rows: Rows) -> None:
    """The first line of each error that a trial left."""
    errors = sorted(run.glob("trials/*/error.txt"))
    if errors:
        told = [path.read_text().strip().splitlines()[-1] for path in errors]
        rows.find(errors="; ".join(told)[:1000])


def _plain(value: object) -> object:
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
