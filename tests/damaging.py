"""Runs that are damaged as a power cut, a bad disk or a careless copy would do it."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import keras
import small

from autoai4eo.cli.main import main
from autoai4eo.runs.soundness import findings

DATA, VALIDATION, EPOCHS = small.dataset(), small.dataset(seed=1), 3
#: What reads a run and says numbers of it.
COMMANDS = (
    ("trials", "--json"),
    ("pareto", "--json"),
    ("report",),
    ("check",),
)


class StopsTheThird(keras.callbacks.Callback):
    """Ctrl-C in the second epoch of the third trial."""

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1 and (self.run / "trials" / "2").exists():
            raise KeyboardInterrupt


def begin(folder: Path) -> Path:
    """A run with two trials, and a third that was interrupted after an epoch."""
    run = folder / "run"
    try:
        fit(folder, callbacks=[StopsTheThird(run)])
    except KeyboardInterrupt:
        return run
    raise AssertionError("nothing was interrupted")


def fit(folder: Path, **arguments):
    """Goes on with it, to its end."""
    model = small.model(folder, max_trials=3)
    with small.in_this_process(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(
            DATA,
            validation_data=VALIDATION,
            epochs=EPOCHS,
            verbose=0,
            references=True,
            **arguments,
        )
    return model


def files(run: Path) -> list[str]:
    """The files of a run that matter, by their paths in it."""
    return sorted(
        str(path.relative_to(run))
        for path in run.rglob("*")
        if path.is_file()
        and not path.name.startswith(".")
        and not path.name.endswith((".lock", ".log", ".html"))
        and path.name not in ("graph", "events.out.tfevents.trial")
    )


def zero(path: Path, draw: random.Random) -> None:
    """As long as before, of nothing."""
    path.write_bytes(bytes(path.stat().st_size * draw.randint(0, 1)))


def half(path: Path, draw: random.Random) -> None:
    """Cut off."""
    os.truncate(path, draw.randint(1, max(1, path.stat().st_size - 1)))


def garbage(path: Path, draw: random.Random) -> None:
    """Random bytes in place of all of it, or of its second half."""
    content = path.read_bytes()
    kept = content[: len(content) // 2 * draw.randint(0, 1)]
    path.write_bytes(kept + draw.randbytes(len(content) - len(kept)))


def missing(path: Path, draw: random.Random) -> None:
    """Gone."""
    path.unlink()


def swapped(path: Path, draw: random.Random) -> None:
    """In each other's place: the files of this name of two trials."""
    if "trials" in path.parts:
        others = [p for p in path.parent.parent.glob(f"*/{path.name}") if p != path]
    else:
        others = [*(path.parent.parent / "trials").glob(f"*/{path.name}")]
    if others:
        other, aside = draw.choice(sorted(others)), path.with_name("aside")
        path.rename(aside)
        other.rename(path)
        aside.rename(other)


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    zero,
    half,
    garbage,
    missing,
    swapped,
)


def told(run: Path, *command: str) -> tuple[int, str, str]:
    """What the command line says of a run: exit status, output, errors."""
    out, err = StringIO(), StringIO()
    before = sys.argv
    sys.argv = ["autoai4eo", command[0], str(run), *command[1:]]
    try:
        with redirect_stdout(out), redirect_stderr(err), warnings.catch_warnings():
            main()
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    finally:
        sys.argv = before
    return 0, out.getvalue(), err.getvalue()


def wrongs(run: Path, whole: dict[tuple[str, ...], str]) -> list[str]:
    """What the read commands get wrong of a run, where the whole one says `whole`.

    A traceback; more than a line of error; another output without a word.
    """
    found = []
    for command in COMMANDS:
        try:
            status, out, err = told(run, *command)
        except BaseException as error:
            found.append(f"{command[0]}: traceback {type(error).__name__}: {error}")
            continue
        lines = err.strip().splitlines()
        if "Traceback" in err or (status and command[0] != "check" and len(lines) != 1):
            found.append(f"{command[0]}: status {status}, {err!r}")
        elif status == 0 and command[0] in ("trials", "pareto"):
            if not lines and json.loads(out) != json.loads(whole[command]):
                found.append(f"{command[0]}: other numbers without a word")
        elif command[0] == "check" and status == 0 and whole.get(("damaged",)):
            found.append("check: whole")
    return found


def resumed(run: Path, whole: dict[tuple[str, ...], str]) -> list[str]:
    """What going on with a run gets wrong: it ends whole, or in a line."""
    from autoai4eo.errors import UserError

    try:
        model = fit(run.parent)
    except UserError as error:
        return [] if "\n" not in str(error) else [f"fit: {error!r}"]
    except BaseException as error:
        return [f"fit: traceback {type(error).__name__}: {error}"]
    found = [f"after fit: {f.problem}" for f in findings(run) if not _is_lost(f.path)]
    table = model.trials(all=True)
    before = {row["trial"]: row for row in json.loads(whole["trials", "--json"])}
    for number in (0, 1):
        (row,) = table[table["trial"] == number].to_dict("records")
        kappa = before[number]["val_cohen_kappa"]
        if abs(row["val_cohen_kappa"] - kappa) > 1e-9:
            found.append(f"after fit: trial {number} has another kappa")
    if sum(table["status"] == "complete") != 3:
        found.append("after fit: not three complete trials")
    return found


def _is_lost(path: Path) -> bool:
    """Whether it cannot be made again: a trial's learning curve and its network."""
    return "trials" in path.parts and path.name in ("history.csv", "model.keras")


def copy(run: Path, folder: Path) -> Path:
    """A copy of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copytree(run, folder / "run"))
