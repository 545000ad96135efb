"""What `--prune` saves and what it loses, on the curves of a finished search.

    autoai4eo fit training.h5 --val validation.h5 --out RUN --tuner random \
        --objective val_cohen_kappa --objective latency_ms --max-trials 40 --epochs 12
    python benchmarks/stopping.py RUN

Replays the rule of `autoai4eo.search.trials.pruning` on the trials of RUN in 200
random orders: the share of epochs that is not trained, of the trials of the front that
are stopped, and of the hypervolume that is lost.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from autoai4eo.runs.pareto import hypervolume, minimised, on_front
from autoai4eo.runs.study import judged, objectives_of, open_study
from autoai4eo.search.trials.pruning import reachable

ORDERS = 200


def main() -> None:
    """Prints medians, and the worst of all orders."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    study = open_study(parser.parse_args().run)
    objectives, trials = objectives_of(study), judged(study)
    monitor = next(o for o in objectives if not o.is_cost)
    curves = [t.user_attrs["curve"] for t in trials]
    values = np.array([t.values for t in trials])
    points = minimised(values, objectives)
    front = set(np.flatnonzero(on_front(points)))
    worst = points.max(axis=0) + 0.1 * np.ptp(points, axis=0)
    column = objectives.index(monitor)
    rng = np.random.default_rng(0)
    saved, stopped_share, members, volumes = [], [], [], []
    for _ in range(ORDERS):
        kept: list[int] = []
        trained = 0
        for i in rng.permutation(len(trials)):
            known = [curves[k] for k in kept]
            for epoch in range(1, len(curves[i]) + 1):
                best = reachable(curves[i][:epoch], known, monitor)
                if best is None or epoch == len(curves[i]):
                    continue
                hoped = values[i].copy()
                hoped[column] = best
                rivals = np.vstack([values[kept], hoped])
                if not on_front(minimised(rivals, objectives))[-1]:
                    break
            else:
                kept.append(int(i))
            trained += epoch
        saved.append(1 - trained / sum(map(len, curves)))
        stopped_share.append(1 - len(kept) / len(trials))
        members.append(len(front - set(kept)) / len(front))
        volumes.append(
            1 - hypervolume(points[kept], worst) / hypervolume(points, worst)
        )
    print(f"{len(trials)} trials, {len(front)} on the front, {ORDERS} orders")
    for name, shares in (
        ("trials stopped", stopped_share),
        ("epochs saved", saved),
        ("front stopped", members),
        ("hypervolume lost", volumes),
    ):
        print(
            f"{name}: median {np.median(shares):.1%}, mean {np.mean(shares):.1%}, "
            f"at most {max(shares):.1%}"
        )


if __name__ == "__main__":
    main()
