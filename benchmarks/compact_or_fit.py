"""Compact search and `fit` with `cost-aware`, for the same time, on the same data.

    python benchmarks/compact_or_fit.py ../shared/data/so2sat_layout OUT --input sen2

`compact search` goes first; then `fit` searches as long as it took, for networks of at
most as many multiply-adds; the training of its finalist comes on top. Both train a
network for EPOCHS epochs, and the finalist for as many more. Both are judged on
testing.h5, which neither saw. The difference of kappa has a 95 % interval: a paired
bootstrap of whole parents; seeds are not in it. `fit` may propose the cells that the
package has, which an earlier compact search found on the same training data. OUT keeps
what is done; a command that was interrupted begins anew.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def command(*given: Any) -> float:
    """Runs a command of autoai4eo, which prints its log; returns seconds."""
    begun = time.monotonic()
    call = [sys.executable, "-m", "autoai4eo", *map(str, given)]
    subprocess.run(call, check=True)
    return time.monotonic() - begun


def kept(path: Path, *given: Any) -> float:
    """As `command`, once: its seconds are kept in a file."""
    if not path.is_file():
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)
        seconds = command(*given)
        path.write_text(json.dumps(seconds))
    return json.loads(path.read_text())


def judged(run: Path, test: Path) -> tuple[Any, Any, Any]:
    """Returns the scorer of a run's network on test data, and its cost."""
    import autoai4eo as ae
    from autoai4eo.cost import profile
    from autoai4eo.learning import evaluation

    model = ae.load_model(run / "best" / "model.keras")
    data = ae.open_dataset(test, inputs=[node.name for node in model.inputs])
    _, groups = evaluation.groups_of(data)
    scorer = evaluation.scored(data, evaluation.outputs(model, data, 64), groups)
    return scorer, profile(model), run


def main() -> None:
    """Runs both and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "data", type=Path, help="training.h5, validation.h5, testing.h5"
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--input", default="sen2")
    parser.add_argument("--search-epochs", type=int, default=6)
    parser.add_argument("--search-batch-size", type=int, default=32)
    parser.add_argument("--max-depth", type=int, default=4)
    parser.add_argument("--constant", type=float, default=0.05)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    both = [
        *(args.data / "training.h5", "--val", args.data / "validation.h5"),
        *("--input", args.input, "--no-references", "--seed", args.seed),
    ]
    compact, fit = args.out / "compact", args.out / "fit"
    of_search = [
        *("--search-epochs", args.search_epochs, "--max-depth", args.max_depth),
        *("--search-batch-size", args.search_batch_size, "--constant", args.constant),
    ]
    begin = ["compact", "search", *both, "--out", compact, *of_search]
    path = args.out / "compact.json"
    seconds = {compact: kept(path, *begin, "--epochs", args.epochs)}
    macs = judged(compact, args.data / "testing.h5")[1].macs
    limits = [
        *("--tuner", "cost-aware", "--max-trials", 200, "--epochs", args.epochs),
        *("--max-hours", seconds[compact] / 3600),
        *("--constraint", f"macs={macs}"),
    ]
    seconds[fit] = kept(args.out / "fit.json", "fit", *both, "--out", fit, *limits)
    rows = [judged(run, args.data / "testing.h5") for run in (compact, fit)]
    print("| | kappa | OA | AA | MACs | latency | seconds |")
    print("|" + "---|" * 7)
    for scorer, cost, run in rows:
        scores = scorer.result()
        print(
            f"| {run.name} | {scores['cohen_kappa']:.3f} | {scores['accuracy']:.3f} "
            f"| {scores['average_accuracy']:.3f} | {cost.macs / 1e6:.2f} M "
            f"| {cost.latency_ms:.2f} ms | {seconds[run]:.0f} |"
        )
    from autoai4eo.learning.intervals import interval

    mine, theirs = (scorer.resampled()["cohen_kappa"] for scorer, *_ in rows)
    low, high = interval(mine - theirs)
    print(f"kappa of compact minus fit: [{low:+.3f}, {high:+.3f}]")


if __name__ == "__main__":
    main()
