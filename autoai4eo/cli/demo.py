"""``demo``: the main job, whole, on a small generated data set."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from autoai4eo.cli import fit, map, model, report
from autoai4eo.cli.console import console, hushed
from autoai4eo.errors import UserError
from autoai4eo.files import check_can_write_into

_SAMPLES = {"training": 1200, "validation": 300, "testing": 300}
_TRIALS, _EPOCHS, _SEED = 3, 4, 0
_BLOCKS = 6  # of 640 m, along each edge of the scene


def demo(
    out: Annotated[Path, typer.Option(help="Where all of it is written.")] = Path(
        "autoai4eo-demo"
    ),
) -> None:
    """Generate data, search, evaluate, export, map a scene, write the report."""
    begin = time.monotonic()
    check_can_write_into(out)
    _clear(out)
    with hushed():
        from autoai4eo.data.synthetic import write_scene_like, write_so2sat_like
    out.mkdir(parents=True)
    for part, (name, samples) in enumerate(_SAMPLES.items()):
        write_so2sat_like(out / f"{name}.h5", samples, seed=_SEED + part)
    write_scene_like(out / "scene.tif", _BLOCKS, seed=_SEED)
    console.print(
        f"generated {sum(_SAMPLES.values()):,} synthetic patches in So2Sat's layout "
        f"and a scene in {out} (not real data: scores on them say nothing of the world)"
    )
    run, exported = out / "run", out / "savedmodel"
    fit.fit(
        out / "training.h5",
        run,
        val=out / "validation.h5",
        max_trials=_TRIALS,
        epochs=_EPOCHS,
        seed=_SEED,
    )
    model.evaluate(run, out / "testing.h5")
    model.export(run, exported)
    map.map(str(run), [out / "scene.tif", out / "map.tif"])
    report.report(run)
    console.print(
        f"data {out}/*.h5 and scene.tif, run {run}, SavedModel {exported}, "
        f"map {out}/map.tif, to look at: {run}/report.html   "
        f"({time.monotonic() - begin:,.0f} s in all)"
    )


def _clear(out: Path) -> None:
    """Removes what an earlier demo left, and nothing else."""
    if not out.exists():
        return
    maps = ("scene.tif", "map.tif", "map_confidence.tif")
    ours = {"run", "savedmodel", *maps, *(f"{name}.h5" for name in _SAMPLES)}
    strange = sorted({path.name for path in out.iterdir()} - ours)
    if strange:
        raise UserError(
            f"{out}: expected no folder or that of an earlier demo, found "
            f"{strange[0]} in it; choose another folder with --out"
        )
    shutil.rmtree(out)
