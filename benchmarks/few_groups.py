"""How often a 95 % interval over few groups holds the true mean.

    python benchmarks/few_groups.py [--repeats 3000]

The means of the groups are normal, around 0. The intervals are those of every score,
`autoai4eo.learning.intervals.of_groups`.
"""

from __future__ import annotations

import argparse

import numpy as np

from autoai4eo.learning.intervals import of_groups

GROUPS = (2, 3, 5, 7, 10, 11, 15, 20, 30)


def share_held(groups: int, repeats: int, rng: np.random.Generator) -> float:
    """Returns the share of intervals over so many groups that hold 0."""
    held = 0
    for _ in range(repeats):
        table = np.stack([rng.normal(size=groups), np.ones(groups)], axis=1)
        low, high = of_groups(table, lambda sums: {"mean": sums[:, 0] / sums[:, 1]})[
            "mean"
        ]
        held += low <= 0 <= high
    return held / repeats


def main() -> None:
    """Prints the share for each number of groups."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3000)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(0)
    for groups in GROUPS:
        print(f"{groups:3} groups: {share_held(groups, repeats, rng):.3f}")


if __name__ == "__main__":
    main()
