"""What kills at random instants cost: maps and searches, killed and gone on with.

    python benchmarks/kills.py --kills 100

Half of the kills are of `autoai4eo map`, half of `autoai4eo fit` with two workers: of
these every second one is of one worker only, the others of the whole process group.
The same command is given again until it comes to its end. Counted are

- lost: complete trials or finished tiles that were computed again,
- mixed: maps that differ by a byte from an uninterrupted one; trials whose record does
  not fit their files; networks that were trained twice,
- stuck: commands that fail, take longer than `--limit` or leave a trial running.

Data and network are generated. Exit status 1 where a count is not 0.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
from optuna.trial import FrozenTrial, TrialState

from autoai4eo.data.synthetic import write_scene_like, write_so2sat_like
from autoai4eo.runs.study import FULL_TRAINING_OF, open_study

TRIALS, EPOCHS, WORKERS = 4, 2, 2
BLOCKS, STRIDE = 16, 4  # a scene of 1024 × 1024 pixels: four tiles
SIDE = 8  # pixels of a patch
LIMIT = "macs=500000"  # small networks: building one takes longer than training it
#: Of one command, before it is let run to its end.
IN_A_ROW = 10
_POLL_S = 0.02
_COMMAND = [sys.executable, "-P", "-m", "autoai4eo"]


def main() -> int:
    """Prints a table; 1 where anything is lost, mixed or stuck."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=600, help="seconds a command")
    parser.add_argument("--keep", type=Path, help="a new folder, which is kept")
    asked = parser.parse_args()
    if asked.keep is not None:
        asked.keep.mkdir(parents=True)
        return _kills(asked.keep, asked)
    with tempfile.TemporaryDirectory() as folder:
        return _kills(Path(folder), asked)


def _kills(folder: Path, asked: argparse.Namespace) -> int:
    rng = random.Random(asked.seed)
    fit, map_ = Fit(folder, asked.limit), Map(folder, asked.limit)
    begin = time.monotonic()
    for kind, kills in (
        (fit, asked.kills - asked.kills // 2),
        (map_, asked.kills // 2),
    ):
        kind.measure()
        while kind.counts["kills"] < kills:
            kind.round(rng, min(IN_A_ROW, kills - kind.counts["kills"]))
    names = ("kills", "lost", "mixed", "stuck")
    print(f"\n{'':8}" + "".join(f"{name:>8}" for name in names))
    for kind in (fit, map_):
        counts = "".join(f"{kind.counts[name]:8}" for name in names)
        print(f"{kind.name:8}{counts}")
    print(f"seed {asked.seed}, {(time.monotonic() - begin) / 60:.1f} minutes")
    bad = sum(k.counts[name] for k in (fit, map_) for name in names[1:])
    return 1 if bad else 0


class Kind:
    """A command that is killed and given again, and what came of it."""

    name: str
    #: Exit statuses of a good end.
    good: tuple[int, ...] = (0,)

    def __init__(self, folder: Path, limit: float) -> None:
        self.folder, self.limit = folder, limit
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0
        self.rounds = 0

    def measure(self) -> None:
        """Runs it once without a kill, to compare with."""
        out = self.folder / f"{self.name}-whole"
        begin = time.monotonic()
        if not self._until_the_end(self._begin(out)):
            raise SystemExit(f"{self.name} fails without any kill")
        self.seconds = time.monotonic() - begin
        print(f"{self.name}: {self.seconds:.0f} s without a kill", flush=True)

    def round(self, rng: random.Random, kills: int) -> None:
        """So many kills of one command, in a row, and its end."""
        self.rounds += 1
        out = self.folder / f"{self.name}-{self.rounds}"
        process, known, done = self._begin(out), self._finished(out), 0
        # what is left to do gets less with every kill
        while done < kills and self._wait(
            process, rng.uniform(0, self.seconds), out, known
        ):
            if not self._kill(process, rng, done):
                continue
            done += 1
            self.counts["kills"] += 1
            if process.poll() is not None:  # of one worker the search goes on
                self._check_kept(out, known)
                process, known = self._begin(out), self._finished(out)
        self._wait(process, self.limit, out, known)
        if self._until_the_end(process):
            self._check_whole(out)
        else:
            self._bad("stuck", out, f"no good end ({process.returncode}); see the log")
        self._check_kept(out, known)
        print(f"{out.name}: {dict(self.counts)}", flush=True)

    def _begin(self, out: Path) -> subprocess.Popen[bytes]:
        """Starts the command in a process group of its own."""
        # without the script's own folder, which -P leaves out
        places = sys.path[not sys.flags.safe_path :]
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "",
            "XDG_RUNTIME_DIR": str(self.folder),  # other searches are not waited for
            "PYTHONPATH": os.pathsep.join(filter(None, places)),
        }
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*_COMMAND, *map(str, self._command(out))],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _wait(
        self, process: subprocess.Popen[bytes], seconds: float, out: Path, known: Any
    ) -> bool:
        """Lets it run for so long; whether it still does."""
        until = time.monotonic() + seconds
        while process.poll() is None:
            if time.monotonic() >= until:
                return True
            self._check_kept(out, known)
            time.sleep(_POLL_S)
        return False

    def _kill(
        self, process: subprocess.Popen[bytes], rng: random.Random, done: int
    ) -> bool:
        """Kills the whole group; whether that could be done."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True

    def _until_the_end(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it comes to its end in time, and well."""
        try:
            return process.wait(self.limit) in self.good
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False

    def _bad(self, what: str, out: Path, why: str) -> None:
        """Counts and tells."""
        self.counts[what] += 1
        print(f"{what}: {out}: {why}", flush=True)

    def _command(self, out: Path) -> list[Any]:
        """The words of the command line."""
        raise NotImplementedError

    def _finished(self, out: Path) -> dict[Any, Any]:
        """What must not be computed again, with what tells whether it was."""
        raise NotImplementedError

    def _check_kept(self, out: Path, known: dict[Any, Any]) -> None:
        """Counts as lost what was finished and was computed again."""
        raise NotImplementedError

    def _check_whole(self, out: Path) -> None:
        """Looks at the outcome."""
        raise NotImplementedError


class Map(Kind):
    """Maps of a scene with the finalist of the search that was not killed."""

    name = "map"
    # 2: the map exists already, the kill came after its last byte; it is compared
    good = (0, 2)

    def __init__(self, folder: Path, limit: float) -> None:
        super().__init__(folder, limit)
        write_scene_like(folder / "scene.tif", BLOCKS, seed=0)

    def _command(self, out: Path) -> list[Any]:
        run, scene = self.folder / "fit-whole", self.folder / "scene.tif"
        return ["map", run, scene, self._map(out), "--stride", STRIDE]

    def _finished(self, out: Path) -> dict[Any, Any]:
        tiles = self._map(out).with_name(f".mapping-{self._map(out).name}")
        return dict(_inodes(tiles))

    def _check_kept(self, out: Path, known: dict[Any, Any]) -> None:
        for path, inode in self._finished(out).items():
            if known.get(path, inode) != inode:
                self._bad("lost", out, f"{path.name} was computed again")
                known[path] = inode

    def _check_whole(self, out: Path) -> None:
        whole = self._map(self.folder / "map-whole")
        for suffix in ("", "_confidence"):
            mine = self._map(out).with_stem(out.name + suffix)
            expected = whole.with_stem(whole.stem + suffix)
            if not mine.is_file() or mine.read_bytes() != expected.read_bytes():
                self._bad("mixed", out, f"{mine.name} differs")
        if left := [*out.parent.glob(f".*{out.name}*")]:
            self._bad("mixed", out, f"left over: {left}")

    def _map(self, out: Path) -> Path:
        return out.with_name(f"{out.name}.tif")


class Fit(Kind):
    """Searches with two workers."""

    name = "fit"

    def __init__(self, folder: Path, limit: float) -> None:
        super().__init__(folder, limit)
        _write_patches(folder / "training.h5", 100, seed=0)
        _write_patches(folder / "validation.h5", 34, seed=1)

    def _command(self, out: Path) -> list[Any]:
        data = [self.folder / "training.h5", "--val", self.folder / "validation.h5"]
        search = ["--max-trials", TRIALS, "--epochs", EPOCHS, "--workers", WORKERS]
        small = ["--input", "sen2", "--constraint", LIMIT]
        return ["fit", *data, "--out", out, *small, *search]

    def _kill(
        self, process: subprocess.Popen[bytes], rng: random.Random, done: int
    ) -> bool:
        """Every second time one worker only; the search goes on then."""
        if done % 2 == 0:
            return super()._kill(process, rng, done)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        workers = children.read_text().split()
        if workers:
            os.kill(int(rng.choice(workers)), signal.SIGKILL)
        return bool(workers)

    def _finished(self, out: Path) -> dict[Any, Any]:
        return {
            trial.number: (trial.values, trial.datetime_complete)
            for trial in _trials(out)
            if trial.state == TrialState.COMPLETE
        }

    def _wait(
        self, process: subprocess.Popen[bytes], seconds: float, out: Path, known: Any
    ) -> bool:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _check_kept(self, out: Path, known: dict[Any, Any]) -> None:
        now = self._finished(out)
        for number in known:
            if now.get(number) != known[number]:
                self._bad("lost", out, f"trial {number} was complete")

    def _check_whole(self, out: Path) -> None:
        trials = _trials(out)
        if any(trial.state == TrialState.RUNNING for trial in trials):
            self._bad("stuck", out, "a trial is left running")
        complete = [t for t in trials if t.state == TrialState.COMPLETE]
        trained = [t for t in complete if FULL_TRAINING_OF not in t.user_attrs]
        if len(trained) != TRIALS:
            self._bad("stuck", out, f"{len(trained)} of {TRIALS} trials are complete")
        recipes = Counter(
            (t.user_attrs["fingerprint"], json.dumps(t.user_attrs["hyperparameters"]))
            for t in trained
        )
        retried = Counter(t.user_attrs.get("retry_of") for t in trained)
        retried.pop(None, None)
        numbers = {t.number for t in complete}
        if any(n > 1 for n in (*recipes.values(), *retried.values())):
            self._bad("mixed", out, "a network was trained twice")
        if numbers & set(retried):
            self._bad("mixed", out, "a complete trial was tried again")
        for trial in complete:
            if why := _does_not_fit(out / "trials" / str(trial.number), trial):
                self._bad("mixed", out, f"trial {trial.number}: {why}")
        told = json.loads((out / "best/evaluation.json").read_text())
        if told["trial"] not in numbers or not (out / "best/model.keras").is_file():
            self._bad("mixed", out, "the finalist is no complete trial")


def _write_patches(path: Path, samples: int, seed: int) -> None:
    """The corners of generated patches, as HDF5."""
    whole = path.with_suffix(".whole")
    write_so2sat_like(whole, samples, seed)
    with h5py.File(whole) as file, h5py.File(path, "w") as small:
        small["sen2"] = file["sen2"][:, :SIDE, :SIDE]
        small["label"] = file["label"][:]


def _trials(out: Path) -> list[FrozenTrial]:
    """The trials of a run; none where it was killed before it had a record."""
    if not (out / "trials").is_dir() or not (out / "study.db").is_file():
        return []
    return open_study(out).get_trials(deepcopy=False)


def _does_not_fit(folder: Path, trial: FrozenTrial) -> str | None:
    """What of a trial's files is not what its record says."""
    if not (folder / "model.keras").is_file():
        return "no network"
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = trial.user_attrs
    if [int(row["epoch"]) for row in rows] != list(range(1, kept["epochs"] + 1)):
        return f"epochs {[row['epoch'] for row in rows]}, recorded {kept['epochs']}"
    best = rows[kept["best_epoch"]]
    for name, value in kept["metrics"].items():
        if abs(float(best[name]) - value) > 1e-6:
            return f"{name} {best[name]} in its history, recorded {value}"
    cost = json.loads((folder / "cost.json").read_text())
    return None if cost["params"] == kept["cost"]["params"] else "another cost"


def _inodes(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path in folder.glob("[0-9]*.npz"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # the map is whole, its tiles go
        yield path, (found.st_ino, found.st_mtime_ns)


if __name__ == "__main__":
    sys.exit(main())
