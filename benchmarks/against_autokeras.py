"""Our search against stock AutoKeras: the same data, wall clock and cores.

    python benchmarks/against_autokeras.py --data so2sat --minutes 20 --out DIR
    python benchmarks/against_autokeras.py --data eurosat --minutes 20 --out DIR

Data: the So2Sat-layout patches as they are split, or 5,000 EuroSAT images (4,998 once
rounded by class) drawn with a fixed seed and split 0.8/0.1/0.1 class by class; both
sides read the same files. Ours maximises validation kappa under a limit of a fifth of
the peer's multiply-adds. Both are judged on the testing split and profiled by
`autoai4eo.cost`, one after the other.

Prints one markdown table. DIR keeps stock.json, ours.json, the models and the data;
`--only stock|ours` runs one side anew and takes the other from there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SPLITS = ("training", "validation", "testing")
IMAGES, SEED = 5000, 0
LESS_MACS = 5  # ours may cost at most the peer's multiply-adds divided by this


def so2sat(out: Path) -> list[Path]:
    """The three HDF5 files of the So2Sat-layout patches."""
    return [SHARED / "so2sat_layout" / f"{split}.h5" for split in SPLITS]


def eurosat(out: Path) -> list[Path]:
    """Three folders of class folders with `IMAGES` images of EuroSAT between them."""
    rng = np.random.default_rng(SEED)
    with zipfile.ZipFile(SHARED / "eurosat_rgb" / "EuroSAT_RGB.zip") as archive:
        by_class: dict[str, list[str]] = {}
        for name in sorted(archive.namelist()):
            if name.endswith(".jpg"):
                by_class.setdefault(PurePosixPath(name).parent.name, []).append(name)
        total = sum(map(len, by_class.values()))
        for label, names in by_class.items():
            drawn = rng.permutation(names)[: round(len(names) * IMAGES / total)]
            edges = [round(len(drawn) * share) for share in (0.8, 0.9)]
            for split, part in zip(SPLITS, np.split(drawn, edges), strict=True):
                folder = out / "eurosat" / split / label
                folder.mkdir(parents=True, exist_ok=True)
                for name in part:
                    image = folder / PurePosixPath(name).name
                    image.write_bytes(archive.read(str(name)))
    return [out / "eurosat" / split for split in SPLITS]


def stock(data: list[Path], minutes: float, out: Path) -> dict[str, Any]:
    """The peer, as benchmarks/stock.py searches and judges it."""
    script = Path(__file__).with_name("stock.py")
    result = _json_of(
        [sys.executable, script, *data, "--out", out / "stock", "--minutes", minutes]
    )
    return {**result, **profile(out / "stock" / "best.keras")}


def ours(
    data: list[Path], minutes: float, out: Path, macs: float | None
) -> dict[str, Any]:
    """`autoai4eo fit` for as long, with at most `macs` multiply-adds."""
    training, validation, testing = data
    command, run = Path(sys.executable).with_name("autoai4eo"), out / "ours"
    limit = [] if macs is None else ["--constraint", f"macs={macs:.0f}"]
    fit = [command, "fit", training, "--val", validation, "--out", run]
    fit += ["--objective", "val_cohen_kappa", *limit, "--max-hours", minutes / 60]
    _run([*fit, "--max-trials", 1000, "--seed", SEED, "--overwrite", "--quiet"])
    trials = _json_of([command, "trials", run, "--json"])
    return {
        **_json_of([command, "evaluate", run, testing, "--json"]),
        "trials_finished": sum(trial["status"] == "complete" for trial in trials),
        **profile(run / "best" / "model.keras"),
    }


def profile(model: Path) -> dict[str, Any]:
    """What `autoai4eo.cost` says of a saved model, in a process of its own."""
    code = (
        "import json, sys, autokeras, keras, autoai4eo as ae\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "print(json.dumps(ae.profile(model).to_dict()))"
    )
    return _json_of([sys.executable, "-c", code, model])


def table(results: dict[str, dict[str, Any]]) -> str:
    """The two sides as a markdown table."""
    lines = [
        "| | kappa | OA | MACs | parameters | latency ms | trainings finished |",
        "|---|---|---|---|---|---|---|",
    ]
    for side, result in results.items():
        lines.append(
            f"| {side} | {result['cohen_kappa']:.3f} | {result['accuracy']:.3f} "
            f"| {result['macs'] / 1e6:.2f} M | {result['params']:,} "
            f"| {result['latency_ms']:.2f} | {result['trials_finished']} |"
        )
    return "\n".join(lines)


def _run(command: list[Any]) -> str:
    done = subprocess.run(
        [str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _json_of(command: list[Any]) -> Any:
    return json.loads(_run(command))


def main() -> None:
    """Runs the sides asked for and prints what is known of both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", choices=["so2sat", "eurosat"], required=True)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=["stock", "ours"])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    data = {"so2sat": so2sat, "eurosat": eurosat}[args.data](args.out)

    kept = {side: args.out / f"{side}.json" for side in ("stock", "ours")}
    if args.only in (None, "stock"):
        result = stock(data, args.minutes, args.out)
        kept["stock"].write_text(json.dumps(result, indent=1))
    if args.only in (None, "ours"):
        macs = None
        if kept["stock"].exists():
            macs = json.loads(kept["stock"].read_text())["macs"] / LESS_MACS
        result = ours(data, args.minutes, args.out, macs)
        kept["ours"].write_text(json.dumps(result, indent=1))
    known = {s: json.loads(f.read_text()) for s, f in kept.items() if f.exists()}
    print(table(known))


if __name__ == "__main__":
    main()
