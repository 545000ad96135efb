"""``demo``: every step from data to report, on a small generated data set."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli import fit, map, model, report, trials
from autoai4eo.cli.console import console, hushed
from autoai4eo.errors import DamagedError, MissingError, UserError
from autoai4eo.files import (
    check_can_write_into,
    in_one_step,
    remove_leftovers,
    written,
)
from autoai4eo.locks import output_alone

#: The folder unless ``--out`` names one.
OUT = Path("autoai4eo-demo")
_SAMPLES = {"training": 1200, "validation": 300, "testing": 300}
_TRIALS, _EPOCHS, _SEED = 3, 4, 0
# so many that the strategy proposes the last ones by what it learnt of the first
_SEARCHED = {"training": 480, "validation": 240, "testing": 240}
_SEARCH_TRIALS, _SEARCH_EPOCHS = 10, 3
_OBJECTIVES = ["val_cohen_kappa", "latency_ms"]
# small networks learn most in so few epochs, and in two minutes
_LIMITS = ["macs=10000000"]
#: What a killed demo leaves: half-written files, the tiles of a map, locks.
_LEFT = re.compile(r"\.(writing|old)-[0-9a-f]{16}-.+|\.mapping-map\.tif|\..+\.lock")
#: The file that tells a demo's folder, in which users work on.
_MARK = ".autoai4eo-demo"
_BLOCKS = 6  # of 640 m, along each edge of the scene


def demo(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = OUT,
    search: Annotated[
        bool,
        typer.Option(
            "--search",
            help="Search for accurate and fast networks instead, with 10 M MACs at "
            "most, and show the front.",
        ),
    ] = False,
) -> None:
    """Generate data, search, evaluate, export, map a scene, write the report.

    Resumes a search that was interrupted, and repeats one that is complete.

    Example: autoai4eo demo --search --out front
    """
    begin = time.monotonic()
    check_can_write_into(out)
    _check(out)
    with written(out):
        out.mkdir(parents=True, exist_ok=True)
        (out / _MARK).touch()
    with output_alone(out / "run", "demo"):
        remove_leftovers(out)
        _generate(out, _SEARCHED if search else _SAMPLES)
        made = _search(out) if search else _whole(out)
    console.print(f"{made}   ({time.monotonic() - begin:,.0f} s in all)")


def _generate(out: Path, samples: Mapping[str, int]) -> None:
    """Writes patches and a scene."""
    with hushed():
        from autoai4eo.data.synthetic import write_scene_like, write_so2sat_like
    with written(out):
        for part, (name, number) in enumerate(samples.items()):
            with in_one_step(out / f"{name}.h5") as temporary:
                write_so2sat_like(temporary, number, seed=_SEED + part)
        with in_one_step(out / "scene.tif") as temporary:
            write_scene_like(temporary, _BLOCKS, seed=_SEED)
    console.print(
        f"generated {sum(samples.values()):,} synthetic patches in So2Sat's layout "
        f"and a scene in {out} (not real data: scores on them mean nothing)"
    )


def _whole(out: Path) -> str:
    """Runs every step, with a small search; returns what was made."""
    from autoai4eo.runs.folder import Run

    run, exported = out / "run", out / "savedmodel"
    fit.fit(
        out / "training.h5",
        run,
        val=out / "validation.h5",
        max_trials=_TRIALS,
        epochs=_EPOCHS,
        seed=_SEED,
        overwrite=run.exists() and not is_to_resume(out, search=False),
    )
    model.evaluate(run, out / "testing.h5")
    model.export(run, exported, overwrite=exported.exists())
    map.map(
        str(run),
        [out / "scene.tif", out / "map.tif"],
        overwrite=(out / "map.tif").exists(),
    )
    report.report(run)
    return (
        f"data {out}/*.h5 and scene.tif, run {run}, SavedModel {exported}, "
        f"map {out}/map.tif, to look at: {Run(run).report}"
    )


def _search(out: Path) -> str:
    """Searches for accurate and fast networks; returns what was made."""
    from autoai4eo.runs.folder import Run

    run = out / "run"
    fit.fit(
        out / "training.h5",
        run,
        val=out / "validation.h5",
        objective=_OBJECTIVES,
        constraint=_LIMITS,
        tuner="cost-aware",
        rule="knee",
        max_trials=_SEARCH_TRIALS,
        epochs=_SEARCH_EPOCHS,
        seed=_SEED,
        references=False,
        overwrite=run.exists() and not is_to_resume(out, search=True),
    )
    trials.pareto(run)
    report.report(run)
    return f"run {run}, its front to look at: {Run(run).report}"


def is_to_resume(out: Path, search: bool) -> bool:
    """Returns whether the same demo began the search in a folder and did not end it.

    Args:
        out: the folder, with the data that the search is to have.
        search: whether it is the demo with ``--search``.
    """
    with hushed():
        from autoai4eo.data.readers.opening import open_dataset
        from autoai4eo.runs.folder import Run
        from autoai4eo.runs.study import open_study
    run = out / "run"
    try:
        if not is_begun(run, search):
            return False
        open_study(run)
        here = [open_dataset(out / f"{n}.h5").fingerprint() for n in [*_SAMPLES][:2]]
    except (MissingError, DamagedError):
        return False  # nothing to go on with
    known = Run(run).read()["data"]
    return here == [known[role]["fingerprint"] for role in ("training", "validation")]


def is_begun(run: Path, search: bool) -> bool:
    """Returns whether a demo began a search and did not end it; reads no data.

    Args:
        run: the folder of the search.
        search: whether it is the demo with ``--search``.

    Raises:
        UserError: the folder holds no run, or a damaged one.
    """
    from autoai4eo.runs.belonging import trained_finalist
    from autoai4eo.runs.chosen import is_scored
    from autoai4eo.runs.folder import Run

    asked = [_SEARCH_TRIALS, _SEARCH_EPOCHS] if search else [_TRIALS, _EPOCHS]
    known = Run(run).read()["arguments"]
    if [known.get(name) for name in ("max_trials", "epochs")] != asked:
        return False
    return trained_finalist(run) is None or not is_scored(run)


def _check(out: Path) -> None:
    """Checks that a folder is new, empty or that of an earlier demo.

    That of a demo may hold other files, which stay as they are.

    Raises:
        UserError: it holds a file that no demo wrote, or a link.
    """
    if not out.exists():
        return
    maps = ("scene.tif", "map.tif", "map_confidence.tif")
    ours = {_MARK, "run", "savedmodel", *maps, *(f"{name}.h5" for name in _SAMPLES)}
    is_ours = (out / _MARK).is_file()
    for path in sorted(out.iterdir()):
        known = path.name in ours or _LEFT.fullmatch(path.name)
        in_the_way = path.is_symlink() if known else not is_ours
        if in_the_way:
            raise UserError(
                f"{out}: expected a new folder or that of an earlier demo, found "
                f"{path.name} in it; choose another folder with --out"
            )
    if (out / "map.tif").exists():
        with hushed():
            from autoai4eo.deploy.mapping.earlier import check_no_scene
        try:
            check_no_scene(out / "map.tif")
        except UserError as error:
            raise UserError(
                f"{out}: expected a new folder or that of an earlier demo, found a "
                "map.tif of something else; choose another folder with --out"
            ) from error
