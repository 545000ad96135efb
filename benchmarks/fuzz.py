"""Readers, run folders and the command line on damaged files and odd arguments.

``python benchmarks/fuzz.py --minutes 60 --seed 0`` makes small valid files, changes
them (bytes, lengths, names, values, kinds) and opens them as a user would. What ends
well or with one line of ours passes; an exception that is not ours, a crash, a hang or
too much memory is a finding. Findings lie in the folder ``--out``, one of each kind,
with the changed files; ``--again FOLDER`` tries one once more. Nothing is written
elsewhere and nothing is sent.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fuzzing import changes, parts, seeds
from fuzzing.child import Child, Verdict
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

# inputs from one seed: the first is always the simplest, those after the second vary it
BATCH = 2


class Fuzzing:
    """Counts of inputs by part and end, and the findings by kind.

    Args:
        out: folder for the findings.
        work: an empty folder for all else.
        limit: seconds for one input.
    """

    def __init__(self, out: Path, work: Path, limit: float) -> None:
        self.out, self.work = out, work
        self.counts: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = defaultdict(float)
        self.found: Counter[tuple[str, str]] = Counter()
        (work / "home").mkdir(parents=True)
        self.child = Child(work / "home", limit)

    def write_seeds(self, chosen: Sequence[str]) -> None:
        """The valid files that the chosen parts change."""
        valid = self.work / "seeds"
        seeds.write_h5(valid / "h5")
        seeds.write_images(valid / "images")
        seeds.write_arrays(valid / "arrays")
        seeds.write_scenes(valid / "scenes")
        if "runs" in chosen or "commands" in chosen:
            every = valid / "all"
            self._away(lambda: seeds.write_run(valid / "run"))
            seeds.copy(valid / "arrays", valid / "run" / "data")
            self._away(lambda: seeds.write_network(every / "net"))
            for name in ("h5", "arrays", "scenes"):
                seeds.copy(valid / name, every / name)
            seeds.copy(valid / "images" / "images", every / "images")
            shutil.copy(valid / "images" / "images.zip", every)
            seeds.copy(valid / "run" / "run", every / "run")
            seeds.write_table(every / "table")
            seeds.write_traps(every / "traps")

    def _away(self, work: Callable[[], None]) -> None:
        """Works in a process of its own: forked, TensorFlow hangs once it has run."""
        pid = os.fork()
        if not pid:
            status = 1
            try:
                work()
                status = 0
            finally:
                os._exit(status)
        if os.waitpid(pid, 0)[1]:
            raise SystemExit("error: the valid files cannot be made; see above")

    def run(self, part: str, until: float, seed: int, inputs: int | None) -> None:
        """Tries inputs of one part until a time or number."""
        strategy = parts.inputs_of(part, parts.commands())
        quiet = settings(
            max_examples=BATCH,
            phases=[Phase.generate],
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        begin, number = time.monotonic(), 0
        tried: set[str] = set()

        def once(drawn: dict[str, Any]) -> None:
            if (text := json.dumps(drawn)) not in tried:
                tried.add(text)
                self._try(part, drawn)

        while time.monotonic() < until and len(tried) < (inputs or sys.maxsize):
            # a fresh function: hypothesis keeps what it knows of one
            seeded(f"{seed} {number}")(quiet(given(strategy)(lambda d: once(d))))()
            number += 1
        self.seconds[part] += time.monotonic() - begin

    def _try(self, part: str, drawn: dict[str, Any]) -> None:
        case = self.work / "case"
        changes.build(self.work / "seeds" / drawn["seed"], case, drawn)
        verdict = self.child.run(case, drawn["call"])
        self.counts[part, verdict.end] += 1
        if verdict.end == "finding":
            self._keep(part, drawn, verdict)

    def _keep(self, part: str, drawn: dict[str, Any], verdict: Verdict) -> None:
        kind = (part, verdict.key)
        self.found[kind] += 1
        if self.found[kind] > 1:
            return
        folder = self.out / f"{part}-{len(self.found):03d}"
        shutil.rmtree(folder, ignore_errors=True)
        valid = self.work / "seeds" / drawn["seed"]
        changes.build(valid, folder / "files", drawn)
        (folder / "input.json").write_text(json.dumps(drawn, indent=1))
        (folder / "traceback.txt").write_text(verdict.text, errors="replace")
        line = f"{folder.name}   {verdict.key}   {verdict.line}   {drawn['call']}"
        (folder / "line.txt").write_text(line, errors="backslashreplace")
        print(line[:600].encode("ascii", "backslashreplace").decode(), flush=True)

    def table(self) -> str:
        """What was tried and how it ended."""
        lines = [f"{'part':10}{'inputs':>8}{'well':>8}{'refused':>9}{'findings':>10}"
                 f"{'kinds':>7}{'seconds':>9}"]  # fmt: skip
        for part in self.seconds:
            well, refused, bad = (
                self.counts[part, end] for end in ("well", "refused", "finding")
            )
            kinds = sum(found == part for found, _ in self.found)
            lines.append(
                f"{part:10}{well + refused + bad:8,}{well:8,}{refused:9,}{bad:10,}"
                f"{kinds:7}{self.seconds[part]:9.0f}"
            )
        return "\n".join(lines)


def again(folder: Path, limit: float) -> int:
    """Tries a finding once more and prints how it ends."""
    drawn = json.loads((folder / "input.json").read_text())
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        (work / "home").mkdir()
        seeds.copy(folder / "files", work / "case")
        with Child(work / "home", limit) as child:
            verdict = child.run(work / "case", drawn["call"])
    print(f"{drawn['call']}\n{verdict.end}: {verdict.line}\n{verdict.text}")
    return int(verdict.end == "finding")


def main() -> int:
    """Reads the command line; exit status 1 with findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", default="readers,runs,commands")
    parser.add_argument("--inputs", type=int, help="of each part; else by time")
    parser.add_argument("--limit", type=float, default=20, help="seconds per input")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--again", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    chosen = options.parts.split(",")
    if options.again:
        return again(options.again, options.limit)
    _warm(chosen)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as made:
        fuzzing = Fuzzing(options.out, Path(made) / "work", options.limit)
        fuzzing.write_seeds(chosen)
        begin = time.monotonic()
        try:
            with fuzzing.child:
                for number, part in enumerate(chosen, start=1):
                    until = begin + 60 * options.minutes * number / len(chosen)
                    fuzzing.run(part, until, options.seed, options.inputs)
        except KeyboardInterrupt:
            print("interrupted")
    print(fuzzing.table())
    for (part, key), times in fuzzing.found.most_common():
        print(f"{times:6} × {part}: {key[:300]}")
    return int(bool(fuzzing.found))


def _warm(chosen: Sequence[str]) -> None:
    """Imports once what takes long, so that a fork has it; nothing is computed."""
    # as the command line does: TensorFlow's own lines are not counted as the command's
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    if "runs" in chosen or "commands" in chosen:
        import matplotlib.pyplot  # noqa: F401

        import autoai4eo.deploy
        import autoai4eo.report.page
        import autoai4eo.tasks  # noqa: F401


if __name__ == "__main__":
    sys.exit(main())
