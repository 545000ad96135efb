"""Random damage to runs: counts wrong numbers and tracebacks, which must be none.

    python benchmarks/corruptions.py --count 50

A small run is made, with one trial broken off; and the same gone on with to its end.
Copies of both are damaged at random (zero, half, garbage, missing, swapped between
trials) and read by the command line; then `fit` goes on with them. Exit status 1 if
anything went wrong.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def main() -> int:
    """Makes the damage and prints a table of it."""
    import damaging

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=50, help="corruptions")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--no-resume", action="store_true", help="read only")
    asked = arguments.parse_args()
    draw = random.Random(asked.seed)
    tried: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        begun = damaging.begin(Path(place, "begun"))
        finished = damaging.copy(begun, Path(place, "finished"))
        damaging.fit(finished.parent)
        said = {
            run: {c: damaging.told(run, *c)[1] for c in damaging.COMMANDS}
            for run in (begun, finished)
        }
        for number in range(asked.count):
            source = draw.choice((begun, finished))
            name = draw.choice(damaging.files(source))
            damage = draw.choice(damaging.DAMAGES)
            run = damaging.copy(source, Path(place, str(number)))
            damage(run / name, draw)
            found = damaging.wrongs(run, said[source])
            if not asked.no_resume:
                found += damaging.resumed(run, said[source])
            kind = damage.__name__
            tried[kind] += 1
            wrong[kind] += len(found)
            print(f"{number:4} {source.parent.name:8} {kind:8} {name}", flush=True)
            for line in found:
                print(f"     WRONG {line}")
            shutil.rmtree(run.parent)
    print("damage     runs  wrong")
    for kind, count in sorted(tried.items()):
        print(f"{kind:8} {count:6} {wrong[kind]:6}")
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
